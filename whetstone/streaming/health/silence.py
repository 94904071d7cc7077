"""Inputs that fall silent: a collector that died looks like a quiet night, but not for long.

What is long is learned from each input: `TIMES` the longest gap between two of its batches of the
last day or two, but at least `LEAST_SECONDS`. Gaps that raised an alarm are not learned from, so an
outage does not make the watch more patient. Who knows better says so (`?silence=SECONDS`).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from whetstone.streaming.health.alarms import alarm
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.outputs.entries import Entry

LEAST_SECONDS = 60.0
TIMES = 4.0
LEARNING_SECONDS = 3600.0
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Watched:
    """An input to watch.

    Attributes:
        source: of its lines.
        seconds: of silence that raise an alarm; None: learned, 0: never.
    """

    source: str
    seconds: float | None = None


@dataclass
class _Heard:
    of: Watched
    began: float  # since when it is watched
    last: float
    wall: float
    turned: float
    longest: float = 0.0
    longest_before: float = 0.0
    alarmed: float | None = None  # when the last line came before the silence, wall clock
    ended: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])


class Silence:
    """Watches live inputs.

    Args:
        environment: whose inputs they are.
        inputs: those to watch, by name; files that end are none.
        metrics: told of each input how long it is silent.
        clock: seconds, monotonic.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        environment: str,
        inputs: Mapping[str, Watched],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._environment, self._metrics = environment, metrics
        self._clock, self._wall = clock, wall
        now, at = clock(), wall()
        self._inputs = {
            name: _Heard(watched, began=now, last=now, wall=at, turned=now)
            for name, watched in inputs.items()
        }

    def heard(self, name: str) -> None:
        """An input gave lines; inputs that are not watched may be told of too."""
        heard = self._inputs.get(name)
        if heard is None:
            return
        now = self._clock()
        gap = now - heard.last
        if heard.alarmed is None:
            heard.longest = max(heard.longest, gap)
        else:
            heard.ended.append((heard.alarmed, gap))
            heard.alarmed = None
        if now - heard.turned > _DAY_SECONDS:
            heard.longest_before, heard.longest, heard.turned = heard.longest, 0.0, now
        heard.last, heard.wall = now, self._wall()

    def check(self) -> list[Entry]:
        """Alarms about inputs that fell silent since the last call, and the ends of alarms."""
        return [
            entry
            for name, heard in self._inputs.items()
            for entry in (*self._ends(name, heard), *self._begins(name, heard))
        ]

    def patience(self, name: str) -> float | None:
        """Seconds after which an input is silent for too long; None: not known yet, or never."""
        heard = self._inputs[name]
        if heard.of.seconds is not None:
            return heard.of.seconds or None
        if heard.last - heard.began < LEARNING_SECONDS:
            return None
        return max(LEAST_SECONDS, TIMES * max(heard.longest, heard.longest_before))

    def _begins(self, name: str, heard: _Heard) -> list[Entry]:
        silent = self._clock() - heard.last
        patience = self.patience(name)
        long = patience is not None and silent >= patience
        self._metrics.silence(name, long, silent)
        if not long or heard.alarmed is not None:
            return []
        heard.alarmed = heard.wall
        text = f"{name} gives no lines for {silent:.0f} s ({patience:.0f} s are usual): check what"
        return [self._entry(name, heard, heard.wall, f"{text} writes them", 1)]

    def _ends(self, name: str, heard: _Heard) -> list[Entry]:
        ended, heard.ended = heard.ended, []
        text = f"{name} gives lines again, after"
        return [self._entry(name, heard, at, f"{text} {gap:.0f} s", 2) for at, gap in ended]

    def _entry(self, name: str, heard: _Heard, at: float, message: str, revision: int) -> Entry:
        action = "input-silent" if revision == 1 else "input-heard-again"
        began = int(at * 1_000_000)
        source = heard.of.source
        return alarm(self._environment, "silence", action, name, source, began, message, revision)
