"""The drawings of a drift report."""

from __future__ import annotations

import numpy as np
from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring import widgets
from monitoring.drift import DriftResult
from monitoring.drift.columns import ODDS_RATIO, profile
from monitoring.drift.judgement import FeatureDrift
from monitoring.sketches import SCORE, Day, Sketch

CHARTED = 15
"""Features in the chart of the worst; the table has all."""
DRAWN = 6
"""Features whose distribution is drawn."""
FARTHEST = 10.0
"""Where a bar ends, in thresholds."""


def charts(result: DriftResult, reference: Sketch, current: Day) -> list[BaseWidgetInfo]:
    """The worst features, their distributions, the scores."""
    before, after = reference.whole.columns, current.scores.whole.columns
    wanted = [f.feature for f in result.features.ranked if f.value is not None][:DRAWN]
    drawn = [
        widgets.shares(name, parts)
        for name in wanted
        if (parts := profile(before[name], after[name]))
    ]
    if len(drawn) % 2:
        drawn = drawn[:-1] or drawn
    return [*_worst_chart(result), *drawn, *_score_chart(result, reference, current.scores)]


def value(feature: FeatureDrift) -> str:
    """A feature's statistic in a word."""
    if feature.value is None:
        return "–"
    if feature.statistic == ODDS_RATIO:
        return f"odds ×{feature.value:.3g}"
    return f"PSI {feature.value:.2f}"


def _worst_chart(result: DriftResult) -> list[BaseWidgetInfo]:
    shown = [f for f in result.features.ranked if f.severity is not None][:CHARTED]
    if not shown:
        return []
    title = "Worst features against the reference: distance from the threshold"
    chart = widgets.bars(
        f"{title} (dashed; bars end at {FARTHEST:g} times the threshold)",
        [f.feature for f in shown],
        [min(FARTHEST, f.severity or 0) for f in shown],
        [value(f) for f in shown],
        [f.drifted for f in shown],
        1,
    )
    return [chart]


def _score_chart(result: DriftResult, known: Sketch, seen: Sketch) -> list[BaseWidgetInfo]:
    curves: list[tuple[str, list[float], list[float]]] = []
    for name, sketch in (("reference", known), ("current", seen)):
        column = sketch.whole.columns.get(SCORE)
        points = column.numbers if column else None
        if points is None or not points.known:
            return []
        # The quantiles are denser towards the top, where alerts are.
        above = np.geomspace(1, 1 / points.known, 200)
        curves.append((name, [points.quantile(1 - a) for a in above], above.tolist()))
    return [widgets.exceedance("Share of rows scoring above x", curves, result.threshold)]
