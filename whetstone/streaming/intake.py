"""Intake: the thread that takes what the inputs gave, puts it into records and parses them."""

# pyarrow ships no types.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from whetstone.streaming.alerting.recent import Recent
from whetstone.streaming.engine import Engine, Parsed
from whetstone.streaming.flow import Position
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.inputs.buffer import Buffer, Taken
from whetstone.streaming.inputs.framing import Framer

THREAD = "parsing"
_AHEAD = 1  # batches that are parsed while another is scored
_AHEAD_SECONDS = 3600.0  # of the wall clock, at which a live log's clock may be
_SMALL = 1 << 20  # bytes; less at once costs more than it has to


@dataclass(frozen=True, eq=False)
class Work:
    """A batch on its way to scoring.

    Attributes:
        parsed: its events.
        position: where the input goes on after it; None: it gave nothing yet.
        framer: what the framer knows after it.
        ended: whether the input is over.
        heard: whether the input itself gave something.
    """

    parsed: Parsed
    position: Position | None
    framer: dict[str, Any]
    ended: bool
    heard: bool


class Intake:
    """Runs framing and parsing beside scoring.

    Args:
        engine: whose `parse` is called here and nowhere else.
        buffer: what the inputs gave.
        framers: of each input, as a checkpoint left them.
        recent: where raw lines are remembered for alerts.
        metrics: where it is counted.
        most_bytes: of a batch.
        wait: seconds in which small batches are no more than one.
        day: the day on which lines arrive, ISO.
        finite: names of the inputs that end: their clocks are believed, whatever they say.
    """

    def __init__(
        self,
        engine: Engine,
        buffer: Buffer,
        framers: Mapping[str, Framer],
        recent: Recent,
        metrics: Metrics,
        most_bytes: int,
        wait: float,
        day: Callable[[], str],
        finite: Collection[str],
    ) -> None:
        self._engine, self._buffer, self._framers = engine, buffer, framers
        self._recent, self._metrics = recent, metrics
        self._most, self._wait, self._day, self._finite = most_bytes, wait, day, finite
        self._work: queue.Queue[Work | BaseException] = queue.Queue(_AHEAD)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; batches that nobody took are dropped, and read again after a restart."""
        self._stopping.set()
        while self._thread.is_alive():
            try:
                self._work.get_nowait()
            except queue.Empty:
                self._thread.join(0.05)
        self._metrics.ended(THREAD)

    def next(self, wait: float) -> Work | None:
        """The next batch; None if there is none within `wait` seconds.

        Raises:
            WhetstoneError: parsing is not possible at all.
        """
        try:
            work = self._work.get(timeout=wait)
        except queue.Empty:
            return None
        if isinstance(work, BaseException):
            raise work
        return work

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._metrics.beat(THREAD)
                began = time.monotonic()
                taken = self._buffer.take(self._most, wait=0.25)
                for one in taken:
                    self._put(self._parsed(one))
                if sum(one.size for one in taken) < _SMALL:
                    self._stopping.wait(self._wait - (time.monotonic() - began))
        except BaseException as error:  # the scoring thread raises it
            self._put(error)

    def _parsed(self, taken: Taken) -> Work:
        framer = self._framers[taken.input]
        records = taken.feed(framer)
        self._recent.add_lines(taken.input, records)
        latest = None if taken.input in self._finite else int((time.time() + _AHEAD_SECONDS) * 1e6)
        parsed = self._engine.parse(taken.input, records, self._day(), taken.arrived, latest)
        self._metrics.read(taken.input, parsed.source, records.num_rows, taken.size)
        heard = any(piece.data and not piece.aside for piece in taken.pieces)
        return Work(parsed, taken.position, framer.state(), taken.ended, heard)

    def _put(self, work: Work | BaseException) -> None:
        while not self._stopping.is_set():
            try:
                self._work.put(work, timeout=0.25)
                return
            except queue.Full:
                self._metrics.beat(THREAD)


def today() -> str:
    """The day, UTC, ISO."""
    return datetime.fromtimestamp(time.time(), UTC).date().isoformat()
