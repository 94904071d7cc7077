"""Signals `scores` and `alert_rate`: has the detector's answer changed?

The distribution of scores is compared below the threshold: an attack puts rows above it and moves
nothing else. Days that another model scored are no yardstick for scores nor for alerts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitoring.drift.columns import (
    BEYOND_USUAL,
    WORST_IGNORED,
    Comparison,
    compare,
    compare_days,
    percent,
)
from monitoring.drift.judgement import Side, Signal, Thresholds
from monitoring.drift.window import Window
from monitoring.sketches import SCORE, Column, Part, Sketch
from monitoring.sketches.points import Points
from monitoring.statistics import MIN_ROWS, RateChange, rate_change, tail_share


@dataclass(frozen=True)
class Scores:
    """How the scores moved: as a whole, in the reference's top percent, across the threshold.

    Each against the reference; `recent` are the scores, `recent_alerts` the alerts against the
    trailing window.
    """

    psi: Comparison
    tail: RateChange
    alert_rate: RateChange
    recent: Comparison
    recent_alerts: RateChange


def score_changes(current: Sketch, reference: Sketch, window: Window, tests: int) -> Scores:
    """Compare a day's scores and alerts with the reference's and the days' before."""
    alike = window.scored_by(current.model)
    columns = alike.columns(SCORE)
    psi, tail = _distribution(reference.whole, current.whole, current.threshold, tests)
    if (own := current.whole.columns.get(SCORE)) is None or alike.missing:
        recent = Comparison("", reason=alike.missing or _NO_SCORES)
    else:
        limit = current.threshold
        recent = compare_days([_quiet(c, limit) for c in columns], _quiet(own, limit), tests)
    return Scores(
        psi,
        tail,
        alert_change(current.whole, reference, current.threshold, tests),
        recent,
        _recent_alerts(current.whole, alike, tests),
    )


def scores_signal(scores: Scores, window: Window, limits: Thresholds) -> Signal:
    """Drift where the distribution moved; more top scores are a warning."""
    before = _psi_side(scores.psi, limits)
    tail = scores.tail
    if before.verdict == "ok" and _moved(tail, limits):
        detail = f"top scores {percent(tail.reference)} → {percent(tail.current)}"
        before = replace(before, verdict="warn", detail=detail)
    return Signal("scores", before, window.cautious(_psi_side(scores.recent, limits)))


def alert_signal(
    scores: Scores, current: Sketch, reference: Sketch, window: Window, limits: Thresholds
) -> Signal:
    """A warning where the rate moved; drift only where it rose at most of several sites at once.

    An attack raises it at one of them without any fault of the detector.
    """
    sides = [scores.alert_rate, scores.recent_alerts]
    everywhere = _rises_everywhere(current, reference, limits)
    found: list[Side] = []
    for rate in sides:
        if rate.odds_ratio is None:
            found.append(Side("unknown", None, rate.reason))
            continue
        rises = (rate.current or 0) > (rate.reference or 0)
        verdict = "ok"
        if _moved(rate, limits):
            verdict = "drift" if rises and everywhere else "warn"
        detail = f"alert rate {percent(rate.reference)} → {percent(rate.current)}"
        found.append(Side(verdict, rate.current, detail))
    return Signal("alert_rate", found[0], window.cautious(found[1]))


def alert_change(
    current: Part, reference: Sketch, threshold: float | None, tests: int
) -> RateChange:
    """A part's alerts against the reference rows that would have been alerts."""
    score = reference.whole.columns.get(SCORE)
    if threshold is None or score is None or score.numbers is None:
        reason = "no rows with a threshold and is_alert" if score else "no scores in the reference"
        return RateChange(None, None, reason=f"not computable: {reason}")
    points = score.numbers
    expected: float = reference.whole.alerts
    if reference.threshold != threshold:
        expected = points.known - points.below(threshold).known
    return rate_change(expected, points.known, current.alerts, current.rows, tests)


_NO_SCORES = "not computable: no column score in the current rows"


def _moved(rate: RateChange, limits: Thresholds) -> bool:
    return rate.significant and (rate.odds_ratio or 0) >= limits.alert_odds_ratio


def _distribution(
    reference: Part, current: Part, threshold: float | None, tests: int
) -> tuple[Comparison, RateChange]:
    for part, side in ((reference, "reference"), (current, "current rows")):
        if SCORE not in part.columns:
            reason = f"not computable: no column score in the {side}"
            return Comparison("", reason=reason), RateChange(None, None, reason=reason)
    before, after = reference.columns[SCORE], current.columns[SCORE]
    psi = compare(_quiet(before, threshold), _quiet(after, threshold), tests)
    if not psi.reason and before.numbers is not None and after.numbers is not None:
        return psi, tail_share(before.numbers, after.numbers, comparisons=tests)
    return psi, RateChange(None, None, reason=psi.reason)


def _quiet(column: Column, threshold: float | None) -> Column:
    """The scores below the threshold."""
    points: Points | None = column.numbers
    if threshold is None or points is None:
        return column
    below = points.below(threshold)
    return replace(column, numbers=below, rows=int(below.known))


def _psi_side(found: Comparison, limits: Thresholds) -> Side:
    if found.value is None:
        return Side("unknown", None, found.reason)
    verdict = "ok"
    if found.significant and found.value >= limits.score_psi_warn:
        verdict = "drift" if found.value >= limits.score_psi_drift else "warn"
    return Side(verdict, found.value, f"PSI {found.value:.2f}: {found.detail}")


def _recent_alerts(current: Part, window: Window, tests: int) -> RateChange:
    if window.missing:
        return RateChange(None, None, reason=window.missing)
    parts = window.parts()
    alerts, rows = sum(p.alerts for p in parts), sum(p.rows for p in parts)
    rate = rate_change(alerts, rows, current.alerts, current.rows, tests)
    among = sorted(
        rate_change(alerts - p.alerts, rows - p.rows, p.alerts, p.rows).odds_ratio or 1.0
        for p in parts
    )
    usual = among[-1 - WORST_IGNORED] ** BEYOND_USUAL
    return replace(rate, significant=rate.significant and (rate.odds_ratio or 0) > usual)


def _rises_everywhere(current: Sketch, reference: Sketch, limits: Thresholds) -> bool:
    """Whether alerts rose in most environments, of at least two."""
    parts: Sequence[Part] = [p for p in current.environments.values() if p.rows >= MIN_ROWS]
    if len(parts) < 2:
        return False
    rates = [alert_change(part, reference, current.threshold, len(parts)) for part in parts]
    risen = [_moved(r, limits) and (r.current or 0) > (r.reference or 0) for r in rates]
    return bool(np.mean(risen) > 0.5)
