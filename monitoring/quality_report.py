"""A `QualityResult` as an Evidently report: the page, the snapshot, the dashboard over time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring import widgets, workspace
from monitoring.columns import percent
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
from monitoring.quality import MEASURES, Estimate, QualityResult
from monitoring.workspace import Line, Panel, Rendered

CONFLICTS = 50
"""Conflicting verdicts that are listed."""


def render(result: QualityResult, out_dir: Path, home: Path) -> Rendered:
    """Write the page under `out_dir`, the snapshot and its project into the workspace at `home`."""
    name = f"{result.detector}_quality_{result.at:%Y-%m-%dT%H%M%S}"
    project = f"Detector quality: {result.detector}"
    tables = (_held_out_table(result), _environment_table(result), *_conflict_table(result))
    drawings = (*_held_out_chart(result), *_verdict_charts(result), *tables)
    snapshot = NumbersReport(_numbers(result, drawings)).run(
        pd.DataFrame({"alerts": [result.alerts]}),
        timestamp=result.at,
        name=name,
        tags=["quality", result.detector],
        metadata={"detector": result.detector, "model_version": result.model_version},
    )
    path = out_dir / f"{name}.html"
    write(path, snapshot, _banner(result))
    description = "Precision in the eyes of the analysts, and measures on the held-out test set."
    workspace.ensure_project(home, project, description, _panels())
    shown = [_summary(result), *tables]
    return Rendered(path, str(workspace.add_snapshot(home, project, snapshot, shown)))


def _numbers(
    result: QualityResult, drawings: tuple[BaseWidgetInfo, ...]
) -> list[tuple[CarriedMetric, Number]]:
    conflicts: Judgement = "warn" if result.conflicts else "ok"
    precision = _bounds(result.precision)
    return [
        (
            ConflictingVerdicts(),
            Number(len(result.conflicts), "", conflicts, str(len(result.conflicts)), drawings),
        ),
        *(
            (PrecisionFromVerdicts(bound=b), _number(value, result.precision))
            for b, value in precision
        ),
        (LabelledShare(), _number(result.labelled_share.value, result.labelled_share)),
        (LabelDelayHours(), Number(result.label_delay_hours, "not computable: no verdicts")),
        (AlertsPerDay(), Number(result.alerts_per_day, "not computable: no alerts")),
        *(
            (HeldOut(measure=m.measure, scorer=scorer, bound=bound), _number(value, estimate))
            for m in result.held_out
            for scorer, estimate in (("model", m.model), *m.baselines.items())
            for bound, value in _bounds(estimate)
        ),
        *(
            (DetectionRateAtFpr(fpr=rate), _number(estimate.value, estimate))
            for rate, estimate in result.recall_at_fpr.items()
        ),
    ]


def _number(value: float | None, estimate: Estimate) -> Number:
    return Number(value, estimate.reason)


def _bounds(estimate: Estimate) -> Iterator[tuple[str, float | None]]:
    """The estimate, and its bounds where it has them."""
    yield "estimate", estimate.value
    if estimate.low is not None and estimate.high is not None:
        yield "lower", estimate.low
        yield "upper", estimate.high


def _banner(result: QualityResult) -> Banner:
    ranking, labelled = result.held_out[0], result.labelled_share
    best = max(
        ((name, e.value) for name, e in ranking.baselines.items() if e.value is not None),
        key=lambda pair: pair[1],
        default=None,
    )
    delay = result.label_delay_hours
    return Banner(
        title=f"{result.detector}: quality on {result.at:%Y-%m-%d %H:%M} UTC",
        subtitle=f"Model {result.model_version}",
        state=result.verdict,
        reasons=result.reasons or ("better than its baselines, and analysts agree",),
        figures=(
            ("Precision from verdicts", _read(result.precision), _interval(result.precision)),
            (
                "Held-out average precision",
                _read(ranking.model),
                f"best baseline: {best[0]}, {best[1]:.3f}" if best else _interval(ranking.model),
            ),
            ("Alerts with a verdict", _read(labelled), f"of {result.alerts:,} alerts"),
            (
                "Hours to the first verdict",
                "–" if delay is None else f"{delay:.1f}",
                "median" if delay is not None else "no verdicts",
            ),
            (
                "Alerts a day",
                "–" if result.alerts_per_day is None else f"{result.alerts_per_day:.1f}",
                f"{len(result.conflicts)} with conflicting verdicts",
            ),
        ),
    )


def _summary(result: QualityResult) -> BaseWidgetInfo:
    return widgets.counters(
        "; ".join(result.reasons),
        [
            ("precision from verdicts", _read(result.precision)),
            ("held-out average precision", _read(result.held_out[0].model)),
            ("alerts with a verdict", _read(result.labelled_share)),
            ("conflicting verdicts", str(len(result.conflicts))),
        ],
    )


def _read(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{estimate.value:.3f}"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return estimate.reason
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def _held_out_chart(result: QualityResult) -> list[BaseWidgetInfo]:
    measures = [m for m in result.held_out if m.model.value is not None]
    if not measures:
        return []
    scorers = [*dict.fromkeys(name for m in measures for name in m.baselines)]
    series = [("model", [_dot(m.model) for m in measures])]
    series += [(n, [_dot(m.baselines.get(n)) for m in measures]) for n in scorers]
    groups = [m.measure.replace("_", " ") for m in measures]
    return [widgets.intervals("Held-out test set: the model beside its baselines", groups, series)]


def _dot(estimate: Estimate | None) -> tuple[float, float, float] | None:
    if estimate is None or estimate.value is None:
        return None
    low = estimate.value if estimate.low is None else estimate.low
    return estimate.value, low, estimate.value if estimate.high is None else estimate.high


def _verdict_charts(result: QualityResult) -> list[BaseWidgetInfo]:
    charts: list[BaseWidgetInfo] = []
    labelled = [part for part in result.environments if part.precision.value is not None][:20]
    if labelled:
        dots = [("precision", [_dot(part.precision) for part in labelled])]
        names = [part.environment for part in labelled]
        charts.append(widgets.intervals("Precision from verdicts, by environment", names, dots))
    if result.alerts_by_day:
        days, counts = list(result.alerts_by_day)[-60:], list(result.alerts_by_day.values())[-60:]
        charts.append(widgets.columns("Alerts a day", days, counts))
        kinds = sorted(result.verdict_counts)
        values = [result.verdict_counts[kind] for kind in kinds]
        charts.append(widgets.columns("Verdicts", kinds, values))
    return charts


def _held_out_table(result: QualityResult) -> BaseWidgetInfo:
    rows = [
        (m.measure.replace("_", " "), scorer, _read(estimate), _interval(estimate))
        for m in result.held_out
        for scorer, estimate in (("model", m.model), *m.baselines.items())
    ]
    rows += [
        (f"recall at a false-positive rate of {percent(rate)}", "model", _read(e), _interval(e))
        for rate, e in result.recall_at_fpr.items()
    ]
    title = "Held-out test set"
    if result.examples is not None:
        title += f": {result.examples:,} examples, {result.positives or 0:,} positive"
    return widgets.table(title, ("measure", "scorer", "value", "95% interval"), rows)


def _environment_table(result: QualityResult) -> BaseWidgetInfo:
    rows = [
        (
            part.environment,
            f"{part.alerts:,}",
            f"{part.labelled:,}",
            _read(part.precision),
            _interval(part.precision),
        )
        for part in result.environments
    ]
    ages = ", ".join(
        f"{age} {percent(estimate.value)}" for age, estimate in result.labelled_by_age.items()
    )
    header = ("environment", "alerts", "with a verdict", "precision", "95% interval")
    return widgets.table(f"Environments (alerts with a verdict by age: {ages})", header, rows)


def _conflict_table(result: QualityResult) -> list[BaseWidgetInfo]:
    if not result.conflicts:
        return []
    rows = [
        (c.alert_id, c.environment, "; ".join(f"{by}: {verdict}" for by, verdict in c.verdicts))
        for c in result.conflicts[:CONFLICTS]
    ]
    title = f"Conflicting verdicts, {len(rows)} of {len(result.conflicts)}"
    return [widgets.table(title, ("alert", "environment", "verdicts"), rows)]


def _panels() -> list[Panel]:
    held_out = {"measure": MEASURES[0], "bound": "estimate"}
    return [
        Panel(
            "Precision from verdicts",
            "With the 95% interval",
            [
                Line(b, "PrecisionFromVerdicts", {"bound": b})
                for b in ("estimate", "lower", "upper")
            ],
        ),
        Panel(
            "Held-out average precision",
            "The model and its baselines on the same test set",
            [Line("{{scorer}}", "HeldOut", held_out)],
        ),
        Panel("Alerts with a verdict", "Share", [Line("labelled", "LabelledShare")]),
        Panel("Hours to the first verdict", "Median", [Line("hours", "LabelDelayHours")]),
        Panel("Alerts a day", "Mean", [Line("alerts", "AlertsPerDay")]),
        Panel("Conflicting verdicts", "Alerts", [Line("conflicts", "ConflictingVerdicts")]),
        Panel(
            "Held-out recall at fixed false-positive rates",
            "",
            [Line("at {{fpr}}", "DetectionRateAtFpr")],
            size="full",
        ),
    ]
