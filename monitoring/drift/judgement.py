"""Each feature of a day against a reference or the days before, and what they mean together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from monitoring.drift.columns import ODDS_RATIO, Comparison, Grown
from monitoring.sketches import Column

Verdict = Literal["ok", "warn", "drift"]
SignalVerdict = Literal["ok", "warn", "drift", "unknown"]

ORDER: Mapping[str, int] = {"unknown": 0, "ok": 1, "warn": 2, "drift": 3}


@dataclass(frozen=True)
class Thresholds:
    """From where on a difference matters, given that chance does not explain it."""

    psi: float = 0.2
    """A feature's population stability index (quantiles or categories)."""
    odds_ratio: float = 2.0
    """A flag's odds, up or down."""
    share_drifted: float = 0.3
    """The share of features that makes the signal 'drift'."""
    alone: float = 3.0
    """How far beyond its threshold one feature makes the signal 'drift' on its own."""
    score_psi_warn: float = 0.1
    score_psi_drift: float = 0.25
    alert_odds_ratio: float = 3.0
    """The odds of an alert, and of a score in the reference's top percent."""
    templates_warn: float = 0.01
    """Share of a day's messages with unknown, new or vanished templates."""
    templates_drift: float = 0.05
    volume_warn: float = 1.5
    """How many times as many units as usual, or as few, on a day."""
    volume_drift: float = 1.6
    """The same in the middle of three days."""
    label_psi_warn: float = 0.1
    label_psi_drift: float = 0.25


@dataclass(frozen=True)
class Side:
    """A signal against one of the two: the golden reference, or the days before."""

    verdict: SignalVerdict
    value: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class Signal:
    """What is watched, with a verdict of its own: the worse of its sides."""

    name: str
    reference: Side | None = None
    window: Side | None = None

    @property
    def worse(self) -> Side:
        """The side that decides; 'unknown' where neither could be computed."""
        sides = [side for side in (self.reference, self.window) if side is not None]
        return max(sides, key=lambda side: ORDER[side.verdict], default=Side("unknown"))

    @property
    def verdict(self) -> SignalVerdict:
        """The worse verdict."""
        return self.worse.verdict

    def facts(self) -> dict[str, object]:
        """JSON: the deciding side, and both."""
        sides = {
            name: _facts(side)
            for name, side in (("reference", self.reference), ("window", self.window))
            if side is not None
        }
        return {**_facts(self.worse), **sides}


@dataclass(frozen=True)
class FeatureDrift:
    """One feature; `severity` is its distance from the threshold (1: reached), None: no value.

    `usual` is the value that the window's days have among each other.
    """

    feature: str
    statistic: str
    value: float | None
    threshold: float
    severity: float | None
    drifted: bool
    detail: str
    reason: str
    usual: float | None = None
    grown: Grown | None = None


@dataclass(frozen=True)
class Features:
    """All features of a day against one side, worst first."""

    ranked: tuple[FeatureDrift, ...] = field(default_factory=tuple)

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """Those that drifted."""
        return tuple(feature for feature in self.ranked if feature.drifted)

    @property
    def not_computable(self) -> tuple[FeatureDrift, ...]:
        """Those without a value."""
        return tuple(feature for feature in self.ranked if feature.value is None)

    @property
    def share_drifted(self) -> float | None:
        """The share of drifted among the features that have a value; None if none has."""
        valued = len(self.ranked) - len(self.not_computable)
        return len(self.drifted) / valued if valued else None

    def judged(self, limits: Thresholds) -> Side:
        """Drift where enough of them drifted, or one far beyond its threshold."""
        total, drifted = len(self.ranked), self.drifted
        if not total:
            return Side("unknown", None, "the detector has no features of its own")
        if self.share_drifted is None:
            return Side("unknown", None, f"not computable: {self.ranked[0].reason}")
        many = self.share_drifted >= limits.share_drifted
        far = any((f.severity or 0) >= limits.alone for f in drifted)
        verdict = "drift" if drifted and (many or far) else "warn" if drifted else "ok"
        names = ", ".join(f.feature for f in drifted[:3])
        detail = f"{len(drifted)} of {total} drifted" + (f": {names}" if names else "")
        return Side(verdict, self.share_drifted, detail)


def rank(
    names: Iterable[str],
    current: Mapping[str, Column],
    against: Callable[[str], Column | Sequence[Column] | None],
    measure: Callable[..., Comparison],
    limits: Thresholds,
) -> Features:
    """Compare features by name and rank them.

    Args:
        names: the features.
        current: the day's columns.
        against: what a feature is compared with; None: it has no such column.
        measure: compares the two, given how many comparisons are made together.
        limits: what counts as drift.
    """
    names = list(names)
    found: list[FeatureDrift] = []
    for name in names:
        other = against(name)
        missing = "reference" if other is None else "current rows" if name not in current else ""
        if missing or other is None:
            comparison = Comparison("", reason=f"not computable: no column {name} in the {missing}")
        else:
            comparison = measure(other, current[name], len(names) + 3)
        found.append(_feature(name, comparison, limits))
    found.sort(key=lambda f: (not f.drifted, f.severity is None, -(f.severity or 0), f.feature))
    return Features(tuple(found))


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
        usual=found.usual,
        grown=found.grown,
    )


def _facts(side: Side) -> dict[str, object]:
    return {"verdict": side.verdict, "value": side.value, "detail": side.detail}
