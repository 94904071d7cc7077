"""How good is the detector: on its held-out test set, and in the eyes of the analysts?

`quality` computes, on numbers alone; `render_quality` shows the result as an Evidently report and
puts it on the detector's dashboard.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from monitoring.statistics import wilson

if TYPE_CHECKING:
    from monitoring.workspace import Rendered

MEASURES = ("average_precision", "recall", "precision", "f1", "auc")
"""Held-out measures, as named in an evaluation."""
DECISIVE = ("true_positive", "false_positive", "benign_expected")
"""Verdicts that say what the alert was; 'unsure' does not."""
AGES = (("up to a day", 1.0), ("up to a week", 7.0), ("older", math.inf))


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval, or the `reason` why there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class HeldOutMeasure:
    """A measure on the held-out test set: the model's, and each baseline's on the same examples."""

    measure: str
    model: Estimate
    baselines: Mapping[str, Estimate]


@dataclass(frozen=True)
class EnvironmentQuality:
    """One environment's alerts, how many of them have a verdict, and their precision."""

    environment: str
    alerts: int
    labelled: int
    precision: Estimate


@dataclass(frozen=True)
class Conflict:
    """An alert that one analyst calls an attack and another does not."""

    alert_id: str
    environment: str
    verdicts: tuple[tuple[str, str], ...]
    """(by, verdict), ordered by name."""


@dataclass(frozen=True)
class QualityResult:
    """What `quality` found. Precision counts alerts with an undisputed verdict."""

    detector: str
    model_version: str
    at: datetime
    verdict: Literal["ok", "warn"]
    reasons: tuple[str, ...]
    held_out: tuple[HeldOutMeasure, ...]
    recall_at_fpr: Mapping[float, Estimate]
    examples: int | None
    positives: int | None
    precision: Estimate
    labelled_share: Estimate
    labelled_by_age: Mapping[str, Estimate]
    label_delay_hours: float | None
    verdict_counts: Mapping[str, int]
    conflicts: tuple[Conflict, ...]
    environments: tuple[EnvironmentQuality, ...]
    alerts: int
    alerts_by_day: Mapping[str, int]

    @property
    def alerts_per_day(self) -> float | None:
        """Mean from the first day with an alert to the last, days without included."""
        return sum(self.alerts_by_day.values()) / len(self.alerts_by_day) if self.alerts else None


def quality(
    detector: str,
    model_version: str,
    evaluation: Mapping[str, Any],
    verdicts: pa.Table,
    alerts: pa.Table,
    at: datetime | None = None,
) -> QualityResult:
    """Bring together what the test set and the analysts say of a model.

    Args:
        detector: the detector's name.
        model_version: the version in service.
        evaluation: what `detectors.evaluation.metrics.Metrics.to_dict` gives (`n`, `positives`,
            `MEASURES`, `recall_at_fpr`, `intervals`, `undefined`), and `baselines`, by name the
            same of each. Empty where there was none.
        verdicts: `alert_id`, `verdict`, `by`, `at`, `environment`, `event_timestamp`; an analyst's
            latest verdict on an alert is the one that counts.
        alerts: `alert_id`, `environment`, `event_timestamp`.
        at: the instant of the report, UTC; now by default.

    What cannot be computed has its reason in the result and makes it 'warn'.
    """
    moment = _utc(at or datetime.now(UTC))
    judged = _Judged(verdicts.to_pylist())
    raised = {row["alert_id"]: row for row in alerts.to_pylist()}
    held_out = tuple(_held_out(measure, evaluation) for measure in MEASURES)
    precision = _precision(judged.undisputed.values())
    labelled = _share(sum(alert in judged.verdicts for alert in raised), len(raised), "no alerts")
    environments = _environments(raised, judged)
    reasons = _reasons(held_out, precision, labelled, judged)
    return QualityResult(
        detector=detector,
        model_version=model_version,
        at=moment,
        verdict="warn" if reasons else "ok",
        reasons=reasons,
        held_out=held_out,
        recall_at_fpr=_recall_at_fpr(evaluation),
        examples=evaluation.get("n"),
        positives=evaluation.get("positives"),
        precision=precision,
        labelled_share=labelled,
        labelled_by_age=_by_age(raised, judged, moment),
        label_delay_hours=judged.delay_hours,
        verdict_counts=judged.counts,
        conflicts=judged.conflicts,
        environments=environments,
        alerts=len(raised),
        alerts_by_day=_by_day(raised.values()),
    )


def render_quality(result: QualityResult, out_dir: Path, workspace: Path) -> Rendered:
    """Write `<detector>_quality_<timestamp>.html` under `out_dir`, and the dashboard's point."""
    from monitoring import quality_report  # Evidently takes seconds to import

    return quality_report.render(result, out_dir, workspace)


class _Judged:
    """The verdicts in force: alert to analyst to verdict."""

    def __init__(self, rows: list[dict[str, Any]]):
        rows = sorted(rows, key=lambda row: _utc(row["at"]))
        latest = {(row["alert_id"], row["by"]): row for row in rows}
        self.counts = Counter(row["verdict"] for row in latest.values())
        self.verdicts: dict[str, dict[str, str]] = defaultdict(dict)
        self.environments = {row["alert_id"]: row["environment"] for row in rows}
        for (alert, by), row in latest.items():
            if row["verdict"] in DECISIVE:
                self.verdicts[alert][by] = row["verdict"]
        self.conflicts = tuple(
            Conflict(alert, self.environments[alert], tuple(sorted(by.items())))
            for alert, by in sorted(self.verdicts.items())
            if len({verdict == "true_positive" for verdict in by.values()}) > 1
        )
        disputed = {conflict.alert_id for conflict in self.conflicts}
        self.undisputed = {
            alert: "true_positive" in by.values()
            for alert, by in self.verdicts.items()
            if alert not in disputed
        }
        self.delay_hours = self._delay(rows)

    def _delay(self, rows: list[dict[str, Any]]) -> float | None:
        first: dict[str, float] = {}
        for row in rows:
            if row["verdict"] in DECISIVE and row["alert_id"] not in first:
                delay = _utc(row["at"]) - _utc(row["event_timestamp"])
                first[row["alert_id"]] = delay / timedelta(hours=1)
        return median(first.values()) if first else None


def _utc(moment: datetime) -> datetime:
    """The instant as a naive UTC datetime, which is what the lake holds."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _share(hits: int, rows: int, otherwise: str) -> Estimate:
    interval = wilson(hits, rows)
    if interval is None:
        return Estimate(None, reason=f"not computable: {otherwise}")
    return Estimate(hits / rows, *interval)


def _precision(undisputed: Iterable[bool]) -> Estimate:
    outcomes = list(undisputed)
    return _share(sum(outcomes), len(outcomes), "no alert with an undisputed verdict")


def _held_out(measure: str, evaluation: Mapping[str, Any]) -> HeldOutMeasure:
    baselines = evaluation.get("baselines") or {}
    return HeldOutMeasure(
        measure,
        _estimate(evaluation, measure, evaluation.get(measure)),
        {
            name: _estimate(baseline, measure, baseline[measure])
            for name, baseline in baselines.items()
            if measure in baseline
        },
    )


def _recall_at_fpr(evaluation: Mapping[str, Any]) -> dict[float, Estimate]:
    recalls = evaluation.get("recall_at_fpr") or {}
    return {
        float(rate): _estimate(evaluation, f"recall_at_fpr_{rate}", recall)
        for rate, recall in recalls.items()
    }


def _estimate(evaluation: Mapping[str, Any], measure: str, value: float | None) -> Estimate:
    if not evaluation:
        return Estimate(None, reason="not computable: no evaluation")
    if value is None or math.isnan(value):
        why = "no positives" if evaluation.get("positives") == 0 else "not in the evaluation"
        why = (evaluation.get("undefined") or {}).get(measure, why)
        return Estimate(None, reason=f"not computable: {why}")
    low, high = (evaluation.get("intervals") or {}).get(measure, (None, None))
    return Estimate(float(value), low, high)


def _environments(
    raised: Mapping[str, dict[str, Any]], judged: _Judged
) -> tuple[EnvironmentQuality, ...]:
    alerts: dict[str, list[str]] = defaultdict(list)
    for alert in raised.keys() | judged.verdicts.keys():
        where = raised[alert]["environment"] if alert in raised else judged.environments[alert]
        alerts[where].append(alert)
    found = [
        EnvironmentQuality(
            environment,
            len(theirs),
            sum(alert in judged.verdicts for alert in theirs),
            _precision(judged.undisputed[a] for a in theirs if a in judged.undisputed),
        )
        for environment, theirs in alerts.items()
    ]
    return tuple(sorted(found, key=lambda part: (-part.alerts, part.environment)))


def _by_age(
    raised: Mapping[str, dict[str, Any]], judged: _Judged, at: datetime
) -> dict[str, Estimate]:
    """The labelled share by age of the alert: young ones have had no time to get a verdict."""
    hits, rows = Counter[str](), Counter[str]()
    for alert, row in raised.items():
        days = (at - _utc(row["event_timestamp"])) / timedelta(days=1)
        age = next(name for name, limit in AGES if days <= limit)
        rows[age] += 1
        hits[age] += alert in judged.verdicts
    return {name: _share(hits[name], rows[name], "no alerts") for name, _ in AGES}


def _by_day(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    counts = Counter(_utc(row["event_timestamp"]).date() for row in rows)
    if not counts:
        return {}
    first, last = min(counts), max(counts)
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return {day.isoformat(): counts[day] for day in days}


def _reasons(
    held_out: tuple[HeldOutMeasure, ...], precision: Estimate, labelled: Estimate, judged: _Judged
) -> tuple[str, ...]:
    found: list[str] = []
    ranking = held_out[0]
    if ranking.model.value is None:
        found.append(f"held-out measures {ranking.model.reason}")
    for name, baseline in ranking.baselines.items():
        if (baseline.value or 0) >= (ranking.model.value or 0) > 0:
            found.append(f"no better than the baseline {name} in average precision")
    if precision.value is None:
        found.append(f"precision {precision.reason}")
    if labelled.value is None:
        found.append(f"labelled share {labelled.reason}")
    if disputed := len(judged.conflicts):
        found.append(
            f"{disputed} {'alert' if disputed == 1 else 'alerts'} with conflicting verdicts"
        )
    return tuple(found)
