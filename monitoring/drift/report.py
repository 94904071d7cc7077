"""A `DriftResult` as an Evidently report: the page, the snapshot, the dashboard over the days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
from evidently.core.report import Snapshot
from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring import workspace
from monitoring.alert_list import AlertLine, alert_list
from monitoring.drift import TITLES, DriftResult
from monitoring.drift.charts import charts, value
from monitoring.drift.columns import CATEGORY_PSI, ODDS_RATIO, QUANTILE_PSI, percent
from monitoring.drift.examples import Example
from monitoring.drift.judgement import FeatureDrift, Side, Signal, Thresholds
from monitoring.drift.tables import (
    cause_table,
    environment_table,
    example_table,
    feature_table,
    signal_table,
    summary,
    template_table,
)
from monitoring.metrics import (
    AlertRate,
    CarriedMetric,
    CategoryPsi,
    DriftSignal,
    DriftVerdict,
    Judgement,
    NotComparable,
    NotComputable,
    Number,
    NumbersReport,
    OddsRatio,
    QuantilePsi,
    ScorePsi,
    ScoreTailShare,
    ShareDrifted,
    UnknownTemplates,
    VolumeRatio,
    WorstFeature,
)
from monitoring.page import Banner, write
from monitoring.projects import project_of
from monitoring.sketches import Day, Sketch
from monitoring.statistics import RateChange
from monitoring.workspace import Line, Panel, Rendered
from whetstone.reports import report_name

_JUDGEMENT: dict[str, Judgement] = {"ok": "ok", "warn": "warn", "drift": "fail"}
_LEVEL = {"ok": 0.0, "warn": 1.0, "drift": 2.0}
_METRIC = {QUANTILE_PSI: QuantilePsi, CATEGORY_PSI: CategoryPsi, ODDS_RATIO: OddsRatio}


@dataclass(frozen=True)
class Shown:
    """What a page shows beside the decision.

    Attributes:
        reference: the sketch of the golden reference.
        current: the day's sketches.
        examples: raw lines of each cause, in the causes' order.
        alerts: the alerts of the day.
    """

    reference: Sketch
    current: Day
    examples: Sequence[Sequence[Example]] = ()
    alerts: Sequence[AlertLine] = ()


def render(result: DriftResult, shown: Shown, out_dir: Path, home: Path) -> Rendered:
    """Write the page under `out_dir`, the snapshot and its project into the workspace at `home`."""
    name = report_name(result.detector, "drift", datetime.fromisoformat(result.day).date())
    project = project_of(result.detector, "drift")
    tables = (
        signal_table(result),
        *cause_table(result),
        *example_table(shown.examples),
    )
    further = (
        feature_table(result),
        *template_table(result),
        *environment_table(result),
        *alert_list(shown.alerts),
    )
    drawings = (*tables, *charts(result, shown.reference, shown.current), *further)
    snapshot = _snapshot(result, name.stem, drawings)
    path = out_dir / f"{name.stem}.html"
    write(path, snapshot, _banner(result))
    description = "Has the data moved away from what the detector was trained on? A point a day."
    workspace.ensure_project(home, project, description, _panels(result.thresholds))
    kept = [summary(result), *tables[:2], feature_table(result)]
    return Rendered(path, str(workspace.add_snapshot(home, project, snapshot, kept)))


def _snapshot(result: DriftResult, name: str, drawings: tuple[BaseWidgetInfo, ...]) -> Snapshot:
    return NumbersReport(_numbers(result, drawings)).run(
        pd.DataFrame({"rows": [result.rows]}),
        timestamp=datetime.fromisoformat(result.day),
        name=name,
        tags=["drift", result.detector],
        metadata={"detector": result.detector, "day": result.day, "verdict": result.verdict},
    )


def _numbers(
    result: DriftResult, drawings: tuple[BaseWidgetInfo, ...]
) -> list[tuple[CarriedMetric, Number]]:
    scores, limits = result.scores, result.thresholds
    verdict = Number(
        _LEVEL[result.verdict],
        judgement=_JUDGEMENT[result.verdict],
        detail="; ".join(result.reasons) or "nothing moved",
        widgets=drawings,
    )
    templates, volume = _side(result, "templates"), _side(result, "volume")
    expected, recent = scores.alert_rate, scores.recent_alerts
    none = "not computable: no comparable feature"
    return [
        (DriftVerdict(), verdict),
        *((DriftSignal(signal=n), _signal(s)) for n, s in result.signals.items()),
        (ShareDrifted(), Number(result.share_drifted, none)),
        *(
            (WorstFeature(against=against), Number(_worst(ranked), none))
            for against, ranked in (
                ("reference", result.features.ranked),
                ("window", result.recent.ranked),
            )
        ),
        (NotComputable(), Number(len(result.features.not_computable))),
        (ScorePsi(), Number(scores.psi.value, scores.psi.reason)),
        (ScoreTailShare(quantile=0.99), _rate(scores.tail, limits.alert_odds_ratio)),
        (AlertRate(rows="current"), _rate(scores.alert_rate, limits.alert_odds_ratio)),
        (AlertRate(rows="reference"), Number(expected.reference, expected.reason)),
        (AlertRate(rows="window"), Number(recent.reference, recent.reason)),
        (UnknownTemplates(), Number(templates.value, templates.detail)),
        (VolumeRatio(), Number(volume.value, volume.detail)),
        *((_metric(feature), _number(feature)) for feature in result.features.ranked),
    ]


def _side(result: DriftResult, name: str) -> Side:
    """The side of a signal that has the number: the dictionary, the days before."""
    signal = result.signals[name]
    return signal.reference or signal.window or Side("unknown", None, "not computable")


def _worst(ranked: Sequence[FeatureDrift]) -> float | None:
    return ranked[0].severity if ranked else None


def _signal(signal: Signal) -> Number:
    side = signal.worse
    judged = _JUDGEMENT.get(side.verdict, "")
    return Number(_LEVEL.get(side.verdict), side.detail, judged, side.detail)


def _rate(rate: RateChange, limit: float) -> Number:
    moved = rate.significant and (rate.odds_ratio or 0) >= limit
    detail = f"{percent(rate.reference)} → {percent(rate.current)}"
    return Number(rate.current, rate.reason, "warn" if moved else "ok", detail)


def _metric(feature: FeatureDrift) -> CarriedMetric:
    return _METRIC.get(feature.statistic, NotComparable)(column=feature.feature)


def _number(feature: FeatureDrift) -> Number:
    detail = f"{feature.value or 0:.3g}, drifts from {feature.threshold:g}. {feature.detail}"
    return Number(feature.value, feature.reason, "fail" if feature.drifted else "ok", detail)


def _banner(result: DriftResult) -> Banner:
    alerts, volume = result.scores.alert_rate, result.signals["volume"].worse
    moved = [TITLES[name] for name, s in result.signals.items() if s.verdict in ("warn", "drift")]
    cause = result.causes[0] if result.causes else None
    drifted, features = result.features.drifted, result.features.ranked
    return Banner(
        title=f"{result.detector}: drift on {result.day}",
        subtitle="The day's units against the benign units the detector was trained on, and against"
        f" the {result.window_days} days before",
        state=result.verdict,
        reasons=result.reasons or ("nothing moved beyond its threshold",),
        figures=(
            ("What moved", ", ".join(moved) or "–", f"{len(result.signals)} signals are watched"),
            ("Foremost cause", cause.what if cause else "–", cause.detail if cause else ""),
            (
                "Features drifted",
                f"{len(drifted)} of {len(features)}",
                f"worst: {features[0].feature}, {value(features[0])}" if features else "",
            ),
            ("Alert rate", percent(alerts.current), f"reference {percent(alerts.reference)}"),
            ("Units", f"{result.rows:,}", volume.detail),
        ),
    )


def _panels(limits: Thresholds) -> list[Panel]:
    psi = f"{limits.score_psi_warn:g} and more: warn; {limits.score_psi_drift:g} and more: drift"
    rows = ("current", "reference", "window")
    sides = ("reference", "window")
    return [
        Panel(
            "Signals",
            "0 ok, 1 warn, 2 drift",
            [Line("{{signal}}", "DriftSignal")],
            size="full",
        ),
        Panel(
            "Share of drifted features",
            f"{limits.share_drifted:g} and more: drift",
            [Line("drifted", "ShareDrifted")],
        ),
        Panel(
            "Worst feature",
            "Distance from its threshold; 1 and more: drifted",
            [Line(side, "WorstFeature", {"against": side}) for side in sides],
        ),
        Panel(
            "Alert rate",
            "The day's rows, the reference's, and those of the days before",
            [Line(each, "AlertRate", {"rows": each}) for each in rows],
        ),
        Panel("Score PSI", psi, [Line("score PSI", "ScorePsi")]),
        Panel(
            "Unknown templates",
            f"Share of messages; {limits.templates_drift:g} and more: drift",
            [Line("unknown", "UnknownTemplates")],
        ),
        Panel(
            "Volume",
            f"Units, times those expected; {limits.volume_drift:g} and more: drift",
            [Line("volume", "VolumeRatio")],
        ),
        Panel(
            "PSI of each feature",
            f"{limits.psi:g} and more: drifted",
            [Line("{{column}}", "QuantilePsi"), Line("{{column}}", "CategoryPsi")],
            size="full",
        ),
    ]
