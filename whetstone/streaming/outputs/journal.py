"""The journal: what the scorer said, in order, on disk before anybody hears of it.

Scoring appends; each output reads at its own pace through a `Reader`. Records are numbered from 1,
without gaps, and lie as lines of JSON in segments named after the first number in them:

    journal/00000000000000000001.jsonl
    journal/00000000000000004711.jsonl

*Exactly once*: a scorer that was killed reads its inputs again from the checkpoint and says the
same again. The journal knows what it holds beyond the checkpoint's sequence number, and drops that.

*Bounded*: a segment goes when every output has passed it. If an output is away for so long that the
segments exceed the limit, the oldest go undelivered, and its reader counts them. What the
checkpoint does not cover yet is never removed: it tells what was said already.
"""

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from whetstone.durable import flush
from whetstone.errors import StorageError
from whetstone.streaming.outputs.entries import Entry, decode, encode
from whetstone.streaming.outputs.segments import (
    Segment,
    repaired,
    segments_in,
    whole_lines,
    write_all,
)

__all__ = ["Entry", "Journal", "Reader"]

LIMIT_BYTES = 256 << 20
_SEGMENT_BYTES = 8 << 20
# A scorer is killed within one interval of checkpoints: it says the same again within the first one
# or two. What it has not said by then came from a clock, or from settings that have changed.
_CHECKPOINTS_TO_SAY_IT_AGAIN = 20


class Journal:
    """Appended to by any thread, read by one thread a reader.

    Attributes:
        appended: records that this process added.
        repeated: records that came again, and were dropped.
    """

    def __init__(self, directory: Path, since: int = 0, limit_bytes: int = LIMIT_BYTES) -> None:
        """Open the journal, or begin one, and repair what a kill or power cut left half-written.

        Args:
            directory: of the segments; made if missing.
            since: sequence number in the checkpoint; 0 without one.
            limit_bytes: most that the segments may take.

        Raises:
            StorageError: the directory cannot be read or written.
        """
        self._directory = directory
        self._limit = limit_bytes
        self._segment_bytes = min(_SEGMENT_BYTES, max(1, limit_bytes // 8))
        self._appending = threading.Lock()
        self._changed = threading.Condition()
        self._readers: list[Reader] = []
        self._closed = False
        self._descriptor = -1
        self.appended = 0
        self.repeated = 0
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._segments = segments_in(directory)
            last = repaired(self._segments[-1]) if self._segments else 0
            self._unfinished = self._segments[-1] if self._segments else None
            self._last = max(last, since)
            self._covered = since
            self._held = self._said_since(since)
            self._unsaid = dict(self._held)
            self._checkpoints = 0
        except OSError as error:
            raise _unwritable(directory, error) from error

    @property
    def sequence(self) -> int:
        """Number that a checkpoint takes along: all up to it was said, and is on disk.

        While a scorer that was killed says again what the journal holds already, that is what it
        has come to so far, and not the last record: after another kill the rest comes a third time.
        """
        with self._appending:
            return next(iter(self._unsaid.values()), self._last + 1) - 1

    @property
    def last(self) -> int:
        """Number of the last record on disk."""
        return self._last

    @property
    def first(self) -> int:
        """Number of the oldest record it still has, or of the next one."""
        with self._changed:
            return self._segments[0].first if self._segments else self._last + 1

    @property
    def size(self) -> int:
        """Bytes that the segments take on disk."""
        with self._changed:
            return sum(segment.size for segment in self._segments)

    def append(self, entries: Iterable[Entry]) -> None:
        """Add what it does not hold yet; on disk when this returns, and only then told to readers.

        Raises:
            StorageError: the disk refuses; nothing was added, and it may be tried again.
        """
        with self._appending:
            fresh = self._fresh(entries)
            if not fresh:
                return
            first = self._last + 1
            lines = [encode(first + number, entry) for number, entry in enumerate(fresh.values())]
            self._write(b"".join(lines))
            self._held.update(zip(fresh, range(first, first + len(fresh)), strict=True))
            self.appended += len(fresh)
            self._trim()

    def checkpointed(self, sequence: int) -> None:
        """A checkpoint that holds `sequence` is on disk: what came before is never said again."""
        with self._appending:
            self._covered = max(self._covered, sequence)
            self._checkpoints += 1
            if self._checkpoints >= _CHECKPOINTS_TO_SAY_IT_AGAIN:
                self._unsaid.clear()
            covered = [key for key, said in self._held.items() if said <= sequence]
            for key in covered:
                del self._held[key]
            self._trim()

    def reader(self, cursor: int | None) -> "Reader":
        """Read what comes after `cursor`; None: all there is.

        A cursor beyond the last record tells that the journal was lost and the output was not:
        numbers go on after it, so that what comes now is not taken for what the output has.
        """
        reader = Reader(self, cursor)
        with self._appending, self._changed:
            self._last = max(self._last, cursor or 0)
            self._readers.append(reader)
        return reader

    def close(self) -> None:
        """Wake all readers, who find nothing more; what was appended stays."""
        with self._appending, self._changed:
            self._closed = True
            self._end_segment()
            self._changed.notify_all()

    def wait_beyond(self, sequence: int, seconds: float) -> bool:
        """Whether there is a record beyond `sequence`, now or within so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._last > sequence or self._closed, seconds)
            return self._last > sequence

    def segment_of(self, sequence: int) -> Segment | None:
        """The segment that holds this record, or the next one there is."""
        with self._changed:
            before = [segment for segment in self._segments if segment.first <= sequence]
            return before[-1] if before else next(iter(self._segments), None)

    def segment_after(self, segment: Segment) -> Segment | None:
        """The oldest one younger than `segment`."""
        with self._changed:
            return next((later for later in self._segments if later.first > segment.first), None)

    def _said_since(self, since: int) -> dict[tuple[str, int], int]:
        said: dict[tuple[str, int], int] = {}
        for segment, last in self._with_lasts():
            if last <= since:
                continue
            for line in segment.path.read_bytes().splitlines():
                read = decode(line)
                if read is not None and read[0] > since:
                    said[read[1].id, read[1].revision] = read[0]
        return said

    def _fresh(self, entries: Iterable[Entry]) -> dict[tuple[str, int], Entry]:
        fresh: dict[tuple[str, int], Entry] = {}
        for entry in entries:
            key = (entry.id, entry.revision)
            if key in self._held or key in fresh:
                self.repeated += 1
                self._unsaid.pop(key, None)
            else:
                fresh[key] = entry
        return fresh

    def _write(self, data: bytes) -> None:
        try:
            segment = self._segment()
            try:
                write_all(self._descriptor, data)
                os.fdatasync(self._descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._descriptor, segment.size)
                self._end_segment()
                raise
        except OSError as error:
            raise _unwritable(self._directory, error) from error
        with self._changed:
            segment.size += len(data)
            self._last += data.count(b"\n")
            self._changed.notify_all()

    def _segment(self) -> Segment:
        """The segment to append to; `_descriptor` is open on it."""
        last = self._segments[-1] if self._segments else None
        if self._descriptor >= 0 and last is not None:
            if last.size < self._segment_bytes:
                return last
            self._end_segment()
        elif last is not None and last is self._unfinished and last.size < self._segment_bytes:
            self._descriptor = os.open(last.path, os.O_WRONLY | os.O_APPEND)
            return last
        first = self._last + 1
        path = self._directory / f"{first:020}.jsonl"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        os.ftruncate(self._descriptor, 0)
        flush(self._directory)
        begun = Segment(path, first, 0)
        with self._changed:
            self._segments = [s for s in self._segments if s.first < first] + [begun]
        return begun

    def _end_segment(self) -> None:
        self._unfinished = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _with_lasts(self) -> list[tuple[Segment, int]]:
        """Each segment and the highest number it may hold."""
        lasts = [later.first - 1 for later in self._segments[1:]]
        return list(zip(self._segments, [*lasts, self._last], strict=False))

    def _trim(self) -> None:
        with self._changed:
            passed = min((reader.passed for reader in self._readers), default=self._last)
            total = sum(segment.size for segment in self._segments)
            gone = 0
            for segment, last in self._with_lasts()[:-1]:
                if last > self._covered or (last > passed and total <= self._limit):
                    break
                total -= segment.size
                gone += 1
            trimmed, self._segments = self._segments[:gone], self._segments[gone:]
        for segment in trimmed:
            segment.path.unlink(missing_ok=True)


class Reader:
    """What one output has still to deliver. Used by one thread.

    Attributes:
        passed: number up to which the output needs nothing any more.
    """

    def __init__(self, journal: Journal, cursor: int | None) -> None:
        self._journal = journal
        self._loaded = cursor
        self._searched = 0
        self._segment: Segment | None = None
        self._offset = 0
        self._ready: list[tuple[int, Entry]] = []
        self._lost = 0
        self.passed = cursor or 0

    @property
    def dropped(self) -> int:
        """Records that went undelivered, because the journal may not grow without end."""
        if self._loaded is None:
            return self._lost
        return self._lost + max(0, self._journal.first - 1 - self._loaded)

    def next(self, most: int, wait: float) -> list[tuple[int, Entry]]:
        """The next records with their numbers, at most so many; none came in `wait` seconds: []."""
        while not self._ready:
            if not self._journal.wait_beyond(max(self._loaded or 0, self._searched), wait):
                return []
            last = self._journal.last
            if not self._load():
                self._searched = last
        taken, self._ready = self._ready[:most], self._ready[most:]
        return taken

    def _load(self) -> bool:
        """Read one block further; False where there is no more yet."""
        if self._segment is None:
            self._segment = self._journal.segment_of((self._loaded or 0) + 1)
            self._offset = 0
            if self._segment is None:
                return False
        # In this order: a segment that has a successor does not grow any more.
        later = self._journal.segment_after(self._segment)
        block = whole_lines(self._segment, self._offset)
        if not block:
            if later is None:
                return False
            self._segment, self._offset = later, 0
            return True
        self._offset += len(block)
        for line in block.splitlines():
            self._take(line)
        return True

    def _take(self, line: bytes) -> None:
        read = decode(line)
        if read is None or read[0] <= (self._loaded or 0):
            return
        if self._loaded is not None:
            self._lost += read[0] - self._loaded - 1
        self._loaded = read[0]
        self._ready.append(read)


def _unwritable(directory: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{directory}: the journal of alerts cannot be written ({error.strerror or error}). "
        "Free space or fix permissions and start again: nothing was lost"
    )
