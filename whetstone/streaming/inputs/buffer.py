"""Between the inputs and the parser: a reader thread and a bounded lane for each input.

An input that fails is opened again where it was, after a pause that grows; what it said is in
`InputState.error` until it gives lines again. Nothing is dropped unless the policy says so, and
then whole lines only, which keep their numbers.
"""

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whetstone.errors import InputError
from whetstone.streaming.flow import EndOfInput, Input, Position
from whetstone.streaming.inputs.lane import Lane, Policy, Taken

__all__ = ["Buffer", "InputState", "Policy", "Taken"]

SILENT_SECONDS = 5.0
_READ_BYTES = 1 << 20
_READ_SECONDS = 0.2
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class InputState:
    """How an input is.

    Attributes:
        name: the input's.
        source: its source's.
        lag_bytes: what waits here and, as far as that is known, in front of the input.
        lag_seconds: the age of the oldest that waits here.
        dropped: why lines never came to the parser -> how many since the start: "buffer full";
            "lost before reading" (datagrams the system dropped, connections that broke off);
            "gap" (times that the rest of a file was gone).
        error: why it cannot be read now; None: it can.
        failures: how often it could not.
    """

    name: str
    source: str
    lag_bytes: int
    lag_seconds: float
    dropped: Mapping[str, int]
    error: str | None
    failures: int


class Buffer:
    """Reads inputs at once, each on a thread of its own.

    Args:
        inputs: not open yet.
        most_bytes: how much of all of them together may wait; each has an equal part.
        policy: what happens to more.
        silent_seconds: of silence, after which a pending record of several lines is complete.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        most_bytes: int = 64 << 20,
        policy: Policy = "block",
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._changed = threading.Condition()
        self._silent_seconds = silent_seconds
        share = max(1, most_bytes // max(1, len(inputs)))
        self._readers = {
            one.name: _Reader(one, Lane(one.name, one.source, share, policy, self._changed))
            for one in inputs
        }

    def start(self, positions: Mapping[str, Position | None]) -> None:
        """Open the inputs, each where its position says, and begin to read.

        Raises:
            InputError: one of them cannot be opened; none is read then.
        """
        try:
            for name, reader in self._readers.items():
                reader.open(positions.get(name))
        except InputError:
            self.stop()
            raise
        for reader in self._readers.values():
            reader.start()

    def take(self, most: int, wait: float) -> list[Taken]:
        """What came, of each input about `most` bytes; none if none came within `wait` seconds.

        Raises:
            Exception: what a reader did not expect.
        """
        deadline = time.monotonic() + wait
        with self._changed:
            while True:
                for reader in self._readers.values():
                    if reader.crash:
                        raise reader.crash
                # Whose lines wait longest is first.
                lanes = sorted((reader.lane for reader in self._readers.values()), key=_age)
                taken = [lane.take(most, self._silent_seconds) for lane in lanes]
                found = [one for one in taken if one]
                left = deadline - time.monotonic()
                if found or left <= 0:
                    return found
                self._changed.wait(left)

    def put_aside(self, name: str, lines: bytes) -> None:
        """Have whole lines pass as if an input had given them; their numbers are negative.

        They are of this process only: no position covers them.
        """
        self._readers[name].lane.put_aside(lines)

    def commit(self, positions: Mapping[str, Position | None]) -> None:
        """A checkpoint holds all up to these positions: what lies before need not be kept."""
        for name, position in positions.items():
            if position is not None and name in self._readers:
                self._readers[name].wanted = position

    def states(self) -> list[InputState]:
        """How each input is."""
        with self._changed:
            return [reader.state() for reader in self._readers.values()]

    def stop(self) -> None:
        """Stop reading and close the inputs; what they were told to commit is committed."""
        for reader in self._readers.values():
            reader.stopping.set()
        for reader in self._readers.values():
            reader.finish()


def _age(lane: Lane) -> float:
    return lane.oldest() or float("inf")


class _Reader:
    """Reads one input on a thread, which alone touches it from `start` on."""

    def __init__(self, one: Input, lane: Lane) -> None:
        self.lane = lane
        self.stopping = threading.Event()
        self.wanted: Position | None = None  # what is to be committed
        self.crash: BaseException | None = None
        self._input = one
        self._position: Position | None = None
        self._error: str | None = None
        self._ended = False
        self._failures = 0
        self._behind = 0
        self._lost: dict[str, int] = {}
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=f"input {one.name}", daemon=True)

    def open(self, position: Position | None) -> None:
        self._position = self.lane.position = position
        self._input.open(position)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Wait for the thread, then close the input."""
        if self._thread.ident:
            self._thread.join()
        self._input.close()

    def state(self) -> InputState:
        oldest = self.lane.oldest()
        return InputState(
            self.lane.input,
            self.lane.source,
            self.lane.size + self._behind,
            time.monotonic() - oldest if oldest is not None else 0.0,
            {"buffer full": self.lane.dropped, **self._lost},
            self._error,
            self._failures,
        )

    def _run(self) -> None:
        try:
            pause = _FIRST_PAUSE_SECONDS
            while not self.stopping.is_set():
                try:
                    if self._error is not None:
                        self._input.open(self._position)
                    self._read()
                except InputError as error:
                    self._error = str(error)
                    self._failures += 1
                    self._look()
                    self.stopping.wait(pause * random.uniform(0.5, 1))  # noqa: S311
                    pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                    continue
                pause = _FIRST_PAUSE_SECONDS
            self._commit()
        except BaseException as error:
            with self.lane.changed:
                self.crash = error
                self.lane.changed.notify_all()

    def _read(self) -> None:
        """Read a chunk; at the end, wait for what is to be committed."""
        self._commit()
        try:
            chunk = self._input.read(_READ_BYTES, _READ_SECONDS)
        except EndOfInput as end:
            if not self._ended:
                self.lane.end(str(end))
                self._ended = True
            self.stopping.wait(_READ_SECONDS)
            return
        self._error = None
        self._look()
        if chunk:
            self.lane.put(chunk, self.stopping)
            self._position = chunk.position

    def _commit(self) -> None:
        wanted, self.wanted = self.wanted, None
        if wanted is not None:
            self._input.commit(wanted)

    def _look(self) -> None:
        """Note the numbers that some inputs keep."""
        behind = getattr(self._input, "behind", None)
        self._behind = behind() if behind else 0
        for attribute, reason in (("lost", "lost before reading"), ("gaps", "gap")):
            count = getattr(self._input, attribute, 0)
            if count:
                self._lost[reason] = count
