"""What one input gave and nobody has taken yet: bounded, in order, with what was dropped."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from whetstone.streaming.flow import Chunk, Position
from whetstone.streaming.inputs.framing import NONE, Framer, together

Policy = Literal["block", "drop"]
"""What happens when there is no more room: the input waits, or lines are dropped and counted."""


@dataclass(frozen=True)
class Piece:
    """Bytes in a row.

    Attributes:
        data: may be empty.
        skipped: lines that were dropped in front of them.
        aside: they are whole lines that the input did not give (canaries).
    """

    data: bytes
    skipped: int = 0
    aside: bool = False


@dataclass(frozen=True)
class Taken:
    """What an input gave since the last time.

    Attributes:
        input: its name.
        pieces: in order.
        position: where the input goes on behind them; None: nothing was ever read.
        arrived: `time.monotonic()` when the first of them were read.
        ended: whether the input is over.
        broken: why it ended, if it should not have: a compressed file is damaged there.
        silent: whether nothing came for so long that a pending record is taken as complete.
    """

    input: str
    pieces: tuple[Piece, ...]
    position: Position | None
    arrived: float
    ended: bool = False
    broken: str = ""
    silent: bool = False

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return sum(len(piece.data) for piece in self.pieces)

    def feed(self, framer: Framer) -> pa.RecordBatch:
        """The records that are complete with this, by the framer of the input."""
        found: list[pa.RecordBatch] = []
        for piece in self.pieces:
            framer.skip(piece.skipped)
            found.append(framer.aside(piece.data) if piece.aside else framer.feed(piece.data))
        if self.broken:
            found.append(framer.break_off(self.broken))
        elif self.ended:
            found.append(framer.feed(b"", last=True))
        elif self.silent:
            found.append(framer.flush())
        return together(found) if found else NONE


@dataclass
class Lane:
    """The queue between the thread that reads an input and the one that parses.

    Attributes:
        input: name of the input.
        source: name of its source.
        most_bytes: how much may wait.
        policy: what happens to more.
        size: how many bytes wait.
        dropped: lines dropped because there was no room.
        changed: guards all of this; it is notified of every change.
    """

    input: str
    source: str
    most_bytes: int
    policy: Policy
    changed: threading.Condition
    size: int = 0
    dropped: int = 0
    position: Position | None = None
    _waiting: deque[tuple[tuple[Piece, ...], Position | None, float]] = field(
        default_factory=deque[tuple[tuple[Piece, ...], Position | None, float]]
    )
    _ended: str | None = None
    _heard: float | None = None  # when data last came that no flush has followed
    _torn: bool = False  # whether what waits ends within a line

    def put(self, chunk: Chunk, stopping: threading.Event) -> None:
        """Add a chunk; waits for room, or drops the whole lines in it, as the policy says."""
        with self.changed:
            while self._is_full(chunk) and self.policy == "block" and not stopping.is_set():
                self.changed.wait(0.25)
            full = self._is_full(chunk) and self.policy == "drop"
            pieces = self._without_lines(chunk.data) if full else (Piece(chunk.data),)
            self._torn = not chunk.data.endswith(b"\n")
            self._add(pieces, chunk.position, chunk.arrived)
            self._heard = chunk.arrived

    def put_aside(self, lines: bytes) -> None:
        """Add whole lines that the input did not give."""
        with self.changed:
            self._add((Piece(lines, aside=True),), None, time.monotonic())

    def end(self, broken: str) -> None:
        """The input gives no more; `broken` says why, if it should have."""
        with self.changed:
            self._ended = broken
            self.changed.notify_all()

    def take(self, most: int, silent_after: float) -> Taken | None:
        """What waits, at least one chunk and about `most` bytes; None if nothing does."""
        with self.changed:
            return self._taken(most, silent_after)

    def oldest(self) -> float | None:
        """`time.monotonic()` when the first of what waits was read."""
        return self._waiting[0][2] if self._waiting else None

    def _taken(self, most: int, silent_after: float) -> Taken | None:
        pieces: list[Piece] = []
        arrived, size = time.monotonic(), 0
        while self._waiting and (not pieces or size + _size(self._waiting[0][0]) <= most):
            some, position, at = self._waiting.popleft()
            arrived = min(arrived, at)
            size += _size(some)
            pieces += some
            self.position = position or self.position
        self.size -= size
        ended, broken = self._take_end()
        silent = self._is_silent(silent_after)
        if not pieces and not ended and not silent:
            return None
        self.changed.notify_all()
        merged = _merged(pieces)
        return Taken(self.input, merged, self.position, arrived, ended, broken, silent)

    def _take_end(self) -> tuple[bool, str]:
        if self._waiting or self._ended is None:
            return False, ""
        broken, self._ended = self._ended, None
        self._heard = None
        return True, broken

    def _is_silent(self, after: float) -> bool:
        if self._waiting or self._heard is None or time.monotonic() - self._heard < after:
            return False
        self._heard = None
        return True

    def _is_full(self, chunk: Chunk) -> bool:
        return self.size > 0 and self.size + len(chunk.data) > self.most_bytes

    def _without_lines(self, data: bytes) -> tuple[Piece, ...]:
        """What of a chunk is no whole line: the end of one that waits, the beginning of another."""
        first = data.find(b"\n") + 1 if self._torn else 0
        last = data.rfind(b"\n") + 1
        if last <= first:
            return (Piece(data),)
        lines = data.count(b"\n", first, last)
        self.dropped += lines
        return Piece(data[:first]), Piece(data[last:], lines)

    def _add(self, pieces: tuple[Piece, ...], position: Position | None, arrived: float) -> None:
        self._waiting.append((pieces, position, arrived))
        self.size += _size(pieces)
        self.changed.notify_all()


def _size(pieces: tuple[Piece, ...]) -> int:
    return sum(len(piece.data) for piece in pieces)


def _merged(pieces: list[Piece]) -> tuple[Piece, ...]:
    """The same in as few pieces as can be: framing has a price a call."""
    merged: list[Piece] = []
    run: list[bytes] = []
    skipped = 0
    for piece in pieces:
        if (piece.skipped and run) or piece.aside:
            merged.append(Piece(b"".join(run), skipped))
            run, skipped = [], 0
        if piece.aside:
            merged.append(piece)
            continue
        skipped += piece.skipped
        if piece.data:
            run.append(piece.data)
    if run or skipped:
        merged.append(Piece(b"".join(run) if len(run) > 1 else b"".join(run[:1]), skipped))
    return tuple(merged)
