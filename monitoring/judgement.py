"""From two tables of rows to a verdict: each feature, the scores, and what they mean together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from monitoring.columns import ODDS_RATIO, Comparison, compare, floats, percent
from monitoring.statistics import (
    ROW_BUDGET,
    RateChange,
    Shift,
    quantile_psi,
    rate_change,
    sample,
    tail_share,
)

Verdict = Literal["ok", "warn", "drift"]


@dataclass(frozen=True)
class Thresholds:
    """From where on a difference matters, given that chance does not explain it."""

    psi: float = 0.2
    """A feature's population stability index (quantiles or categories)."""
    odds_ratio: float = 2.0
    """A flag's odds, up or down."""
    share_drifted: float = 0.3
    """The share of features that makes the verdict 'drift'."""
    score_psi_warn: float = 0.1
    score_psi_drift: float = 0.25
    alert_odds_ratio: float = 3.0
    """The odds of an alert, and of a score in the reference's top percent."""


@dataclass(frozen=True)
class FeatureDrift:
    """One feature; `severity` is its distance from the threshold (1: reached), None: no value."""

    feature: str
    statistic: str
    value: float | None
    threshold: float
    severity: float | None
    drifted: bool
    detail: str
    reason: str


@dataclass(frozen=True)
class Scores:
    """How the scores moved: as a whole, in the reference's top percent, across the threshold."""

    psi: Shift
    tail: RateChange
    alert_rate: RateChange


@dataclass(frozen=True)
class Compared:
    """Two tables compared: features ranked worst first, scores, rows that were looked at."""

    features: tuple[FeatureDrift, ...]
    scores: Scores
    reference_sampled: int
    current_sampled: int

    @property
    def share_drifted(self) -> float | None:
        """The share of drifted among the features that have a value; None if none has."""
        valued = [feature.drifted for feature in self.features if feature.value is not None]
        return sum(valued) / len(valued) if valued else None


def compare_rows(
    reference: pa.Table,
    current: pa.Table,
    features: Sequence[str],
    threshold: float | None,
    limits: Thresholds,
    budget: int = ROW_BUDGET,
) -> Compared:
    """Compare features and scores on at most `budget` rows a side, the alert rate on all."""
    tests = len(features) + 3
    known, seen = sample(reference, budget), sample(current, budget)
    found = [_feature(name, _column(known, seen, name, tests), limits) for name in features]
    ranked = sorted(
        found, key=lambda f: (not f.drifted, f.severity is None, -(f.severity or 0), f.feature)
    )
    psi, tail = _distribution(known, seen, tests)
    scores = Scores(psi, tail, _alert_rate(reference, current, threshold, tests))
    return Compared(tuple(ranked), scores, known.num_rows, seen.num_rows)


def judge(compared: Compared, limits: Thresholds) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict, and in words what led to it, weightiest first.

    Alerts alone never make it 'drift': an attack raises them without any fault of the detector.
    What is not computable makes it 'warn'.
    """
    drift, warn = list[str](), list[str]()
    scores, total = compared.scores, len(compared.features)
    if drifted := sum(feature.drifted for feature in compared.features):
        where = drift if (compared.share_drifted or 0) >= limits.share_drifted else warn
        where.append(f"{drifted} of {total} features drifted")
    psi = scores.psi.value or 0
    if scores.psi.significant and psi >= limits.score_psi_warn:
        where = drift if psi >= limits.score_psi_drift else warn
        where.append(f"the distribution of scores moved (PSI {psi:.2f})")
    for rate, what in ((scores.alert_rate, "alert rate"), (scores.tail, "top scores")):
        if rate.significant and (rate.odds_ratio or 0) >= limits.alert_odds_ratio:
            warn.append(f"{what} {percent(rate.reference)} → {percent(rate.current)}")
    for reason, what in ((scores.psi.reason, "scores"), (scores.alert_rate.reason, "alert rate")):
        if reason:
            warn.append(f"{what} {reason}")
    if missing := sum(feature.value is None for feature in compared.features):
        warn.append(f"{missing} of {total} features not computable")
    return "drift" if drift else "warn" if warn else "ok", (*drift, *warn)


def _column(reference: pa.Table, current: pa.Table, name: str, tests: int) -> Comparison:
    if missing := _missing_column(reference, current, name):
        return Comparison("", reason=missing)
    return compare(reference[name], current[name], tests)


def _missing_column(reference: pa.Table, current: pa.Table, name: str) -> str:
    for table, side in ((reference, "reference"), (current, "current rows")):
        if name not in table.column_names:
            return f"not computable: no column {name} in the {side}"
    return ""


def _feature(name: str, found: Comparison, limits: Thresholds) -> FeatureDrift:
    threshold, severity = limits.psi, None
    if found.statistic == ODDS_RATIO:
        threshold = limits.odds_ratio
    if found.value is not None:
        severity = found.value / threshold
        if found.statistic == ODDS_RATIO:  # 1 is no change, halved as far from it as doubled
            severity = math.log(found.value) / math.log(threshold)
    return FeatureDrift(
        feature=name,
        statistic=found.statistic,
        value=found.value,
        threshold=threshold,
        severity=severity,
        drifted=severity is not None and severity >= 1 and found.significant,
        detail=found.detail,
        reason=found.reason,
    )


def _distribution(reference: pa.Table, current: pa.Table, tests: int) -> tuple[Shift, RateChange]:
    if reason := _missing_column(reference, current, "score"):
        return Shift(None, reason=reason), RateChange(None, None, reason=reason)
    before, after = floats(reference["score"]), floats(current["score"])
    return quantile_psi(before, after, tests), tail_share(before, after, comparisons=tests)


def _alert_rate(
    reference: pa.Table, current: pa.Table, threshold: float | None, tests: int
) -> RateChange:
    """The day's alerts against the reference rows that would have been alerts."""
    missing = _missing_column(reference, current, "score")
    if missing or "is_alert" not in current.column_names or threshold is None:
        reason = missing or "not computable: no rows with a threshold and is_alert"
        return RateChange(None, None, reason=reason)
    scores = floats(reference["score"])
    scores = scores[~np.isnan(scores)]
    alerts = int(np.nansum(floats(current["is_alert"])))
    expected = int(np.count_nonzero(scores >= threshold))
    return rate_change(expected, scores.size, alerts, current.num_rows, tests)
