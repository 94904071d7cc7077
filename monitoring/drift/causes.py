"""What moved: sources, fields, templates, environments, ranked by how far they moved.

A cause is no proof. It names where a signal's movement is concentrated, and which rows of the day
show it (`Where`), so that a person can look at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from monitoring.drift.columns import percent
from monitoring.drift.judgement import FeatureDrift
from monitoring.drift.window import Window
from monitoring.sketches import Day
from monitoring.sketches.values import new_values

if TYPE_CHECKING:
    from monitoring.drift import DriftResult

MOST = 10
"""Causes that are named."""
FARTHEST = 10.0
"""Severity beyond which nothing is worse."""

Kind = Literal["feature", "field", "template", "category", "volume", "environment"]


@dataclass(frozen=True)
class Where:
    """Rows of the day that show a cause.

    Units whose `feature` is in (`low`, `high`], or one of the texts `values`; or events whose
    message has the mask `mask`. Of one environment, or of all.
    """

    environment: str | None = None
    feature: str | None = None
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    mask: str | None = None


@dataclass(frozen=True)
class Cause:
    """One thing that moved; `severity` is its distance from the threshold (1: reached)."""

    kind: Kind
    what: str
    environment: str | None
    severity: float
    detail: str
    where: Where | None = None

    def facts(self) -> dict[str, object]:
        """JSON."""
        return {
            "kind": self.kind,
            "what": self.what,
            "environment": self.environment,
            "severity": self.severity,
            "detail": self.detail,
        }


def causes_of(
    result: DriftResult, current: Day, window: Window, lineage: Mapping[str, Sequence[str]]
) -> tuple[Cause, ...]:
    """The causes of what was found, worst first, at most `MOST`."""
    found = [
        *_features(result, current, window),
        *_fields(result, lineage),
        *_templates(result),
        *_volumes(result),
        *_environments(result),
    ]
    best: dict[tuple[str, str, str | None], Cause] = {}
    for cause in found:
        key = cause.kind, cause.what, cause.environment
        if key not in best or best[key].severity < cause.severity:
            best[key] = cause
    ranked = sorted(best.values(), key=lambda c: (-c.severity, c.kind, c.what, c.environment or ""))
    return tuple(ranked[:MOST])


def _features(result: DriftResult, current: Day, window: Window) -> Iterable[Cause]:
    sides = ((result.features, "the reference"), (result.recent, "the days before"))
    for side, against in sides:
        for feature in side.drifted:
            environment = _most_moved(result, feature.feature)
            detail = f"{_grew(feature)} against {against}"
            where = _where(feature, current, window, environment)
            yield Cause(
                "category" if where and where.values else "feature",
                feature.feature, environment, _severity(feature), detail, where,
            )  # fmt: skip


def _fields(result: DriftResult, lineage: Mapping[str, Sequence[str]]) -> Iterable[Cause]:
    """Fields that several moved features are made of: by how many of their features moved."""
    moved = {f.feature: _severity(f) for f in (*result.recent.drifted, *result.features.drifted)}
    fields = sorted({field for name in moved for field in lineage.get(name, ())})
    for field in fields:
        users = [name for name, uses in lineage.items() if field in uses]
        hit = sorted(name for name in users if name in moved)
        severity = sum(moved[name] for name in hit) / len(users)
        if severity < 1 and len(hit) < 2:
            continue
        detail = f"{len(hit)} of the {len(users)} features that are made of it moved"
        yield Cause("field", field, None, severity, f"{detail}: {', '.join(hit[:3])}")


def _templates(result: DriftResult) -> Iterable[Cause]:
    limits = result.thresholds
    for change in result.templates:
        share = max(change.before, change.after)
        if share < limits.templates_warn:
            continue
        detail = f"{change.kind}: {percent(change.before)} → {percent(change.after)} of messages"
        where = None if change.kind == "vanished" else Where(mask=change.text)
        severity = min(FARTHEST, share / limits.templates_drift)
        yield Cause("template", change.text, None, severity, detail, where)


def _volumes(result: DriftResult) -> Iterable[Cause]:
    for change in result.volumes:
        detail = f"{change.units:,.0f} units, {change.expected:,.0f} expected"
        severity = min(FARTHEST, abs(change.severity))
        more = "more units" if change.severity > 0 else "fewer units"
        where = Where(environment=change.environment) if change.severity > 0 else None
        yield Cause("volume", more, change.environment, severity, detail, where)


def _environments(result: DriftResult) -> Iterable[Cause]:
    if len(result.environments) < 2:
        return
    total = max(result.rows, 1)
    for part in result.environments:
        if part.first_seen and part.rows / total >= 0.01:
            detail = f"new: {percent(part.rows / total)} of the day's units"
            severity = min(FARTHEST, part.rows / total / 0.05)
            yield Cause(
                "environment", part.environment, part.environment, severity, detail,
                Where(environment=part.environment),
            )  # fmt: skip
        elif part.verdict == "drift" and part.worst is not None:
            share = part.features.share_drifted or 0
            detail = f"{part.features.judged(result.thresholds).detail}; {percent(share)} drifted"
            severity = _severity(part.worst) * part.rows / total
            yield Cause("environment", part.environment, part.environment, severity, detail)


def _most_moved(result: DriftResult, feature: str) -> str | None:
    """The environment whose rows moved a feature most, if it did not move everywhere."""
    moved: list[tuple[float, str]] = []
    for part in result.environments:
        ranked = part.recent.ranked or part.features.ranked
        moved += [
            (_severity(each) * part.rows, part.environment)
            for each in ranked
            if each.feature == feature and each.drifted
        ]
    several = len(result.environments) > 1 and len(moved) <= len(result.environments) / 2
    return max(moved)[1] if moved and several else None


def _where(
    feature: FeatureDrift, current: Day, window: Window, environment: str | None
) -> Where | None:
    """The rows in the bin that grew most."""
    grown, column = feature.grown, current.scores.whole.columns.get(feature.feature)
    if grown is None or column is None or grown.facet:
        return None
    if column.kind == "text" and column.values is not None:
        new = grown.label == "new values"
        before = [c.values for c in window.columns(feature.feature) if c.values is not None]
        names = new_values(before, column.values) if new else {grown.label: 1.0}
        values = tuple(sorted(names, key=lambda name: -names[name])[:20])
        return Where(environment, feature.feature, values=values)
    return Where(environment, feature.feature, grown.low, grown.high)


def _grew(feature: FeatureDrift) -> str:
    if feature.grown is None:
        return feature.detail
    grown = feature.grown
    bin_ = f"{grown.facet} {grown.label}".strip()
    return f"{bin_}: {percent(grown.reference)} → {percent(grown.current)} of the rows"


def _severity(feature: FeatureDrift) -> float:
    return min(FARTHEST, feature.severity or 0.0)
