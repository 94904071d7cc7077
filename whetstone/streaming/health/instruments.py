"""Counters, gauges and histograms, and their text as Prometheus reads it.

The format is version 0.0.4 of the Prometheus text exposition format
(https://prometheus.io/docs/instrumenting/exposition_formats/). It is written here and not by a
client library: a sensor's install stays small, its start quick, and the scorer's own report to
the platform needs quantiles, which such a library does not give back.

Any thread may call any instrument at any time.
"""

import math
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_SERIES = 1000
RECENT_SECONDS = 60.0
_OTHERS = "(others)"
# Seconds; dense around the 100 ms in which an alert shall be out.
BOUNDS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0),
)


class Series:
    """One number for each combination of labels: a counter or a gauge.

    More than `MOST_SERIES` combinations share one series whose labels are `(others)`: whatever
    logs hold, they cannot fill the memory through a label.

    Args:
        name: with its unit, and `_total` at the end of a counter's.
        help: what it counts or measures, one sentence.
        kind: counters only ever grow.
        labels: their names.
    """

    def __init__(
        self, name: str, help: str, kind: Literal["counter", "gauge"], labels: Sequence[str] = ()
    ) -> None:
        self.name = name
        self._help = help
        self._kind = kind
        self._labels = tuple(labels)
        self._values: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def add(self, amount: float, *labels: str) -> None:
        """Count `amount` more."""
        with self._lock:
            key = self._key(labels)
            self._values[key] = self._values.get(key, 0.0) + amount

    def set(self, value: float, *labels: str) -> None:
        """Replace the value; of a counter that somebody else keeps, by its new total."""
        with self._lock:
            self._values[self._key(labels)] = float(value)

    def forget(self, *labels: str) -> None:
        """Drop the series that begin with these labels; they are no longer true."""
        with self._lock:
            gone = [key for key in self._values if key[: len(labels)] == labels]
            for key in gone:
                del self._values[key]

    def values(self) -> dict[tuple[str, ...], float]:
        """All series by their labels, as they are now."""
        with self._lock:
            return dict(self._values)

    def total(self) -> float:
        """The sum over all labels."""
        return sum(self.values().values())

    def lines(self) -> Iterator[str]:
        """The family in text; nothing while it has no series."""
        values = self.values()
        if values:
            yield from _head(self.name, self._help, self._kind)
        for key, value in values.items():
            yield f"{self.name}{_braces(self._labels, key)} {_number(value)}"

    def _key(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(labels) != len(self._labels):
            raise TypeError(f"{self.name} has labels {self._labels}, not {labels}")
        full = len(self._values) >= MOST_SERIES and labels not in self._values
        return (_OTHERS,) * len(labels) if full and labels else labels


class Histogram:
    """How long something takes, for ever (in text) and in the last minutes (as quantiles).

    Args:
        name: ends in `_seconds`.
        help: what takes so long, one sentence.
        clock: seconds, monotonic.
    """

    def __init__(self, name: str, help: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._help = help
        self._clock = clock
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0
        self._recent = [0] * (len(BOUNDS) + 1)
        self._before = [0] * (len(BOUNDS) + 1)
        self._turned = clock()
        self._lock = threading.Lock()

    def observe(self, seconds: float, count: int = 1) -> None:
        """Count what took so long, `count` times."""
        place = bisect_left(BOUNDS, seconds)
        with self._lock:
            self._turn()
            self._counts[place] += count
            self._recent[place] += count
            self._sum += seconds * count

    def quantile(self, share: float) -> float | None:
        """What `share` (0 to 1) of the last one to two minutes stayed below, in seconds.

        Interpolated within its bucket; None if nothing was observed, infinite beyond the last
        bound.
        """
        with self._lock:
            self._turn()
            counts = [a + b for a, b in zip(self._recent, self._before, strict=True)]
        rank, below = share * sum(counts), 0
        if not sum(counts):
            return None
        for count, low, high in zip(counts, (0.0, *BOUNDS), (*BOUNDS, math.inf), strict=True):
            if count and below + count >= rank:
                return high if math.isinf(high) else low + (high - low) * (rank - below) / count
            below += count
        return math.inf

    def lines(self) -> Iterator[str]:
        """The family in text."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        yield from _head(self.name, self._help, "histogram")
        below = 0
        for bound, count in zip((*BOUNDS, math.inf), counts, strict=True):
            below += count
            yield f"{self.name}_bucket{_braces(('le',), (_number(bound),))} {below}"
        yield f"{self.name}_sum {_number(total)}"
        yield f"{self.name}_count {below}"

    def _turn(self) -> None:
        now = self._clock()
        age = now - self._turned
        if age < RECENT_SECONDS:
            return
        empty = [0] * len(self._counts)
        self._before = self._recent if age < 2 * RECENT_SECONDS else empty
        self._recent, self._turned = [0] * len(self._counts), now


def _head(name: str, help: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {_escaped(help)}"
    yield f"# TYPE {name} {kind}"


def _braces(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = (
        f'{name}="{_escaped(value).replace(chr(34), chr(92) + chr(34))}"'
        for name, value in zip(names, values, strict=True)
    )
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
