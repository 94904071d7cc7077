"""Signal `volume`: is there as much to see as on such a day before?

Counts of security events are not Poisson: they follow the week, and vary more than their size says.
So a day is compared, in logarithms, with the working days or the weekends before, by how far such
days are from each other (median absolute deviation); medians, so that one odd day before changes
neither expectation nor tolerance. A day that is far from all of them, and from the same weekday, is
a warning. Drift is what lasts: the middle one of the last three days is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from monitoring.drift.columns import MIN_DAYS
from monitoring.drift.judgement import Side, Signal, Thresholds
from monitoring.drift.window import Window
from monitoring.sketches import Day

DEVIATIONS = 3.0
"""How many robust standard deviations are unusual."""
LASTING = 4.0
"""The same of three days together: of a year of days, more come near it by chance."""
RECENT = 3
"""Days, the day among them, whose middle one decides."""
MEDIAN_SPREAD = 0.67
"""Standard deviation of the median of three, in those of one."""
MIN_SPREAD = 0.05
"""No volume is steadier than this (in logarithms)."""
_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class VolumeChange:
    """Units of a day against those expected; `environment` None: all.

    `severity` is the distance from the threshold (1: reached), negative where there are fewer.
    """

    environment: str | None
    expected: float
    units: float
    severity: float
    unusual: bool

    @property
    def ratio(self) -> float:
        """How many times as many units as expected."""
        return (self.units + 1) / (self.expected + 1)


def volume_signal(
    current: Day, window: Window, limits: Thresholds
) -> tuple[Signal, tuple[VolumeChange, ...]]:
    """The signal, and the environments whose volume is unusual, the furthest first."""
    if window.missing:
        return Signal("volume", None, Side("unknown", None, window.missing)), ()
    before = {day.day: float(day.scores.whole.quiet) for day in window.days}
    change = volume_change(None, before, current.day, current.scores.whole.quiet, limits)
    lasting, spread = _lasting(before, current.day, change.units)
    detail = f"{change.units:,.0f} units, {change.expected:,.0f} expected"
    verdict = "warn" if change.unusual and abs(change.severity) >= 1 else "ok"
    if abs(lasting) > max(math.log(limits.volume_drift), LASTING * MEDIAN_SPREAD * spread):
        verdict = "drift"
        detail += f"; {math.exp(lasting):.1f} times as many in the middle of {RECENT} days"
    side = window.cautious(Side(verdict, change.ratio, detail))
    return Signal("volume", None, side), _by_environment(current, window, limits)


def volume_change(
    environment: str | None,
    before: Mapping[str, float],
    day: str,
    units: float,
    limits: Thresholds,
) -> VolumeChange:
    """Compare the units of a day with those of days before, by day."""
    logs = {each: math.log1p(count) for each, count in before.items()}
    today = math.log1p(units)
    weekday = date.fromisoformat(day).weekday()
    same = [value for each, value in logs.items() if date.fromisoformat(each).weekday() == weekday]
    kind = [value for each, value in logs.items() if _weekend(each) == _weekend(day)]
    typical = median(kind or logs.values())
    nearest = min([typical, *same], key=lambda value: abs(today - value))
    expected = math.expm1(nearest)
    spread = math.hypot(_spread(logs), 1 / math.sqrt(max(expected, 1.0)))
    away = today - nearest
    return VolumeChange(
        environment,
        expected,
        units,
        away / math.log(limits.volume_warn),
        abs(away) > DEVIATIONS * spread,
    )


def _lasting(before: Mapping[str, float], day: str, units: float) -> tuple[float, float]:
    """The middle of the last days' logarithmic ratios, and how far days are from each other."""
    days = sorted(before)
    earlier = {each: math.log1p(before[each]) for each in days[: 1 - RECENT]}
    recent = [(day, units), *((each, before[each]) for each in days[1 - RECENT :])]
    ratios: list[float] = []
    for each, count in recent:
        kind = [value for other, value in earlier.items() if _weekend(other) == _weekend(each)]
        ratios.append(math.log1p(count) - median(kind or earlier.values()))
    return median(ratios), _spread(earlier)


def _by_environment(current: Day, window: Window, limits: Thresholds) -> tuple[VolumeChange, ...]:
    names = {name for day in window.days for name in day.scores.environments}
    found: list[VolumeChange] = []
    for name in sorted({*names, *current.scores.environments}):
        before = {
            day.day: float(part.quiet) if (part := day.scores.environments.get(name)) else 0.0
            for day in window.days
        }
        part = current.scores.environments.get(name)
        change = volume_change(name, before, current.day, part.quiet if part else 0, limits)
        if change.unusual and abs(change.severity) >= 1 and sum(before.values()):
            found.append(change)
    return tuple(sorted(found, key=lambda change: -abs(change.severity)))


def _spread(logs: Mapping[str, float]) -> float:
    """How far days are from the middle of their kind, in standard deviations of a normal law."""
    away: list[float] = []
    for weekend in (False, True):
        kind = [value for day, value in logs.items() if _weekend(day) == weekend]
        away += _away(kind) if len(kind) >= MIN_DAYS else []
    away = away or _away(list(logs.values()))
    return max(MIN_SPREAD, _TO_SIGMA * median(away))


def _away(values: Sequence[float]) -> list[float]:
    middle = median(values)
    return [abs(value - middle) for value in values]


def _weekend(day: str) -> bool:
    return date.fromisoformat(day).weekday() >= 5
