"""Has the day's data moved away from what the detector was trained on, and from the days before?

`drift` decides, on sketches alone (`monitoring.sketches`); `render_drift` shows the decision as an
Evidently report and puts the day on the detector's dashboard.

Six signals are watched, each against the golden reference, the trailing window, or both. What
chance explains, and what days always differ by, is no drift; nor is an attack alone, because
features and scores are compared on the rows that are no alerts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from monitoring.drift.causes import Cause, causes_of
from monitoring.drift.environments import (
    EnvironmentDrift,
    compare_features,
    environments_of,
    everywhere,
)
from monitoring.drift.judgement import Features, Signal, Thresholds, Verdict
from monitoring.drift.labels import labels_signal
from monitoring.drift.messages import TemplateChange, templates_signal
from monitoring.drift.scores import Scores, alert_signal, score_changes, scores_signal
from monitoring.drift.volume import VolumeChange, volume_signal
from monitoring.drift.window import window_of
from monitoring.sketches import Day, Sketch
from whetstone.parsing.templates import TemplateDictionary

if TYPE_CHECKING:
    from monitoring.drift.report import Shown
    from monitoring.workspace import Rendered

TITLES: Mapping[str, str] = {
    "features": "features",
    "templates": "templates",
    "scores": "scores",
    "alert_rate": "alert rate",
    "volume": "volume",
    "labels": "verdicts",
}
"""The signals, and what people call them."""
WARNS_ONLY = ("alert_rate",)
"""Signals that make a day 'warn' at most: an attack moves them without the detector's fault."""


@dataclass(frozen=True)
class DriftResult:
    """What `drift` found; features, environments and causes are ranked, worst first.

    `features` are against the reference, `recent` against the trailing window of `window_days`.
    """

    detector: str
    day: str
    verdict: Verdict
    reasons: tuple[str, ...]
    signals: Mapping[str, Signal]
    causes: tuple[Cause, ...]
    features: Features
    recent: Features
    scores: Scores
    templates: tuple[TemplateChange, ...]
    volumes: tuple[VolumeChange, ...]
    environments: tuple[EnvironmentDrift, ...]
    environments_left_out: int
    threshold: float | None
    rows: int
    reference_rows: int
    window_days: int
    thresholds: Thresholds

    @property
    def share_drifted(self) -> float | None:
        """The share of drifted among the comparable features; None if there is none."""
        return self.features.share_drifted

    def facts(self) -> dict[str, object]:
        """What other parts of the platform read of a day's drift; JSON."""
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "signals": {name: signal.facts() for name, signal in self.signals.items()},
            "causes": [cause.facts() for cause in self.causes],
            "environments": [
                {
                    "environment": part.environment,
                    "verdict": part.verdict,
                    "rows": part.rows,
                    "alert_rate": part.alert_rate.current,
                }
                for part in self.environments
            ],
            "share_drifted": self.share_drifted,
            "score_psi": self.scores.psi.value,
            "alert_rate": self.scores.alert_rate.current,
            "rows": self.rows,
        }


def drift(
    detector: str,
    current: Day,
    reference: Sketch,
    window: Sequence[Day],
    features: Sequence[str],
    *,
    dictionary: TemplateDictionary | None = None,
    verdicts: pa.Table | None = None,
    lineage: Mapping[str, Sequence[str]] | None = None,
    thresholds: Thresholds | None = None,
) -> DriftResult:
    """Compare a day with the rows that the detector was trained on, and with the days before it.

    What cannot be compared with the reference (no rows, a missing column) has its reason in the
    result and makes the verdict 'warn' at least; a window of too few days is 'unknown' and does
    not. Nothing in the data raises.

    Args:
        detector: the detector's name.
        current: the day's sketches.
        reference: the sketch of benign training rows, scored by the champion.
        window: sketches of other days; those before the day count.
        features: the columns to compare, by name.
        dictionary: the templates that the champion knows.
        verdicts: analysts' verdicts on the detector's alerts: `at` (UTC) and `verdict`.
        lineage: the fields of events that each feature is made of.
        thresholds: what counts as drift.
    """
    limits, before = thresholds or Thresholds(), window_of(window, current.day)
    own, recent = compare_features(
        current.scores.whole, reference.whole, before, None, features, limits
    )
    environments, left_out = environments_of(current, reference, before, features, limits)
    scores = score_changes(current.scores, reference, before, len(features) + 3)
    templates, changes = templates_signal(current, before, dictionary, limits)
    volume, volumes = volume_signal(current, before, limits)
    signals = {
        "features": Signal(
            "features",
            everywhere(own.judged(limits), environments),
            before.cautious(recent.judged(limits)),
        ),
        "templates": templates,
        "scores": scores_signal(scores, before, limits),
        "alert_rate": alert_signal(scores, current.scores, reference, before, limits),
        "volume": volume,
        "labels": labels_signal(verdicts, current.day, limits),
    }  # fmt: skip
    verdict, reasons = _judge(signals, own, environments)
    result = DriftResult(
        detector=detector,
        day=current.day,
        verdict=verdict,
        reasons=reasons,
        signals=signals,
        causes=(),
        features=own,
        recent=recent,
        scores=scores,
        templates=changes,
        volumes=volumes,
        environments=environments,
        environments_left_out=left_out,
        threshold=current.scores.threshold,
        rows=current.scores.whole.rows,
        reference_rows=reference.whole.rows,
        window_days=len(before.days),
        thresholds=limits,
    )
    return replace(result, causes=causes_of(result, current, before, lineage or {}))


def render_drift(result: DriftResult, shown: Shown, out_dir: Path, workspace: Path) -> Rendered:
    """Write `<detector>_drift_<day>.html` under `out_dir` and put the day on the dashboard.

    The page needs nothing else to be read. Rendering a day again replaces both.
    """
    from monitoring.drift import report  # Evidently takes seconds to import

    return report.render(result, shown, out_dir, workspace)


def _judge(
    signals: Mapping[str, Signal],
    features: Features,
    environments: Sequence[EnvironmentDrift],
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict, and in words what led to it, weightiest first."""
    found: dict[Verdict, list[str]] = {"drift": [], "warn": []}
    for name, signal in signals.items():
        for side, what in ((signal.reference, "reference"), (signal.window, "days before")):
            if side is not None and side.verdict in ("warn", "drift"):
                level = "warn" if name in WARNS_ONLY else side.verdict
                found[level].append(f"{TITLES[name]}: {side.detail} (against the {what})")
    for name in ("features", "scores", "alert_rate"):
        side = signals[name].reference
        if side is not None and side.verdict == "unknown":
            found["warn"].append(f"{TITLES[name]} {side.detail}")
    if (missing := len(features.not_computable)) and features.share_drifted is not None:
        found["warn"].append(f"{missing} of {len(features.ranked)} features not computable")
    if moved := [part.environment for part in environments if part.verdict == "drift"]:
        more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
        found["warn"].append(f"drift in environment {', '.join(moved[:3])}{more}")
    verdict: Verdict = "drift" if found["drift"] else "warn" if found["warn"] else "ok"
    return verdict, (*found["drift"], *found["warn"])
