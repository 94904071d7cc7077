"""Each environment of a day by itself: what all rows together would hide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from monitoring.drift.columns import MIN_DAYS, compare, compare_days, percent
from monitoring.drift.judgement import (
    ORDER,
    FeatureDrift,
    Features,
    Side,
    Thresholds,
    Verdict,
    rank,
)
from monitoring.drift.scores import alert_change
from monitoring.drift.window import Window
from monitoring.sketches import Day, Part, Sketch
from monitoring.statistics import MIN_ROWS, RateChange

ENVIRONMENTS = 50
"""Environments that are broken down: those with the most rows of the day."""


@dataclass(frozen=True)
class EnvironmentDrift:
    """The verdict on one environment's rows of the day.

    `reference` says what they were compared with: the environment's 'own' rows of the reference, or
    'all' rows where it has too few of its own. `features` are those comparisons, `recent` those
    with its own days before, empty without enough of them.
    """

    environment: str
    rows: int
    reference: Literal["own", "all"]
    verdict: Verdict
    reasons: tuple[str, ...]
    features: Features
    recent: Features
    alert_rate: RateChange
    first_seen: bool

    @property
    def worst(self) -> FeatureDrift | None:
        """The feature that is furthest from the reference; None without a comparable one."""
        ranked = self.features.ranked
        return ranked[0] if ranked and ranked[0].value is not None else None


def environments_of(
    current: Day,
    reference: Sketch,
    window: Window,
    features: Sequence[str],
    limits: Thresholds,
) -> tuple[tuple[EnvironmentDrift, ...], int]:
    """The largest environments' verdicts, worst first, and how many were left out."""
    parts = sorted(current.scores.environments.items(), key=lambda item: (-item[1].rows, item[0]))
    found = [
        _environment(name, part, current.scores, reference, window, features, limits)
        for name, part in parts[:ENVIRONMENTS]
    ]
    found.sort(key=lambda e: (-ORDER[e.verdict], -(e.features.share_drifted or 0), -e.rows))
    return tuple(found), max(0, len(parts) - ENVIRONMENTS)


def everywhere(side: Side, environments: Sequence[EnvironmentDrift]) -> Side:
    """What all rows together hide: an environment that moved away from its own reference."""
    moved = [e for e in environments if e.reference == "own" and e.features.drifted]
    if side.verdict != "ok" or len(environments) < 2 or not moved:
        return side
    names = ", ".join(sorted({f.feature for e in moved for f in e.features.drifted})[:3])
    where = ", ".join(e.environment for e in moved[:3])
    return replace(side, verdict="warn", detail=f"{side.detail}; in {where}: {names}")


def compare_features(
    current: Part,
    reference: Part,
    window: Window,
    environment: str | None,
    names: Sequence[str],
    limits: Thresholds,
) -> tuple[Features, Features]:
    """Features against the reference, and against the days before."""
    against = rank(names, current.columns, reference.columns.get, compare, limits)
    if len(window.parts(environment)) < MIN_DAYS:
        return against, Features()
    recent = rank(
        names,
        current.columns,
        lambda name: window.columns(name, environment) or None,
        compare_days,
        limits,
    )
    return against, recent


def _environment(
    name: str,
    part: Part,
    sketch: Sketch,
    reference: Sketch,
    window: Window,
    features: Sequence[str],
    limits: Thresholds,
) -> EnvironmentDrift:
    theirs = reference.environments.get(name)
    alone = theirs is not None and theirs.rows >= 10 * MIN_ROWS
    against = theirs if theirs is not None and alone else reference.whole
    own, recent = compare_features(part, against, window, name, features, limits)
    side = own.judged(limits)
    alerts = alert_change(part, reference, sketch.threshold, len(features) + 3)
    reasons = [side.detail] if side.verdict in ("warn", "drift") else []
    if recent.drifted:
        reasons.append(f"{recent.judged(limits).detail} (against its days before)")
    if alerts.significant and (alerts.odds_ratio or 0) >= limits.alert_odds_ratio:
        reasons.append(f"alert rate {percent(alerts.reference)} → {percent(alerts.current)}")
    verdict: Verdict = "drift" if side.verdict == "drift" else "warn" if reasons else "ok"
    return EnvironmentDrift(
        environment=name,
        rows=part.rows,
        reference="own" if alone else "all",
        verdict=verdict,
        reasons=tuple(reasons),
        features=own,
        recent=recent,
        alert_rate=alerts,
        first_seen=bool(window.days) and not window.parts(name),
    )
