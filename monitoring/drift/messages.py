"""Signal `templates`: do the messages say what they used to say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from monitoring.drift.columns import (
    BEYOND_USUAL,
    MIN_DAYS,
    WORST_IGNORED,
    Comparison,
    compare_days,
    merged,
    percent,
)
from monitoring.drift.judgement import ORDER, Side, Signal, SignalVerdict, Thresholds
from monitoring.drift.window import Window
from monitoring.sketches import TEMPLATE, Column, Day, Sketch
from monitoring.sketches.values import Values, unseen, unseen_by_day
from monitoring.statistics import MIN_ROWS
from whetstone.parsing.templates import TemplateDictionary
from whetstone.parsing.templates_masks import MASKING
from whetstone.shares import wilson

CONFIDENCE = 0.999
EXPECTED = 20
"""A template of which fewer messages were to be expected has not vanished."""


@dataclass(frozen=True)
class TemplateChange:
    """A template that is 'new', 'vanished', or 'unknown' to the dictionary.

    `before` is its share of the messages of the days before, `after` of the day's.
    """

    kind: str
    text: str
    before: float
    after: float


def templates_signal(
    current: Day, window: Window, dictionary: TemplateDictionary | None, limits: Thresholds
) -> tuple[Signal, tuple[TemplateChange, ...]]:
    """The signal, and the templates that moved, those of most messages first."""
    own = _column(current.events)
    if own is None or own.values is None or own.rows < MIN_ROWS:
        reason = "not computable: fewer than 30 messages" if own else "the source has no messages"
        return Signal("templates", Side("unknown", None, reason)), ()
    reference, unknown = _against_dictionary(own.values, dictionary, limits)
    days = [column for day in window.days if (column := _column(day.events)) is not None]
    days = [column for column in days if column.rows >= MIN_ROWS]
    if len(days) < MIN_DAYS:
        reason = f"not computable: {len(days)} days before, {MIN_DAYS} needed"
        return Signal("templates", reference, Side("unknown", None, reason)), unknown
    named = _Naming(dictionary)
    side, moved = _against_days(named(own), [named(day) for day in days], limits)
    changes = {change.text: change for change in (*unknown, *moved)}
    ranked = sorted(changes.values(), key=lambda c: (-max(c.before, c.after), c.text))
    return Signal("templates", reference, window.cautious(side)), tuple(ranked)


class _Naming:
    """Columns of masks as columns of templates; a mask without one stands for itself."""

    def __init__(self, dictionary: TemplateDictionary | None):
        fits = dictionary is not None and dictionary.masking == MASKING
        self._dictionary = dictionary if fits else None
        self._names: dict[str, str] = {}

    def __call__(self, column: Column) -> Column:
        values = column.values or Values({})
        counts: dict[str, float] = {}
        for mask, rows in values.counts.items():
            name = self._name(mask)
            counts[name] = counts.get(name, 0) + rows
        ranked = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        return replace(column, values=replace(values, counts=ranked))

    def _name(self, mask: str) -> str:
        if mask not in self._names:
            found = None if self._dictionary is None else self._dictionary.match(mask)
            self._names[mask] = mask if found is None else found
        return self._names[mask]


def _column(events: Sketch | None) -> Column | None:
    return None if events is None else events.whole.columns.get(TEMPLATE)


def _against_dictionary(
    values: Values, dictionary: TemplateDictionary | None, limits: Thresholds
) -> tuple[Side, tuple[TemplateChange, ...]]:
    if dictionary is None:
        return Side("unknown", None, "not computable: no templates have been mined"), ()
    if dictionary.masking != MASKING:
        reason = "not computable: the dictionary is of an earlier version; retrain the detector"
        return Side("unknown", None, reason), ()
    unknown = {mask: rows for mask, rows in values.counts.items() if dictionary.match(mask) is None}
    share = sum(unknown.values()) / values.known
    side = Side(_level(share, values.known, limits), share, f"unknown templates {percent(share)}")
    changes = [
        TemplateChange("unknown", mask, 0.0, rows / values.known) for mask, rows in unknown.items()
    ]
    return side, tuple(changes)


def _against_days(
    current: Column, days: Sequence[Column], limits: Thresholds
) -> tuple[Side, tuple[TemplateChange, ...]]:
    values = current.values or Values({})
    each = [day.values or Values({}) for day in days]
    together = merged(days).values or Values({})
    new = unseen(together, values)
    usual = sorted(unseen_by_day(each))[-1 - WORST_IGNORED]
    gone = _vanished(values, each)
    lost = sum(gone.values())
    mix = compare_days(days, current)
    levels: list[SignalVerdict] = [
        _level(new, values.known, limits) if new > BEYOND_USUAL * usual else "ok",
        "drift" if lost >= limits.templates_drift else
        "warn" if lost >= limits.templates_warn else "ok",
        _mix(mix, limits),
    ]  # fmt: skip
    detail = f"new {percent(new)}, vanished {percent(lost)} of the messages"
    if mix.value is not None:
        detail += f", mix PSI {mix.value:.2f}"
    kept = {
        name: rows / values.known
        for name, rows in values.counts.items()
        if not any(name in day.counts for day in each)
    }
    changes = [
        *(TemplateChange("new", name, 0.0, share) for name, share in kept.items()),
        *(TemplateChange("vanished", name, share, 0.0) for name, share in gone.items()),
    ]
    worst = max(levels, key=lambda level: ORDER[level])
    return Side(worst, max(new, lost), detail), tuple(changes)


def _vanished(current: Values, days: Sequence[Values]) -> dict[str, float]:
    """Templates of every day before that were to be expected today, with their share."""
    steady = set.intersection(*(set(day.counts) for day in days)) - set(current.counts)
    shares = {name: median(day.counts[name] / day.known for day in days) for name in steady}
    gone = {name: share for name, share in shares.items() if share * current.known >= EXPECTED}
    return {name: share for name, share in gone.items() if not current.rows_of(name)}


def _mix(found: Comparison, limits: Thresholds) -> SignalVerdict:
    if found.value is None or not found.significant or found.value < limits.psi:
        return "ok"
    return "drift" if found.value >= limits.alone * limits.psi else "warn"


def _level(share: float, rows: float, limits: Thresholds) -> SignalVerdict:
    """What a share of messages means, given that chance does not explain it."""
    interval = wilson(round(share * rows), round(rows), CONFIDENCE)
    low = interval[0] if interval else 0.0
    if low >= limits.templates_drift:
        return "drift"
    return "warn" if low >= limits.templates_warn else "ok"
