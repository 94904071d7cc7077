"""From the sketches of a column on both sides to the statistic that suits its values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitoring.sketches import Column
from monitoring.sketches.facets import (
    BINNED,
    CATEGORIES_OF,
    FLAGS,
    UNKNOWN,
    Counts,
    Facet,
    facets,
    short,
)
from monitoring.sketches.points import Points
from monitoring.sketches.points import merged as merged_points
from monitoring.sketches.values import merged as merged_values
from monitoring.sketches.values import new_values
from monitoring.statistics import MIN_ROWS, RateChange, psi, rate_change, too_few

QUANTILE_PSI, CATEGORY_PSI, ODDS_RATIO = "quantile PSI", "category PSI", "odds ratio"
MIN_DAYS = 3
"""Fewer days before are no trailing window."""
WEEK = 7
NEW_SHOWN = 5
"""New values that a drawing names."""
WORST_IGNORED = 2
"""Of the window's days those that differ most are no yardstick: they may be drift themselves."""
BEYOND_USUAL = 1.25
"""How many times further than the window's days among each other today must be."""

_RESOLUTION, _VALUES, _SAMPLED = 256, 256, 1024
_STATISTIC = {
    FLAGS: ODDS_RATIO,
    BINNED: QUANTILE_PSI,
    CATEGORIES_OF: CATEGORY_PSI,
    UNKNOWN: CATEGORY_PSI,
}


@dataclass(frozen=True)
class Grown:
    """The bin of a column that gained most: its share of the reference and of the current rows.

    `facet` says what of the column; numbers in the bin are above `low` and at most `high`.
    """

    label: str
    reference: float
    current: float
    facet: str = ""
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Comparison:
    """How one column changed: its statistic's `value`, or the `reason` why there is none.

    `detail` says in words what changed, for whoever reads the report. `usual` is the value that the
    days of a window have among each other. `significant` says that neither chance nor what is usual
    explains the value.
    """

    statistic: str
    value: float | None = None
    significant: bool = False
    detail: str = ""
    reason: str = ""
    usual: float | None = None
    grown: Grown | None = None


def compare(reference: Column, current: Column, comparisons: int = 1) -> Comparison:
    """Compare two columns; `comparisons` is the number of tests made together.

    Flags (booleans, numbers that are only 0 and 1) by their rate, other numbers by quantiles, text
    by category, lists and free text by their lengths and by what is unknown in them. Other types,
    and sides of different kinds, are not computable.
    """
    if reason := _incomparable(reference, current):
        return Comparison("", reason=reason)
    looked_at = facets(reference, current)
    return _worst(
        [_measured(f, f.reference, current, comparisons * len(looked_at)) for f in looked_at],
        reference,
        current,
    )


def compare_days(days: Sequence[Column], current: Column, comparisons: int = 1) -> Comparison:
    """Compare a day's column with those of the days before it.

    Beside chance, what the days before differ among each other must not explain the value either:
    a detector's weekends are no drift, nor is a day after one odd day.
    """
    days = [day for day in days if day.kind == current.kind and day.rows >= MIN_ROWS]
    if len(days) < MIN_DAYS:
        return Comparison("", reason=f"not computable: {len(days)} days before, {MIN_DAYS} needed")
    together = merged(days)
    if reason := _incomparable(together, current):
        return Comparison("", reason=reason)
    looked_at, found = facets(together, current), list[Comparison]()
    for facet in looked_at:
        found.append(_beyond_usual(facet, days, current, comparisons * len(looked_at)))
    return _worst(found, together, current)


def merged(days: Sequence[Column]) -> Column:
    """The column of all days together."""
    first = days[0]
    numbers = [day.numbers for day in days if day.numbers is not None]
    means = [day.means for day in days if day.means is not None]
    values = [day.values for day in days if day.values is not None]
    words = [day.words for day in days if day.words is not None]
    return Column(
        first.kind,
        first.type,
        sum(day.rows for day in days),
        merged_points(numbers, _RESOLUTION) if numbers else None,
        merged_points(means, _RESOLUTION) if means else None,
        merged_values(values, _VALUES, _SAMPLED) if values else None,
        merged_values(words, _VALUES, _SAMPLED) if words else None,
    )


def profile(reference: Column, current: Column) -> list[tuple[str, float, float]]:
    """What `compare` looked at, for drawing: (label, share of reference, share of current rows)."""
    if _incomparable(reference, current) or not reference.rows or not current.rows:
        return []
    facet = facets(reference, current)[0]
    before, after = facet.reference, facet.count(current)
    p, q = before / max(before.sum(), 1), after / max(after.sum(), 1)
    if facet.kind == CATEGORIES_OF:
        return _categories(facet.labels, p, q, reference, current)
    shares = zip(facet.labels, p, q, strict=True)
    return [(label, float(b), float(a)) for label, b, a in shares if b or a]


def _categories(
    labels: Sequence[str], before: Counts, after: Counts, reference: Column, current: Column
) -> list[tuple[str, float, float]]:
    """The shares of categories, those that are new by name."""
    values, known = current.values, reference.values
    named: dict[str, float] = {}
    if values is not None and known is not None:
        new = new_values([known], values)
        foremost = sorted(new.items(), key=lambda item: (-item[1], item[0]))[:NEW_SHOWN]
        named = {value: rows / max(current.rows, 1) for value, rows in foremost}
    after = after.copy()
    after[-2] = max(0.0, after[-2] - sum(named.values()))
    shares = [
        (label, float(b), float(a)) for label, b, a in zip(labels, before, after, strict=True)
    ]
    shares[-2:-2] = [(value, 0.0, share) for value, share in named.items()]
    return [(label, b, a) for label, b, a in shares if b or a > 1e-9]


def percent(share: float | None) -> str:
    """A share for reading: 0.0123 as 1.2%, 0.00004 as 0.004%, None as a dash."""
    if share is None:
        return "–"
    digits = 3 if share >= 0.995 else 2
    return f"{float(f'{100 * share:.{digits}g}'):g}%"


def _incomparable(reference: Column, current: Column) -> str:
    for column in (reference, current):
        if not column.kind:
            return f"not computable: values of type {column.type}"
    if reference.kind != current.kind:
        return (
            f"not computable: {reference.kind} in the reference, {current.kind} in the current rows"
        )
    return ""


def _beyond_usual(facet: Facet, days: Sequence[Column], current: Column, tests: int) -> Comparison:
    own = facet.by_day(days)
    # As one of the days' rows, what only that day has is no new category.
    rows = [facet.count(day) for day in days] if facet.kind == CATEGORIES_OF else own
    before = np.sum(rows, axis=0)
    among = [_distance(facet, before - r, o) for r, o in zip(rows, own, strict=True)]
    usual = sorted(among)[-1 - WORST_IGNORED]
    found = _measured(facet, before, current, tests)
    if found.value is None:
        return found
    beyond = found.value > _times(facet, usual)
    return replace(found, usual=usual, significant=found.significant and beyond)


def _measured(facet: Facet, before: Counts, current: Column, tests: int) -> Comparison:
    after = facet.count(current)
    grown = _grown(facet, before, after)
    if facet.kind == FLAGS:
        return replace(_rated(before, after, tests), grown=grown)
    if reason := too_few(before[:-1].sum() if facet.kind == BINNED else before.sum(), after.sum()):
        return Comparison(_STATISTIC[facet.kind], reason=reason)
    shift = psi(before, after, tests)
    return Comparison(
        _STATISTIC[facet.kind], shift.value, shift.significant,
        _detail(facet, before, after), shift.reason, grown=grown,
    )  # fmt: skip


def _distance(facet: Facet, before: Counts, after: Counts) -> float:
    """The statistic's value alone; 0 where it has none."""
    if facet.kind == FLAGS:
        return _rated(before, after, 1).value or 1.0
    return psi(before, after).value or 0.0


def _times(facet: Facet, usual: float) -> float:
    """What is beyond the usual value."""
    return usual**BEYOND_USUAL if facet.kind == FLAGS else usual * BEYOND_USUAL


def _rated(before: Counts, after: Counts, tests: int) -> Comparison:
    """The rate of set flags, or that of missing ones where it changed more."""
    known = before[:2].sum(), after[:2].sum()
    rate = rate_change(before[1], known[0], after[1], known[1], tests)
    missing = rate_change(before[2], before.sum(), after[2], after.sum(), tests)
    if missing.significant and (missing.odds_ratio or 0) > (rate.odds_ratio or 0):
        return _of_rate(missing, "missing")
    return _of_rate(rate, "set")


def _of_rate(rate: RateChange, what: str) -> Comparison:
    detail = "" if rate.reason else f"{what} {percent(rate.reference)} → {percent(rate.current)}"
    return Comparison(ODDS_RATIO, rate.odds_ratio, rate.significant, detail, rate.reason)


def _grown(facet: Facet, before: Counts, after: Counts) -> Grown | None:
    """The bin that contributes most to the index among those that gained."""
    if not before.sum() or not after.sum():
        return None
    p, q = before / before.sum(), after / after.sum()
    gains = np.where(q > p, (q - p) * np.log((q + 1e-4) / (p + 1e-4)), 0.0)
    place = int(np.argmax(gains))
    if not gains[place]:
        return None
    low, high = facet.bounds(place)
    return Grown(facet.labels[place], float(p[place]), float(q[place]), facet.name, low, high)


def _detail(facet: Facet, before: Counts, after: Counts) -> str:
    shares = before / before.sum(), after / after.sum()
    if facet.kind == UNKNOWN:
        return f"unknown: {percent(shares[0][1])} → {percent(shares[1][1])} of the entries"
    if facet.kind == CATEGORIES_OF:
        parts = [f"new values {percent(shares[1][-2])}"] if after[-2] else []
        return ", ".join(parts + _missing(before, after))
    return ""


def _missing(before: Counts, after: Counts) -> list[str]:
    if not before[-1] and not after[-1]:
        return []
    shares = before[-1] / max(before.sum(), 1), after[-1] / max(after.sum(), 1)
    return [f"missing {percent(shares[0])} → {percent(shares[1])}"]


def _worst(found: Sequence[Comparison], reference: Column, current: Column) -> Comparison:
    """The facet that moved furthest, those that moved beyond chance first."""
    valued = [comparison for comparison in found if comparison.value is not None]
    worst = max(valued, key=lambda c: (c.significant, c.value), default=found[0])
    if worst.statistic != QUANTILE_PSI or worst.value is None:
        return worst
    name = worst.grown.facet if worst.grown else ""
    sides = [column.means if name == "mean" else column.numbers for column in (reference, current)]
    detail = _quantiles(*(side for side in sides if side is not None))
    return replace(worst, detail=f"{name}: {detail}" if name else detail)


def _quantiles(before: Points, after: Points) -> str:
    parts: list[str] = []
    if before.known and after.known:
        for name, share in (("median", 0.5), ("95th percentile", 0.95)):
            low, high = before.quantile(share), after.quantile(share)
            if not (math.isnan(low) or math.isnan(high)):
                parts.append(f"{name} {short(low)} → {short(high)}")
    gone = np.array([before.known, before.missing]), np.array([after.known, after.missing])
    return ", ".join(parts + _missing(*gone))
