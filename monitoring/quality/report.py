"""A `QualityResult` as an Evidently report: the page, the snapshot, the dashboard over time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring import widgets, workspace
from monitoring.drift.columns import percent
from monitoring.metrics import (
    AlertsPerDay,
    CarriedMetric,
    ConflictingVerdicts,
    DetectionRateAtFpr,
    HeldOut,
    Judgement,
    LabelDelayHours,
    LabelledShare,
    Number,
    NumbersReport,
    PrecisionFromVerdicts,
)
from monitoring.page import Banner, write
from monitoring.quality import QualityResult
from monitoring.quality.charts import charts
from monitoring.quality.figures import Estimate
from monitoring.quality.held_out import MEASURES
from monitoring.quality.metrics import (
    BlindShare,
    CanariesFound,
    EstimatedPrecision,
    EstimateOff,
    QualityVerdict,
    SecondsToDetect,
)
from monitoring.quality.tables import tables, urgent
from monitoring.quality.techniques import canary_recall
from monitoring.quality.verdict import MOST_BLIND
from monitoring.quality.words import interval, read, span
from monitoring.workspace import Line, Panel, Rendered
from whetstone.reports import report_name

_RANKS: dict[str, tuple[float, Judgement]] = {
    "ok": (0.0, "ok"),
    "warn": (1.0, "warn"),
    "bad": (2.0, "fail"),
}
_BOUNDS = ("estimate", "lower", "upper")


def render(result: QualityResult, out_dir: Path, home: Path) -> Rendered:
    """Write the page under `out_dir`, the snapshot and its project into the workspace at `home`."""
    name = report_name(result.detector, "quality", result.at.date())
    project = f"Detector quality: {result.detector}"
    first, listed = urgent(result), tables(result)
    snapshot = NumbersReport(_numbers(result, (*first, *charts(result), *listed))).run(
        pd.DataFrame({"alerts": [result.alerts]}),
        timestamp=result.at,
        name=name.stem,
        tags=["quality", result.detector],
        metadata={"detector": result.detector, "model_version": result.model_version},
    )
    path = out_dir / Path(name.path).name
    write(path, snapshot, _banner(result))
    description = "Precision in the eyes of the analysts, known attacks, and what was not seen."
    workspace.ensure_project(home, project, description, _panels())
    shown = [_summary(result), *first, *listed]
    return Rendered(path, str(workspace.add_snapshot(home, project, snapshot, shown)))


def _numbers(
    result: QualityResult, drawings: tuple[BaseWidgetInfo, ...]
) -> list[tuple[CarriedMetric, Number]]:
    rank, judgement = _RANKS[result.verdict]
    return [
        (
            QualityVerdict(),
            Number(rank, "", judgement, "; ".join(result.reasons) or "good", drawings),
        ),
        *_of_verdicts(result),
        *_of_estimates(result),
        *_of_attacks(result),
        (BlindShare(), _blind(result)),
        *(
            (SecondsToDetect(way=each.way), Number(each.median_seconds))
            for each in result.time_to_detect
        ),
    ]


def _of_verdicts(result: QualityResult) -> Iterator[tuple[CarriedMetric, Number]]:
    conflicts: Judgement = "warn" if result.conflicts else "ok"
    disputed = len(result.conflicts)
    for bound, value in _bounds(result.precision):
        yield PrecisionFromVerdicts(bound=bound), Number(value, result.precision.reason)
    yield LabelledShare(), Number(result.labelled_share.value, result.labelled_share.reason)
    yield LabelDelayHours(), Number(result.label_delay_hours, "not computable: no verdicts")
    yield AlertsPerDay(), Number(result.alerts_per_day, "not computable: no alerts")
    yield ConflictingVerdicts(), Number(disputed, "", conflicts, str(disputed))


def _of_estimates(result: QualityResult) -> Iterator[tuple[CarriedMetric, Number]]:
    for method, estimate in result.estimated.items():
        for bound, value in _bounds(estimate):
            # What cannot be estimated is no failed test: it is no measurement in the first place.
            if value is not None:
                yield EstimatedPrecision(method=method, bound=bound), Number(value)
    for record in result.track_records:
        yield EstimateOff(method=record.method), Number(record.mean_off)


def _of_attacks(result: QualityResult) -> Iterator[tuple[CarriedMetric, Number]]:
    if result.canaries:
        found = canary_recall(result.canaries)
        missed = ", ".join(result.missed_canaries)
        judgement: Judgement = "fail" if missed else "ok"
        yield (
            CanariesFound(),
            Number(found.value, "", judgement, f"missed: {missed}" if missed else "all"),
        )
    for each in result.held_out:
        for scorer, estimate in (("model", each.model), *each.baselines.items()):
            for bound, value in _bounds(estimate):
                number = Number(value, estimate.reason)
                yield HeldOut(measure=each.measure, scorer=scorer, bound=bound), number
    for rate, estimate in result.recall_at_fpr.items():
        yield DetectionRateAtFpr(fpr=rate), Number(estimate.value, estimate.reason)


def _blind(result: QualityResult) -> Number:
    if result.blind_share is None:
        return Number(None, "not known: too few days, and no scorer told")
    judgement: Judgement = "fail" if result.blind_share > MOST_BLIND else "ok"
    detail = f"{percent(result.blind_share)}; at most {percent(MOST_BLIND)} is well"
    return Number(result.blind_share, "", judgement, detail)


def _bounds(estimate: Estimate) -> Iterator[tuple[str, float | None]]:
    """The estimate, and its bounds where it has them."""
    yield "estimate", estimate.value
    if estimate.low is not None and estimate.high is not None:
        yield "lower", estimate.low
        yield "upper", estimate.high


def _banner(result: QualityResult) -> Banner:
    planted, missed = len(result.canaries), len(result.missed_canaries)
    best, took, delay = result.best_estimate, result.time_to_detect, result.label_delay_hours
    recall, labelled = result.core_recall, result.labelled_share
    return Banner(
        title=f"{result.detector}: quality on {result.at:%Y-%m-%d}",
        subtitle=f"Model {result.model_version}",
        state=result.verdict,
        reasons=result.reasons or ("better than its baselines, and analysts agree",),
        figures=(
            ("Precision from verdicts", read(result.precision), interval(result.precision)),
            ("Precision, random slice", read(result.sampled), interval(result.sampled)),
            (
                "Estimated without labels",
                f"≈ {read(best[1])}" if best else "–",
                f"{interval(best[1])}, by {best[0]}" if best else "no method could tell",
            ),
            ("Core recall", read(recall), interval(recall)),
            (
                "Canaries found",
                f"{planted - missed} of {planted}" if planted else "–",
                ", ".join(result.missed_canaries) or ("all" if planted else "none are planted"),
            ),
            ("Not seen", percent(result.blind_share), f"of the traffic of {result.at:%Y-%m-%d}"),
            (
                "Time to detect",
                span(took[0].median_seconds) if took else "–",
                f"median, {'live' if took[0].way == 'live' else 'by the batch'}"
                if took
                else "no alert says when it came",
            ),
            (
                "Alerts a day",
                "–" if result.alerts_per_day is None else f"{result.alerts_per_day:.1f}",
                f"{percent(labelled.value)} of {result.alerts:,} have a verdict",
            ),
            (
                "Hours to the first verdict",
                "–" if delay is None else f"{delay:.1f}",
                "median" if delay is not None else "no verdicts",
            ),
        ),
    )


def _summary(result: QualityResult) -> BaseWidgetInfo:
    best = result.best_estimate
    planted = len(result.canaries)
    return widgets.counters(
        f"{result.verdict}: {'; '.join(result.reasons) or 'good'}",
        [
            ("precision from verdicts", read(result.precision)),
            ("estimated without labels", read(best[1]) if best else "–"),
            ("core recall", read(result.core_recall)),
            ("canaries found", f"{planted - len(result.missed_canaries)} of {planted}"),
            ("traffic not seen", percent(result.blind_share)),
        ],
    )


def _panels() -> list[Panel]:
    ranking = {"measure": MEASURES[0], "bound": "estimate"}
    recall = {"measure": "recall", "scorer": "model"}
    return [
        Panel("Verdict", "0 ok, 1 warn, 2 bad", [Line("verdict", "QualityVerdict")]),
        Panel(
            "Precision from verdicts",
            "With the 95% interval",
            [Line(b, "PrecisionFromVerdicts", {"bound": b}) for b in _BOUNDS],
        ),
        Panel(
            "Precision, estimated without labels",
            "No measurement; by method",
            [Line("{{method}}", "EstimatedPrecision", {"bound": "estimate"})],
        ),
        Panel(
            "How far the estimates were off",
            "Mean over the days with verdicts",
            [Line("{{method}}", "EstimateOff")],
        ),
        Panel(
            "Core recall",
            "With the 95% interval",
            [Line(b, "HeldOut", {**recall, "bound": b}) for b in _BOUNDS],
        ),
        Panel("Canaries found", "Share of planted attacks", [Line("found", "CanariesFound")]),
        Panel("Traffic not seen", "Share of the newest day", [Line("not seen", "BlindShare")]),
        Panel("Time to detect", "Median seconds", [Line("{{way}}", "SecondsToDetect")]),
        Panel("Alerts a day", "Mean", [Line("alerts", "AlertsPerDay")]),
        Panel("Alerts with a verdict", "Share", [Line("labelled", "LabelledShare")]),
        Panel("Hours to the first verdict", "Median", [Line("hours", "LabelDelayHours")]),
        Panel("Conflicting verdicts", "Alerts", [Line("conflicts", "ConflictingVerdicts")]),
        Panel(
            "Average precision on the core test set",
            "The model and its baselines",
            [Line("{{scorer}}", "HeldOut", ranking)],
        ),
        Panel(
            "Core recall at fixed false-positive rates",
            "",
            [Line("at {{fpr}}", "DetectionRateAtFpr")],
        ),
    ]
