"""What a detector raised: by environment, age, day; and how long after the attack began."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Any

from monitoring.quality.figures import Estimate, share, utc
from monitoring.quality.verdicts import Judged

AGES = (("up to a day", 1.0), ("up to a week", 7.0), ("older", math.inf))
LIVE, BATCH = "live", "batch"
"""Who raised an alert first: a scorer beside the stream, or the day's batch."""

Raised = Mapping[str, Mapping[str, Any]]
"""Alerts by id: `environment`, `event_timestamp`; `unit_start`, `raised`, `way` where known."""


@dataclass(frozen=True)
class EnvironmentQuality:
    """One environment's alerts, how many of them have a verdict, and their precision."""

    environment: str
    alerts: int
    labelled: int
    precision: Estimate


@dataclass(frozen=True)
class TimeToDetect:
    """How long alerts came after their unit's first event.

    Attributes:
        way: `live` or `batch`.
        alerts: how many it was measured on.
        attacks: only alerts that verdicts call attacks were; there may be none.
        median_seconds, slow_seconds: median and 90th percentile.
    """

    way: str
    alerts: int
    attacks: bool
    median_seconds: float
    slow_seconds: float


def by_environment(raised: Raised, judged: Judged) -> tuple[EnvironmentQuality, ...]:
    """The environments, that with most alerts first."""
    alerts: dict[str, list[str]] = defaultdict(list)
    for alert in raised.keys() | judged.verdicts.keys():
        where = raised[alert]["environment"] if alert in raised else judged.environments[alert]
        alerts[where].append(alert)
    found = [
        EnvironmentQuality(
            environment,
            len(theirs),
            sum(alert in judged.verdicts for alert in theirs),
            judged.precision(theirs),
        )
        for environment, theirs in alerts.items()
    ]
    return tuple(sorted(found, key=lambda part: (-part.alerts, part.environment)))


def labelled_by_age(raised: Raised, judged: Judged, at: datetime) -> dict[str, Estimate]:
    """The labelled share by age of the alert: young ones have had no time to get a verdict."""
    hits, rows = Counter[str](), Counter[str]()
    for alert, row in raised.items():
        days = (at - utc(row["event_timestamp"])) / timedelta(days=1)
        age = next(name for name, limit in AGES if days <= limit)
        rows[age] += 1
        hits[age] += alert in judged.verdicts
    return {name: share(hits[name], rows[name], "no alerts") for name, _ in AGES}


def alerts_by_day(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Alerts by day of their event, from the first such day to the last."""
    counts = Counter(utc(row["event_timestamp"]).date() for row in rows)
    if not counts:
        return {}
    first, last = min(counts), max(counts)
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return {day.isoformat(): counts[day] for day in days}


def time_to_detect(raised: Raised, judged: Judged) -> tuple[TimeToDetect, ...]:
    """How long detection takes, live first; only for ways of which an alert says when it came.

    Measured on alerts that verdicts call attacks, as far as there are any; else on all that no
    verdict calls benign.
    """
    return tuple(told for way in (LIVE, BATCH) if (told := _of_way(raised, judged, way)))


def _of_way(raised: Raised, judged: Judged, way: str) -> TimeToDetect | None:
    took: dict[str, float] = {}
    for alert, row in raised.items():
        began, came = row.get("unit_start"), row.get("raised")
        if row.get("way") == way and began is not None and came is not None:
            took[alert] = max(0.0, (utc(came) - utc(began)).total_seconds())
    attacks = [seconds for alert, seconds in took.items() if judged.undisputed.get(alert)]
    unjudged = [s for alert, s in took.items() if judged.undisputed.get(alert) is not False]
    seconds = attacks or unjudged
    if not seconds:
        return None
    slow = quantiles(seconds, n=10)[-1] if len(seconds) > 1 else seconds[0]
    return TimeToDetect(way, len(seconds), bool(attacks), median(seconds), min(slow, max(seconds)))
