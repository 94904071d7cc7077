"""The drawings of the quality report."""

from __future__ import annotations

from collections.abc import Sequence

from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring import widgets
from monitoring.quality import QualityResult
from monitoring.quality.estimate_series import Checked
from monitoring.quality.figures import Estimate

_DAYS, _ENVIRONMENTS = 30, 20
Dot = tuple[float, float, float] | None


def charts(result: QualityResult) -> list[BaseWidgetInfo]:
    """All that there is something to draw of."""
    return [
        *_held_out(result),
        *_releases(result),
        *_estimates(result),
        *_environments(result),
        *_counts(result),
    ]


def _held_out(result: QualityResult) -> list[BaseWidgetInfo]:
    measures = [m for m in result.held_out if m.model.value is not None]
    if not measures:
        return []
    scorers = [*dict.fromkeys(name for m in measures for name in m.baselines)]
    series = [("model", [_dot(m.model) for m in measures])]
    series += [(n, [_dot(m.baselines.get(n)) for m in measures]) for n in scorers]
    groups = [m.measure.replace("_", " ") for m in measures]
    return [widgets.intervals("Core test set: the model beside its baselines", groups, series)]


def _releases(result: QualityResult) -> list[BaseWidgetInfo]:
    made = result.retrainings
    if len(made) < 2:
        return []
    groups = [f"{each.version[:12]} {each.at:%m-%d %H:%M}" for each in made]
    series = [
        ("core recall, then", [_dot(each.recall) for each in made]),
        ("average precision, then", [_dot(each.average_precision) for each in made]),
        ("precision by verdicts on its alerts", [_dot(each.precision) for each in made]),
    ]
    return [widgets.intervals("Before and after each retraining", groups, series)]


def _estimates(result: QualityResult) -> list[BaseWidgetInfo]:
    days = [*dict.fromkeys(each.estimate.day for each in result.series)][-_DAYS:]
    if not days:
        return []
    methods = [*dict.fromkeys(each.estimate.method for each in result.series)]
    latest = {(each.estimate.day, each.estimate.method): each for each in result.series}
    judged = {each.estimate.day: each.measured for each in result.series}
    series: list[tuple[str, Sequence[Dot]]] = [
        (f"estimated by {method}", [_guess(latest.get((day, method))) for day in days])
        for method in methods
    ]
    series.append(("by verdicts, later", [_dot(judged.get(day)) for day in days]))
    title = "Precision of each day's alerts: estimated without labels, and by verdicts since"
    return [widgets.intervals(title, days, series)]


def _environments(result: QualityResult) -> list[BaseWidgetInfo]:
    labelled = [part for part in result.environments if part.precision.value is not None]
    if not labelled:
        return []
    shown = labelled[:_ENVIRONMENTS]
    dots = [("precision", [_dot(part.precision) for part in shown])]
    names = [part.environment for part in shown]
    return [widgets.intervals("Precision from verdicts, by environment", names, dots)]


def _counts(result: QualityResult) -> list[BaseWidgetInfo]:
    if not result.alerts_by_day:
        return []
    days, counts = list(result.alerts_by_day)[-60:], list(result.alerts_by_day.values())[-60:]
    kinds = sorted(result.verdict_counts)
    values = [result.verdict_counts[kind] for kind in kinds]
    return [
        widgets.columns("Alerts a day", days, counts),
        widgets.columns("Verdicts", kinds, values),
    ]


def _dot(estimate: Estimate | None) -> Dot:
    if estimate is None or estimate.value is None:
        return None
    low = estimate.value if estimate.low is None else estimate.low
    return estimate.value, low, estimate.value if estimate.high is None else estimate.high


def _guess(each: Checked | None) -> Dot:
    return None if each is None else (each.estimate.value, each.estimate.low, each.estimate.high)
