"""Canaries: events that an operator has put into the stream to see an alert come out of it.

A directory holds a file a source, named after it (`sshd.log`), with raw lines that one of the
environment's detectors alerts on. Their clock is filled in with the time now in the environment's
zone, see `whetstone.canary_clock`:

    {time:%b %d %H:%M:%S} canary sshd[1]: Failed password for root from 192.0.2.1 port 1 ssh2

The lines take the way of all others behind the reader: framed, parsed, windowed, scored, explained,
written to the journal. What comes out is marked (`whetstone.canary`) and shown to no analyst. One
that does not come out in time is an alarm. Give canaries entities of their own, such as the
addresses of RFC 5737: what shares a window with them is marked too.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from whetstone.canary_clock import has_clock, with_clock
from whetstone.errors import InputError
from whetstone.streaming.health.alarms import alarm
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.instants import SECOND, instant
from whetstone.streaming.outputs.entries import Entry

MOST_BYTES = 1 << 16
# A line's clock may tell whole seconds only.
_CLOCK = 2 * SECOND


@dataclass(frozen=True)
class Canary:
    """Lines that shall raise an alert.

    Attributes:
        source: whose lines they are.
        text: the lines, with the places of their clock.
    """

    source: str
    text: str

    def lines(self, at: datetime) -> bytes:
        """The lines as they would be written at an instant."""
        return with_clock(self.text, at).encode()


@dataclass(frozen=True)
class Plan:
    """When canaries are sent.

    Attributes:
        every: seconds between two on the same input.
        within: seconds after which one that has not come out is missing: more than the longest
            window of the detector that shall find it, and the lateness.
        time_zone: the environment's.
    """

    every: float = 300.0
    within: float = 900.0
    time_zone: str = "UTC"


@dataclass(frozen=True)
class _Sent:
    at: int  # microseconds since 1970
    deadline: float


def read_canaries(directory: Path, sources: Collection[str]) -> list[Canary]:
    """The canaries in a directory, for some of the sources that the scorer reads.

    Raises:
        InputError: a file is of no such source, is empty or too large, or its lines have no clock.
    """
    try:
        paths = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"canaries {directory}: {error.strerror}; name a directory") from error
    return [_read(path, sources) for path in paths]


class Canaries:
    """Sends canaries and waits for them.

    Args:
        environment: which.
        canaries: what is sent, each into every input of its source.
        inputs: sources of the inputs, by name.
        put: hands whole lines to an input, see `Buffer.put_aside`.
        metrics: counts them.
        plan: see there.
        clock: seconds, monotonic.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        environment: str,
        canaries: Iterable[Canary],
        inputs: Mapping[str, str],
        put: Callable[[str, bytes], None],
        metrics: Metrics,
        plan: Plan | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._environment, self._put, self._metrics = environment, put, metrics
        self._plan = plan or Plan()
        self._zone = ZoneInfo(self._plan.time_zone)
        self._clock, self._wall = clock, wall
        canaries = list(canaries)
        self._ways = {
            name: [canary for canary in canaries if canary.source == source]
            for name, source in inputs.items()
        }
        self._sources = dict(inputs)
        self._due = {name: clock() for name, sent in self._ways.items() if sent}
        self._waiting: dict[str, deque[_Sent]] = {name: deque() for name in self._due}

    def tick(self) -> list[Entry]:
        """Send what is due; alarms about what should have come out by now. Call it often."""
        now = self._clock()
        for name in [name for name, at in self._due.items() if at <= now]:
            self._send(name, now)
        return [
            self._missing(name, sent)
            for name, waiting in self._waiting.items()
            for sent in _overdue(waiting, now)
        ]

    def saw(self, entries: Iterable[Entry]) -> None:
        """Alerts went to the journal; those that canaries raised are looked at."""
        for entry in entries:
            told: Any = entry.record.get("whetstone", {})
            if told.get("canary"):
                self._came(told)

    def _send(self, name: str, now: float) -> None:
        at = self._wall()
        for canary in self._ways[name]:
            self._put(name, canary.lines(datetime.fromtimestamp(at, self._zone)))
        self._due[name] = now + self._plan.every
        self._waiting[name].append(_Sent(int(at * SECOND), now + self._plan.within))
        self._metrics.canary(self._sources[name], "sent")

    def _came(self, told: Mapping[str, Any]) -> None:
        """Which ones it was is told by the input and the span of the unit they fell into."""
        lines: list[Mapping[str, Any]] = told.get("lines", [])
        for name in {str(line["input"]) for line in lines if int(line["line"]) < 0}:
            waiting = self._waiting.get(name, deque())
            for sent in list(waiting):
                begins = str(told["unit_start"]) <= instant(sent.at + _CLOCK)
                if begins and instant(sent.at - _CLOCK) <= str(told["unit_end"]):
                    waiting.remove(sent)
                    self._metrics.canary(self._sources[name], "seen")

    def _missing(self, name: str, sent: _Sent) -> Entry:
        source = self._sources[name]
        self._metrics.canary(source, "missing")
        message = (
            f"{name}: the canary of {instant(sent.at)} raised no alert within"
            f" {self._plan.within:.0f} s: check the input, the detectors of {source} and their lag"
        )
        return alarm(self._environment, "canary", "canary-missing", name, source, sent.at, message)


def _overdue(waiting: deque[_Sent], now: float) -> list[_Sent]:
    found: list[_Sent] = []
    while waiting and waiting[0].deadline <= now:
        found.append(waiting.popleft())
    return found


def _read(path: Path, sources: Collection[str]) -> Canary:
    source = path.name.partition(".")[0]
    if source not in sources:
        known = ", ".join(sorted(sources))
        raise InputError(f"canary {path}: no input has the source {source!r}; there are {known}")
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"canary {path}: {error}; write raw lines in UTF-8") from error
    if not text.strip() or len(text) > MOST_BYTES:
        raise InputError(f"canary {path}: write at least a line and at most {MOST_BYTES} bytes")
    if not has_clock(text):
        raise InputError(
            f"canary {path}: its lines have no clock, so they would be late: write the time as"
            " {time:%Y-%m-%dT%H:%M:%S.%f%z}, in the form that the source expects"
        )
    return Canary(source, text if text.endswith("\n") else f"{text}\n")
