"""Delivery: a thread an output, each at its own pace.

An output that is slow, away or broken holds up neither scoring nor another output: what it has not
taken stays in the journal, up to the journal's limit. Where each output is lies in a cursor file of
its own, written after the output said that it has the entries; so after a kill an output may see a
few entries again, unless it can tell itself what it has (files and Redis can).
"""

import contextlib
import hashlib
import os
import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from whetstone.errors import InputError
from whetstone.streaming.outputs.entries import Entry
from whetstone.streaming.outputs.journal import Journal
from whetstone.streaming.outputs.output import Output, OutputError, Refused

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 60.0
_ROUND_SECONDS = 0.2
_CURSOR_SECONDS = 1.0


class Deliveries:
    """All outputs of a scorer."""

    def __init__(self, journal: Journal, outputs: Sequence[Output], directory: Path) -> None:
        """Find out where each output left off. To be done before the journal is appended to.

        Args:
            journal: what is delivered.
            outputs: where to.
            directory: of the cursors; made if missing.

        Raises:
            InputError: two outputs are the same place.
            OutputError: an output cannot be used as it is.
        """
        names = [output.name for output in outputs]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"{name} is given twice as output: name it once")
        directory.mkdir(parents=True, exist_ok=True)
        self.deliveries = [Delivery(output, journal, directory) for output in outputs]

    def start(self) -> None:
        """Begin to deliver."""
        for delivery in self.deliveries:
            delivery.start()

    def stop(self, drain: float) -> bool:
        """End, after at most `drain` seconds; whether everything was delivered by then."""
        deadline = time.monotonic() + drain
        for delivery in self.deliveries:
            delivery.finish()
        done = [
            delivery.join(max(0.0, deadline - time.monotonic())) for delivery in self.deliveries
        ]
        return all(done)


class Delivery:
    """Takes entries from the journal to one output.

    Attributes:
        delivered: entries that the output has taken.
        passed_over: entries that it does not want.
        refused: entries that it will never take, and which were given up.
        retries: failures after which the same was offered again.
        error: what went wrong last; empty when it is well.
    """

    def __init__(self, output: Output, journal: Journal, directory: Path) -> None:
        self._output = output
        self._journal = journal
        self._cursor = Cursor(directory / _file_name(output.name))
        known = [at for at in (self._cursor.read(), output.cursor()) if at is not None]
        self._reader = journal.reader(max(known) if known else None)
        self._thread = threading.Thread(target=self._run, name=f"to {output.name}", daemon=True)
        self._finishing = threading.Event()
        self._stopped = threading.Event()
        self._success = time.monotonic()
        self._hand: list[tuple[int, Entry]] = []
        self._singly = False
        self.delivered = 0
        self.passed_over = 0
        self.refused = 0
        self.retries = 0
        self.error = ""

    @property
    def name(self) -> str:
        """The output's."""
        return self._output.name

    @property
    def dropped(self) -> int:
        """Entries that the journal could not keep for it any longer."""
        return self._reader.dropped

    @property
    def behind(self) -> int:
        """Entries that it has still to see."""
        return max(0, self._journal.last - self._reader.passed)

    @property
    def since_success(self) -> float:
        """Seconds since it last was done with all there was, or with a part of it."""
        return time.monotonic() - self._success

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> None:
        """End as soon as all there is was delivered."""
        self._finishing.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end, then give up; whether all there was is delivered."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        self._stopped.set()
        return not self._thread.is_alive() and not self.behind

    def _run(self) -> None:
        pause = FIRST_PAUSE
        with contextlib.closing(self._output), contextlib.closing(self._cursor):
            while not self._stopped.is_set() and not self._exhausted():
                try:
                    self._offer()
                    pause = FIRST_PAUSE
                # A fault of the output itself shall not end its delivery without a word either.
                except Exception as error:
                    self.error = str(error) or repr(error)
                    self.retries += 1
                    asked = error.retry_after if isinstance(error, OutputError) else 0.0
                    # Jitter: scorers that lost the same place do not come back all at once.
                    self._stopped.wait(max(asked, pause * random.uniform(0.5, 1.0)))  # noqa: S311
                    pause = min(LONGEST_PAUSE, 2 * pause)

    def _exhausted(self) -> bool:
        """Whether it shall end, and all there is was delivered."""
        return self._finishing.is_set() and not self.behind and not self._hand

    def _offer(self) -> None:
        """Offer what is in hand, or what comes next."""
        self._hand = self._hand or self._reader.next(self._output.batch, _ROUND_SECONDS)
        if self._hand:
            self._hand_over(self._hand[:1] if self._singly else self._hand)
        self._singly = self._singly and bool(self._hand)
        self._success = time.monotonic()

    def _hand_over(self, entries: list[tuple[int, Entry]]) -> None:
        wanted = [(sequence, entry) for sequence, entry in entries if self._output.wants(entry)]
        try:
            if wanted:
                self._output.send(wanted)
            self.delivered += len(wanted)
            self.error = ""
        except Refused as error:
            self.error = str(error)
            if len(entries) > 1:
                self._singly = True
                return
            self.refused += 1
        self.passed_over += len(entries) - len(wanted)
        self._hand = self._hand[len(entries) :]
        self._reader.passed = entries[-1][0]
        self._cursor.write(entries[-1][0])


class Cursor:
    """The sequence number up to which an output needs nothing any more, on disk."""

    _LENGTH = 20

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._flushed = 0.0

    def read(self) -> int | None:
        """What was written last; None: nothing yet."""
        try:
            text = self._path.read_text("ascii")
        except FileNotFoundError:
            return None
        return int(text) if len(text) == self._LENGTH + 1 and text[:-1].isdigit() else None

    def write(self, sequence: int) -> None:
        """Replace it in place: twenty digits in one write are never seen half-written.

        A kill loses nothing of it, a power cut at most the last second.
        """
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o640)
        os.pwrite(self._descriptor, f"{sequence:0{self._LENGTH}}\n".encode(), 0)
        if time.monotonic() - self._flushed >= _CURSOR_SECONDS:
            os.fdatasync(self._descriptor)
            self._flushed = time.monotonic()

    def close(self) -> None:
        """Give back the file."""
        if self._descriptor >= 0:
            os.fdatasync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


def _file_name(name: str) -> str:
    scheme = name.partition(":")[0]
    return f"{scheme}-{hashlib.sha256(name.encode()).hexdigest()[:16]}.cursor"
