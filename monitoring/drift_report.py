"""A `DriftResult` as an Evidently report: the page, the snapshot, the dashboard over the days."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from evidently.core.report import Snapshot
from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring import widgets, workspace
from monitoring.columns import CATEGORY_PSI, ODDS_RATIO, QUANTILE_PSI, floats, percent, profile
from monitoring.drift import DriftResult
from monitoring.judgement import FeatureDrift, Thresholds
from monitoring.metrics import (
    AlertRate,
    CarriedMetric,
    CategoryPsi,
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
    WorstFeature,
)
from monitoring.page import Banner, write
from monitoring.statistics import RateChange, sample
from monitoring.workspace import Line, Panel, Rendered

CHARTED = 15
"""Features in the chart of the worst; the table has all."""
DRAWN = 6
"""Features whose distribution is drawn."""

_JUDGEMENT: dict[str, Judgement] = {"ok": "ok", "warn": "warn", "drift": "fail"}
_METRIC = {QUANTILE_PSI: QuantilePsi, CATEGORY_PSI: CategoryPsi, ODDS_RATIO: OddsRatio}


def render(
    result: DriftResult, reference: pa.Table, current: pa.Table, out_dir: Path, home: Path
) -> Rendered:
    """Write the page under `out_dir`, the snapshot and its project into the workspace at `home`."""
    name = f"{result.detector}_drift_{result.day}"
    project = f"Detector drift: {result.detector}"
    snapshot = _snapshot(result, name, _drawings(result, reference, current))
    path = out_dir / f"{name}.html"
    write(path, snapshot, _banner(result))
    description = "Has the data moved away from what the detector was trained on? A point a day."
    workspace.ensure_project(home, project, description, _panels(result.thresholds))
    shown = [_summary(result), _feature_table(result)]
    return Rendered(path, str(workspace.add_snapshot(home, project, snapshot, shown)))


def _snapshot(result: DriftResult, name: str, drawings: tuple[BaseWidgetInfo, ...]) -> Snapshot:
    rows = pd.DataFrame({"rows": [result.current_rows]})
    return NumbersReport(_numbers(result, drawings)).run(
        rows,
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
        {"ok": 0, "warn": 1, "drift": 2}[result.verdict],
        judgement=_JUDGEMENT[result.verdict],
        detail="; ".join(result.reasons) or "nothing moved",
        widgets=drawings,
    )
    worst = result.features[0] if result.features else None
    moved = scores.psi.significant and (scores.psi.value or 0) >= limits.score_psi_warn
    return [
        (DriftVerdict(), verdict),
        (ShareDrifted(), Number(result.share_drifted, "not computable: no comparable feature")),
        (
            WorstFeature(),
            Number(worst.severity if worst else None, "not computable: no comparable feature"),
        ),
        (NotComputable(), Number(len(result.not_computable))),
        (
            ScorePsi(),
            Number(
                scores.psi.value,
                scores.psi.reason,
                "warn" if moved else "ok",
                f"PSI {scores.psi.value or 0:.3f}, warns from {limits.score_psi_warn:g}",
            ),
        ),
        (ScoreTailShare(quantile=0.99), _rate(scores.tail, limits.alert_odds_ratio)),
        (AlertRate(rows="current"), _rate(scores.alert_rate, limits.alert_odds_ratio)),
        (
            AlertRate(rows="reference"),
            Number(scores.alert_rate.reference, scores.alert_rate.reason),
        ),
        *((_metric(feature), _number(feature)) for feature in result.features),
    ]


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
    alerts, psi = result.scores.alert_rate, result.scores.psi
    worst = [f for f in result.features[:3] if f.severity is not None]
    return Banner(
        title=f"{result.detector}: drift on {result.day}",
        subtitle="The day's scored rows against the benign rows the detector was trained on",
        state=result.verdict,
        reasons=result.reasons or ("nothing moved beyond its threshold",),
        figures=(
            ("Worst features", ", ".join(f.feature for f in worst) or "–", _worst_remark(worst)),
            ("Alert rate", percent(alerts.current), f"reference {percent(alerts.reference)}"),
            (
                "Features drifted",
                f"{len(result.drifted)} of {len(result.features)}",
                f"{len(result.not_computable)} not computable",
            ),
            ("Score PSI", "–" if psi.value is None else f"{psi.value:.2f}", psi.reason),
            ("Rows", f"{result.current_rows:,}", _sampled(result)),
        ),
    )


def _worst_remark(worst: list[FeatureDrift]) -> str:
    return "; ".join(f"{_value(f)}, {f.detail}" if f.detail else _value(f) for f in worst[:1])


def _sampled(result: DriftResult) -> str:
    remark = f"reference {result.reference_rows:,}"
    if result.current_sampled < result.current_rows:
        remark += f"; {result.current_sampled:,} of the day's sampled"
    if result.reference_sampled < result.reference_rows:
        remark += f"; {result.reference_sampled:,} of the reference's"
    return remark


def _drawings(
    result: DriftResult, reference: pa.Table, current: pa.Table
) -> tuple[BaseWidgetInfo, ...]:
    wanted = [f.feature for f in result.features if f.value is not None][:DRAWN]
    names = [*dict.fromkeys((*wanted, "score"))]
    known, seen = (
        sample(table.select([name for name in names if name in table.column_names]))
        for table in (reference, current)
    )
    drawn = [
        widgets.shares(name, parts)
        for name in wanted
        if (parts := profile(known[name], seen[name]))
    ]
    if len(drawn) % 2:
        drawn = drawn[:-1] or drawn
    charts = [*_worst_chart(result), *drawn, *_score_chart(result, known, seen)]
    tables = [_feature_table(result), *_environment_table(result)]
    return (*charts, *tables)


def _worst_chart(result: DriftResult) -> list[BaseWidgetInfo]:
    shown = [f for f in result.features if f.severity is not None][:CHARTED]
    if not shown:
        return []
    chart = widgets.bars(
        "Worst features: distance from the threshold (dashed; bars end at 10 times the threshold)",
        [f.feature for f in shown],
        [min(10.0, f.severity or 0) for f in shown],
        [_value(f) for f in shown],
        [f.drifted for f in shown],
        1,
    )
    return [chart]


def _value(feature: FeatureDrift) -> str:
    if feature.value is None:
        return "–"
    if feature.statistic == ODDS_RATIO:
        return f"odds ×{feature.value:.3g}"
    return f"PSI {feature.value:.2f}"


def _score_chart(result: DriftResult, known: pa.Table, seen: pa.Table) -> list[BaseWidgetInfo]:
    curves: list[tuple[str, list[float], list[float]]] = []
    for name, table in (("reference", known), ("current", seen)):
        if "score" not in table.column_names:
            return []
        scores = floats(table["score"])
        scores = np.sort(scores[np.isfinite(scores)])
        if not scores.size:
            return []
        # The quantiles are denser towards the top, where alerts are.
        above = np.geomspace(1, 1 / scores.size, 200)
        places = np.minimum((scores.size * (1 - above)).astype(int), scores.size - 1)
        curves.append((name, scores[places].tolist(), above.tolist()))
    return [widgets.exceedance("Share of rows scoring above x", curves, result.threshold)]


def _feature_table(result: DriftResult) -> BaseWidgetInfo:
    rows = [
        (
            f.feature,
            "not computable" if f.value is None else "drifted" if f.drifted else "ok",
            f.statistic or "–",
            "–" if f.value is None else f"{f.value:,.3f}",
            f"{f.threshold:g}",
            f.reason or f.detail,
        )
        for f in result.features
    ]
    header = ("feature", "verdict", "statistic", "value", "threshold", "reference → current")
    return widgets.table("All features, worst first", header, rows)


def _environment_table(result: DriftResult) -> list[BaseWidgetInfo]:
    if not result.environments:
        return []
    rows = [
        (
            part.environment,
            part.verdict,
            f"{part.rows:,}",
            percent(part.scores.alert_rate.current),
            percent(part.share_drifted),
            f"{part.worst.feature}: {_value(part.worst)}" if part.worst else "–",
            "its own" if part.reference == "own" else "all environments'",
            "; ".join(part.reasons),
        )
        for part in result.environments
    ]
    header = (
        "environment", "verdict", "rows", "alert rate", "features drifted", "worst feature",
        "compared with rows of", "why",
    )  # fmt: skip
    title = "Environments"
    if result.environments_left_out:
        title += f" ({result.environments_left_out} smaller ones are not shown)"
    return [widgets.table(title, header, rows)]


def _summary(result: DriftResult) -> BaseWidgetInfo:
    alerts = result.scores.alert_rate
    return widgets.counters(
        "; ".join(result.reasons),
        [
            ("verdict", result.verdict.upper()),
            ("features drifted", f"{len(result.drifted)} of {len(result.features)}"),
            (f"alert rate (reference {percent(alerts.reference)})", percent(alerts.current)),
            ("rows", f"{result.current_rows:,}"),
        ],
    )


def _panels(limits: Thresholds) -> list[Panel]:
    psi = f"{limits.score_psi_warn:g} and more: warn; {limits.score_psi_drift:g} and more: drift"
    rates = [Line(rows, "AlertRate", {"rows": rows}) for rows in ("current", "reference")]
    return [
        Panel(
            "Share of drifted features",
            f"{limits.share_drifted:g} and more: drift",
            [Line("drifted", "ShareDrifted")],
        ),
        Panel("Alert rate", "The day's rows and the reference's", rates),
        Panel("Score PSI", psi, [Line("score PSI", "ScorePsi")]),
        Panel(
            "Worst feature",
            "Distance from its threshold; 1 and more: drifted",
            [Line("worst feature", "WorstFeature")],
        ),
        Panel(
            "PSI of each feature",
            f"{limits.psi:g} and more: drifted",
            [Line("{{column}}", "QuantilePsi"), Line("{{column}}", "CategoryPsi")],
            size="full",
        ),
    ]
