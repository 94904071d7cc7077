"""What a scorer tells about itself: numbers for Prometheus, and whether it is well.

    metrics = Metrics("berlin")
    metrics.read("eve", "suricata_flow", lines=4096, size=1 << 20)
    metrics.scored("port_scan", shadow=False, units=310)
    metrics.text()                      # what /metrics answers
    metrics.problems()                  # why /health answers 503; empty: all is well
    metrics.digest()                    # what the platform is told at each heartbeat

One `Metrics` a process; any thread calls it, once a batch and never once an event. Numbers that
others keep (buffers, outputs) are fetched when somebody asks: see `before_reading`.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from whetstone.streaming.health.instruments import RECENT_SECONDS
from whetstone.streaming.health.measures import Measures

ResultOfCanary = Literal["sent", "seen", "missing"]


@dataclass(frozen=True)
class Patience:
    """How many seconds what is wrong may last before the scorer counts as unwell."""

    thread: float = 60.0
    input: float = 60.0
    output: float = 60.0


@dataclass(frozen=True)
class Problem:
    """What is wrong.

    Attributes:
        kind: `progress`, `input`, `output`, `releases` or `canary`.
        name: of the thread, input, output or source it is about.
        detail: what happened and how long ago.
    """

    kind: str
    name: str
    detail: str


class Metrics:
    """Counts what a scorer does.

    Args:
        environment: the one it serves.
        version: of Whetstone.
        patience: see `Patience`.
        clock: seconds, monotonic.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        environment: str,
        version: str = "",
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.environment = environment
        self.version = version
        self._patience = patience or Patience()
        self._clock, self._wall = clock, wall
        self._began = clock()
        self._readings: list[Callable[[Metrics], None]] = []
        self._beats: dict[str, float] = {}
        self._broken: dict[tuple[str, str], tuple[float, str]] = {}
        self._past: deque[tuple[float, float, float]] = deque([(clock(), 0.0, 0.0)])
        self._lock = threading.Lock()
        self._all = Measures(clock)
        self._poll_error = ""
        self._all.started.set(wall())
        self._all.info.set(1, environment, version)

    # Inputs

    def read(self, name: str, source: str, lines: int, size: int) -> None:
        """An input gave so many lines and bytes."""
        self._all.lines.add(lines, name, source)
        self._all.bytes.add(size, name, source)

    def dropped(self, source: str, reason: str, lines: int) -> None:
        """Lines were dropped before they were parsed; so many more than at the last call."""
        self._all.dropped.add(lines, source, reason)

    def dropped_in_all(self, source: str, reason: str, lines: int) -> None:
        """As `dropped`, where the buffer keeps the count: so many since the scorer began."""
        self._all.dropped.set(lines, source, reason)

    def lag(self, name: str, size: int, seconds: float) -> None:
        """What an input has still to hand on: bytes, and the age of the oldest of them."""
        self._all.lag_bytes.set(size, name)
        self._all.lag_seconds.set(seconds, name)

    def input_state(self, name: str, error: str | None) -> None:
        """Whether an input can be read; `error` says why not."""
        self._all.input_up.set(error is None, name)
        self._note("input", name, error)

    def silence(self, name: str, silent: bool, seconds: float) -> None:
        """Whether an input gives nothing for longer than it should, and for how long by now."""
        self._all.silent.set(silent, name)
        self._all.silent_seconds.set(seconds, name)

    # Parsing and units

    def parsed(self, source: str, events: int, rejects: Mapping[str, int]) -> None:
        """A batch was parsed: events, and rejects by reason."""
        self._all.events.add(events, source)
        for reason, count in rejects.items():
            self._all.rejects.add(count, source, reason)

    def late(self, source: str, events: int) -> None:
        """So many events in all came when their unit was closed, and were dropped."""
        self._all.late.set(events, source)

    def ahead(self, source: str, events: int) -> None:
        """So many events in all had a clock far ahead of the wall clock, which was not believed."""
        self._all.ahead.set(events, source)

    def watermark(self, source: str, seconds: float) -> None:
        """Event time, seconds since 1970, up to which a source is complete."""
        self._all.watermark.set(seconds, source)

    def state(self, view: str, units: int, size: int) -> None:
        """Open units of a feature view, and the bytes they take."""
        self._all.open_units.set(units, view)
        self._all.state_bytes.set(size, view)

    def evicted(self, view: str, units: int) -> None:
        """So many open units in all were closed before their time, to free memory."""
        self._all.evicted.set(units, view)

    def unknown_templates(self, source: str, messages: int) -> None:
        """So many messages in all had no template, of those that a feature wanted one of."""
        self._all.unknown.set(messages, source)

    # Scores and alerts

    def scored(self, detector: str, shadow: bool, units: int) -> None:
        """A model scored so many units."""
        self._all.units.add(units, detector, _role(shadow))

    def alerted(self, detector: str, shadow: bool, status: str, records: int = 1) -> None:
        """Alert records of a status (open, updated, closed, withdrawn) went to the journal."""
        self._all.alerts.add(records, detector, _role(shadow), status)

    def folded(self, detector: str, records: int) -> None:
        """Alert records were folded into others because of the cap on their rate."""
        self._all.folded.add(records, detector)

    def latency(self, seconds: float, records: int = 1) -> None:
        """So long after its last line arrived an alert was in the journal."""
        self._all.latency.observe(seconds, records)

    def batch(self, seconds: float, events: int) -> None:
        """A batch went through, from parsing to the journal."""
        self._all.batch.observe(seconds)
        self._all.batch_events.set(events)

    def checkpoint(self, seconds: float, size: int) -> None:
        """A checkpoint was written; how long that took and how many bytes it has."""
        self._all.checkpoints.add(1)
        self._all.checkpoint_seconds.set(seconds)
        self._all.checkpoint_bytes.set(size)
        self._all.checkpoint_at.set(self._wall())

    def beat(self, thread: str) -> None:
        """A thread goes round its loop; call it also when there is nothing to do.

        A thread that was heard once and then is not for `Patience.thread` makes no progress.
        """
        self._beats[thread] = self._clock()

    def ended(self, thread: str) -> None:
        """A thread has ended as it should."""
        self._beats.pop(thread, None)

    # Releases

    def serving(self, detector: str, shadow: bool, version: str) -> None:
        """A model is in service from now on."""
        self._all.release.forget(detector, _role(shadow))
        self._all.release.set(self._wall(), detector, _role(shadow), version)

    def retired(self, detector: str, shadow: bool) -> None:
        """No model of this detector and role is in service any more."""
        self._all.release.forget(detector, _role(shadow))

    def polled(self, expires: float | None, error: str | None = None) -> None:
        """The release repository was asked.

        Args:
            expires: when the metadata that is trusted expires, seconds since 1970.
            error: why nothing could be had.
        """
        self._all.polls.add(1, "failed" if error else "ok")
        self._all.polled_at.set(self._wall())
        if expires is not None:
            self._all.expires.set(expires)
        if error is None:
            self._all.polled_well.set(self._wall())
        self._poll_error = error or ""

    def went_back(self, detector: str) -> None:
        """A model left its bounds and the one before it serves again."""
        self._all.went_back.add(1, detector)

    # Journal, outputs, canaries

    def journal(self, records: int, size: int) -> None:
        """What the journal keeps for outputs that are behind."""
        self._all.journal_records.set(records)
        self._all.journal_bytes.set(size)

    def delivery(
        self, name: str, delivered: int, waiting: int, dropped: int = 0, failures: int = 0
    ) -> None:
        """How far an output is: all since the scorer began, but `waiting`, which is now."""
        self._all.delivered.set(delivered, name)
        self._all.waiting.set(waiting, name)
        self._all.undelivered.set(dropped, name)
        self._all.failures.set(failures, name)

    def output_state(self, name: str, error: str | None) -> None:
        """Whether an output takes records; `error` says why not."""
        self._all.output_up.set(error is None, name)
        self._note("output", name, error)

    def canary(self, source: str, result: ResultOfCanary, count: int = 1) -> None:
        """Canaries were sent, came out at the end, or did not in time."""
        self._all.canaries.add(count, source, result)
        if result != "sent":
            missing = "a canary did not come out at the end" if result == "missing" else None
            self._note("canary", source, missing)

    # What others read

    def before_reading(self, reading: Callable[["Metrics"], None]) -> None:
        """Have `reading` called with this object before anything is told.

        For numbers that somebody else keeps: it calls `lag`, `delivery`, `journal` and the like.
        """
        self._readings.append(reading)

    def text(self) -> str:
        """All numbers in the Prometheus text format."""
        self._refresh()
        return self._all.text()

    def problems(self) -> list[Problem]:
        """What is wrong now, empty if nothing is."""
        self._refresh()
        now, wall = self._clock(), self._wall()
        found = [
            Problem("progress", thread, f"not heard of for {now - at:.0f} s")
            for thread, at in sorted(self._beats.copy().items())
            if now - at > self._patience.thread
        ]
        with self._lock:
            broken = sorted(self._broken.items())
        patience = {"input": self._patience.input, "output": self._patience.output, "canary": 0.0}
        found += [
            Problem(kind, name, f"for {now - since:.0f} s: {error}")
            for (kind, name), (since, error) in broken
            if now - since >= patience[kind]
        ]
        for expires in self._all.expires.values().values():
            if wall > expires:
                why = f"; the last poll failed: {self._poll_error}" if self._poll_error else ""
                found.append(
                    Problem("releases", "metadata", f"expired {wall - expires:.0f} s ago{why}")
                )
        return found

    def digest(self) -> dict[str, Any]:
        """The state in brief, as JSON takes it."""
        problems = self.problems()
        events, alerts = self._rates()
        return {
            "environment": self.environment,
            "version": self.version,
            "up_seconds": round(self._clock() - self._began, 1),
            "problems": [vars(problem) for problem in problems],
            "events": int(self._all.events.total()),
            "events_per_second": events,
            "alerts": int(self._all.alerts.total()),
            "alerts_per_second": alerts,
            "latency_seconds": {
                "p50": _finite(self._all.latency.quantile(0.5)),
                "p99": _finite(self._all.latency.quantile(0.99)),
            },
            "rejects": int(self._all.rejects.total()),
            "dropped": int(self._all.dropped.total()),
            "late": int(self._all.late.total()),
            "ahead": int(self._all.ahead.total()),
            "sources": self._by_source(),
            "lag_bytes": int(self._all.lag_bytes.total()),
            "lag_seconds": max(self._all.lag_seconds.values().values(), default=0.0),
            "open_units": int(self._all.open_units.total()),
            "silent": sorted(key[0] for key, on in self._all.silent.values().items() if on),
            "waiting": {key[0]: int(n) for key, n in self._all.waiting.values().items()},
            "releases": [
                {"detector": detector, "role": role, "version": version, "published": published}
                for (detector, role, version), published in sorted(
                    self._all.release.values().items()
                )
            ],
            "memory_bytes": int(self._all.memory.total()),
        }

    def _by_source(self) -> dict[str, dict[str, int]]:
        """What became of the lines of each source since the scorer began."""
        found: dict[str, dict[str, int]] = {}
        counted = {
            "events": self._all.events,
            "rejects": self._all.rejects,
            "dropped": self._all.dropped,
            "late": self._all.late,
            "ahead": self._all.ahead,
        }
        for name, series in counted.items():
            for key, count in series.values().items():
                of_source = found.setdefault(key[0], dict.fromkeys(counted, 0))
                of_source[name] += int(count)
        return dict(sorted(found.items()))

    def _refresh(self) -> None:
        for reading in self._readings:
            reading(self)
        self._all.memory.set(_resident())
        self._all.cpu.set(time.process_time())
        for share in (0.5, 0.9, 0.99):
            seconds = self._all.latency.quantile(share)
            if seconds is None:
                self._all.quantiles.forget(str(share))
            else:
                self._all.quantiles.set(seconds, str(share))

    def _note(self, kind: str, name: str, error: str | None) -> None:
        with self._lock:
            if error is None:
                self._broken.pop((kind, name), None)
            else:
                since, _ = self._broken.get((kind, name), (self._clock(), ""))
                self._broken[kind, name] = (since, error)

    def _rates(self) -> tuple[float, float]:
        """Events and alerts a second, over the last minute as far as somebody asked before."""
        with self._lock:
            now = (self._clock(), self._all.events.total(), self._all.alerts.total())
            while len(self._past) > 1 and now[0] - self._past[1][0] >= RECENT_SECONDS:
                self._past.popleft()
            then = self._past[0]
            if now[0] > self._past[-1][0]:
                self._past.append(now)
        seconds = max(now[0] - then[0], 1e-9)
        return round((now[1] - then[1]) / seconds, 1), round((now[2] - then[2]) / seconds, 3)


def _role(shadow: bool) -> str:
    return "challenger" if shadow else "champion"


def _finite(seconds: float | None) -> float | None:
    return None if seconds is None or seconds == float("inf") else round(seconds, 6)


def _resident() -> int:
    try:
        with open("/proc/self/statm") as statm:  # noqa: PTH123 - quicker, at each scrape
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # No Linux.
        return 0
