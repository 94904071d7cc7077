"""How good is the detector: in the analysts' eyes, on attacks that are known, without labels?

`quality` computes, on what it is handed alone; `render_quality` shows the result as an Evidently
report and puts it on the detector's dashboard. docs/detection-quality.md says what each number
means and what it cannot tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from monitoring.quality.alert_history import (
    EnvironmentQuality,
    TimeToDetect,
    alerts_by_day,
    by_environment,
    labelled_by_age,
    time_to_detect,
)
from monitoring.quality.blindness import Blindness
from monitoring.quality.estimate_series import (
    Checked,
    DayEstimate,
    TrackRecord,
    checked,
    track_records,
)
from monitoring.quality.figures import Estimate, share, utc
from monitoring.quality.held_out import HeldOutMeasure, held_out, recall_at_fpr
from monitoring.quality.retrainings import Published, Retraining, retrainings
from monitoring.quality.rivals import Paired, Shadow, paired, shadow
from monitoring.quality.techniques import TechniqueQuality, by_technique
from monitoring.quality.verdict import Verdict, judge
from monitoring.quality.verdicts import Conflict, Judged
from whetstone.canaries import CanaryResult

if TYPE_CHECKING:
    from monitoring.workspace import Rendered

_NO_SLICE = Estimate(None, reason="not computable: no alerts were drawn at random")


@dataclass(frozen=True)
class Evidence:
    """What is known of a detector.

    Attributes:
        evaluation: of the model in service on the core test set: what
            `detectors.evaluation.metrics.Metrics.to_dict` gives, and `baselines`, by name the same
            of each. Empty where there was none.
        verdicts: `alert_id`, `verdict`, `by`, `at`, `environment`, `event_timestamp`; an analyst's
            latest verdict on an alert is the one that counts.
        alerts: `alert_id`, `environment`, `event_timestamp`; where known `day` (its partition),
            `model_version`, `unit_start`, `raised` (when it came), `way` (`live` or `batch`) and
            `live` (a scorer raised it).
        sampled: precision of all alerts by verdicts on a random slice of them, which is free of
            the choice that analysts make in the queue.
        technique: ATT&CK's, the golden dataset's.
        canaries: what became of the planted attacks; `classes` the (found, examples) of each
            positive class of the validation examples, as far as they are told apart.
        estimated: precision of the newest alerts without labels, by method, the best first.
        series: the same by day, as it was made then.
        blindness: what could not be seen, by environment and day.
        published: releases, oldest first.
        shadow: what challengers in shadow raised, as `monitoring.quality.rivals.shadow` takes it.
        gate: the numbers of the last gate.
        floor: least precision that verdicts must not rule out.
    """

    evaluation: Mapping[str, Any]
    verdicts: pa.Table
    alerts: pa.Table
    sampled: Estimate = _NO_SLICE
    technique: str = ""
    canaries: Sequence[CanaryResult] = ()
    classes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    estimated: Mapping[str, Estimate] = field(default_factory=dict)
    series: Sequence[DayEstimate] = ()
    blindness: Sequence[Blindness] = ()
    published: Sequence[Published] = ()
    shadow: Sequence[Mapping[str, Any]] = ()
    gate: Mapping[str, Any] = field(default_factory=dict)
    floor: float = 0.0


@dataclass(frozen=True)
class QualityResult:
    """What `quality` found. Precision counts alerts with an undisputed verdict."""

    detector: str
    model_version: str
    at: datetime
    verdict: Verdict
    reasons: tuple[str, ...]
    held_out: tuple[HeldOutMeasure, ...]
    recall_at_fpr: Mapping[float, Estimate]
    examples: int | None
    positives: int | None
    techniques: tuple[TechniqueQuality, ...]
    canaries: tuple[CanaryResult, ...]
    precision: Estimate
    sampled: Estimate
    estimated: Mapping[str, Estimate]
    series: tuple[Checked, ...]
    track_records: tuple[TrackRecord, ...]
    labelled_share: Estimate
    labelled_by_age: Mapping[str, Estimate]
    label_delay_hours: float | None
    verdict_counts: Mapping[str, int]
    conflicts: tuple[Conflict, ...]
    environments: tuple[EnvironmentQuality, ...]
    alerts: int
    alerts_by_day: Mapping[str, int]
    time_to_detect: tuple[TimeToDetect, ...]
    blindness: tuple[Blindness, ...]
    blind_share: float | None
    retrainings: tuple[Retraining, ...]
    shadow: Shadow | None
    gate: tuple[Paired, ...]

    @property
    def alerts_per_day(self) -> float | None:
        """Mean from the first day with an alert to the last, days without included."""
        return sum(self.alerts_by_day.values()) / len(self.alerts_by_day) if self.alerts else None

    @property
    def core_recall(self) -> Estimate:
        """The share of the core test set's attacks that the model in service finds."""
        return next(each.model for each in self.held_out if each.measure == "recall")

    @property
    def missed_canaries(self) -> tuple[str, ...]:
        """Planted attacks that it does not find."""
        return tuple(each.name for each in self.canaries if not each.found)

    @property
    def best_estimate(self) -> tuple[str, Estimate] | None:
        """The precision that is estimated without labels, with the method; None: none could."""
        told = ((method, e) for method, e in self.estimated.items() if e.value is not None)
        return next(told, None)


def quality(detector: str, model_version: str, evidence: Evidence, at: datetime) -> QualityResult:
    """Bring together what is known of a model.

    Args:
        detector: the detector's name.
        model_version: the version in service.
        evidence: see there.
        at: the newest instant of the data, UTC.

    What cannot be computed has its reason in the result and makes it 'warn' at least.
    """
    moment = utc(at)
    judged = Judged(evidence.verdicts.to_pylist())
    raised = {row["alert_id"]: row for row in evidence.alerts.to_pylist()}
    measures = held_out(evidence.evaluation)
    precision = judged.precision()
    labelled = share(sum(alert in judged.verdicts for alert in raised), len(raised), "no alerts")
    series = checked(evidence.series, raised, judged)
    releases = retrainings(evidence.published, raised, judged)
    verdict, reasons, blind = judge(
        model_version,
        measures,
        precision,
        evidence.sampled,
        labelled,
        judged,
        evidence.canaries,
        evidence.blindness,
        releases,
        evidence.floor,
    )
    return QualityResult(
        detector=detector,
        model_version=model_version,
        at=moment,
        verdict=verdict,
        reasons=reasons,
        held_out=measures,
        recall_at_fpr=recall_at_fpr(evidence.evaluation),
        examples=evidence.evaluation.get("n"),
        positives=evidence.evaluation.get("positives"),
        techniques=by_technique(
            evidence.technique, evidence.evaluation, evidence.classes, evidence.canaries
        ),
        canaries=tuple(evidence.canaries),
        precision=precision,
        sampled=evidence.sampled,
        estimated=dict(evidence.estimated),
        series=series,
        track_records=track_records(series),
        labelled_share=labelled,
        labelled_by_age=labelled_by_age(raised, judged, moment),
        label_delay_hours=judged.delay_hours,
        verdict_counts=judged.counts,
        conflicts=judged.conflicts,
        environments=by_environment(raised, judged),
        alerts=len(raised),
        alerts_by_day=alerts_by_day(raised.values()),
        time_to_detect=time_to_detect(raised, judged),
        blindness=tuple(evidence.blindness),
        blind_share=blind,
        retrainings=releases,
        shadow=shadow(evidence.shadow, raised, judged),
        gate=paired(evidence.gate),
    )


def facts_of(result: QualityResult) -> dict[str, Any]:
    """The result in brief, as JSON takes it: what other reports and notices read."""
    took = result.time_to_detect
    best = result.best_estimate
    return {
        "verdict": result.verdict,
        "reasons": list(result.reasons),
        "precision": result.precision.to_dict(),
        "sampled_precision": result.sampled.to_dict(),
        "estimated_precision": best[1].to_dict() if best else None,
        "estimated_by": best[0] if best else None,
        "core_recall": result.core_recall.to_dict(),
        "canaries": {
            "planted": len(result.canaries),
            "found": len(result.canaries) - len(result.missed_canaries),
            "missed": list(result.missed_canaries),
        },
        "blind_share": result.blind_share,
        "alerts": result.alerts,
        "alerts_per_day": result.alerts_per_day,
        "labelled_share": result.labelled_share.value,
        "time_to_detect_seconds": took[0].median_seconds if took else None,
        "time_to_detect_way": took[0].way if took else None,
        "environments": [
            {
                "environment": part.environment,
                "alerts": part.alerts,
                "labelled": part.labelled,
                "precision": part.precision.to_dict(),
            }
            for part in result.environments
        ],
    }


def render_quality(result: QualityResult, out_dir: Path, workspace: Path) -> Rendered:
    """Write `<detector>_quality_<day of the data>.html` under `out_dir`, and the dashboard."""
    from monitoring.quality import report  # Evidently takes seconds to import

    return report.render(result, out_dir, workspace)
