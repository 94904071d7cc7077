"""Estimates day by day, as they were made, and how far they were off when labels came (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import pyarrow as pa

from monitoring.quality.figures import Estimate, utc
from monitoring.quality.verdicts import Judged

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("day", "model_version", "method")),
        ("alerts", pa.int64()),
        *((name, pa.float64()) for name in ("value", "low", "high")),
        ("made_on", pa.string()),
    ]
)


@dataclass(frozen=True)
class DayEstimate:
    """The precision of a day's alerts, as it was estimated without labels.

    Attributes:
        day: of the alerts, ISO 8601.
        method: the estimator, see `monitoring.quality.estimates`.
        alerts: of the day.
        made_on: newest day of data when it was made.
    """

    day: str
    model_version: str
    method: str
    alerts: int
    value: float
    low: float
    high: float
    made_on: str


@dataclass(frozen=True)
class Checked:
    """An estimate, and what verdicts said later of the same day's alerts."""

    estimate: DayEstimate
    labelled: int
    measured: Estimate

    @property
    def off(self) -> float | None:
        """Estimate less measured precision; None as long as there are no verdicts."""
        return None if self.measured.value is None else self.estimate.value - self.measured.value

    @property
    def held(self) -> bool | None:
        """Whether the two intervals meet; None as long as there are no verdicts."""
        low, high = self.measured.low, self.measured.high
        if low is None or high is None:
            return None
        return self.estimate.low <= high and low <= self.estimate.high


@dataclass(frozen=True)
class TrackRecord:
    """How far a method was off, over the days that have verdicts.

    Attributes:
        days: so many.
        mean_off: mean of the absolute differences.
        bias: mean of the differences; above 0 it promises too much.
        held: share of days on which its interval and that of the verdicts meet.
    """

    method: str
    days: int
    mean_off: float
    bias: float
    held: float


def carried_on(
    before: Iterable[DayEstimate], now: Iterable[DayEstimate]
) -> tuple[DayEstimate, ...]:
    """The series with new days; what was once estimated stays as it was made."""
    found: dict[tuple[str, str, str], DayEstimate] = {}
    for each in (*before, *now):
        found.setdefault((each.day, each.model_version, each.method), each)
    return tuple(found[key] for key in sorted(found))


def checked(
    series: Iterable[DayEstimate], raised: Mapping[str, Mapping[str, Any]], judged: Judged
) -> tuple[Checked, ...]:
    """Each estimate beside the precision by the verdicts on its alerts."""
    of: dict[tuple[str, str], list[str]] = defaultdict(list)
    for alert, row in raised.items():
        day = str(row.get("day") or utc(row["event_timestamp"]).date().isoformat())
        of[day, str(row.get("model_version"))].append(alert)
    return tuple(
        Checked(
            each,
            sum(alert in judged.undisputed for alert in of[each.day, each.model_version]),
            judged.precision(of[each.day, each.model_version]),
        )
        for each in series
    )


def track_records(series: Sequence[Checked]) -> tuple[TrackRecord, ...]:
    """How far each method was off, by name; only of methods whose days have verdicts."""
    of: dict[str, list[Checked]] = defaultdict(list)
    for each in series:
        if each.off is not None:
            of[each.estimate.method].append(each)
    return tuple(_record(method, known) for method, known in sorted(of.items()))


def to_table(series: Iterable[DayEstimate]) -> pa.Table:
    """The series as the lake keeps it."""
    return pa.Table.from_pylist([asdict(each) for each in series], SCHEMA)


def from_table(table: pa.Table) -> list[DayEstimate]:
    """What `to_table` gave."""
    return [DayEstimate(**row) for row in table.select(SCHEMA.names).to_pylist()]


def _record(method: str, known: Sequence[Checked]) -> TrackRecord:
    off = [each.off for each in known if each.off is not None]
    return TrackRecord(
        method,
        len(known),
        fmean(abs(value) for value in off),
        fmean(off),
        fmean(bool(each.held) for each in known),
    )
