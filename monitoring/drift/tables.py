"""The tables of a drift report."""

from __future__ import annotations

from collections.abc import Sequence

from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring import widgets
from monitoring.drift import TITLES, DriftResult
from monitoring.drift.charts import value
from monitoring.drift.columns import percent
from monitoring.drift.examples import Example
from monitoring.drift.judgement import FeatureDrift, Side
from monitoring.plain import plain

TEMPLATES = 30
"""Templates that are listed, those of most messages first."""


def summary(result: DriftResult) -> BaseWidgetInfo:
    """What the workspace shows of a day first."""
    alerts = result.scores.alert_rate
    return widgets.counters(
        plain("; ".join(result.reasons)),
        [
            ("verdict", result.verdict.upper()),
            (
                "features drifted",
                f"{len(result.features.drifted)} of {len(result.features.ranked)}",
            ),
            (f"alert rate (reference {percent(alerts.reference)})", percent(alerts.current)),
            ("rows", f"{result.rows:,}"),
        ],
    )


def signal_table(result: DriftResult) -> BaseWidgetInfo:
    """The six signals, each against both."""
    rows = [
        (TITLES[name], signal.verdict.upper(), _side(signal.reference), _side(signal.window))
        for name, signal in result.signals.items()
    ]
    header = (
        "signal", "verdict", "against the golden reference",
        f"against the {result.window_days} days before",
    )  # fmt: skip
    return widgets.table("Signals", header, rows)


def cause_table(result: DriftResult) -> list[BaseWidgetInfo]:
    """What moved, ranked."""
    if not result.causes:
        return []
    rows = [
        (
            str(number),
            cause.kind,
            plain(cause.what, 120),
            cause.environment or "all",
            f"{cause.severity:.1f}",
            plain(cause.detail),
        )
        for number, cause in enumerate(result.causes, start=1)
    ]
    header = ("", "kind", "what moved", "environment", "times its threshold", "how")
    return [widgets.table("Causes, foremost first", header, rows)]


def example_table(examples: Sequence[Sequence[Example]]) -> list[BaseWidgetInfo]:
    """Raw lines that show the causes, by the causes' numbers."""
    causes: dict[Example, list[str]] = {}
    for number, lines in enumerate(examples, start=1):
        for example in lines:
            causes.setdefault(example, []).append(str(number))
    rows = [
        (", ".join(numbers), example.environment, example.place, example.text)
        for example, numbers in causes.items()
    ]
    header = ("causes", "environment", "file and line", "line")
    return [widgets.table("Lines of the day that show it", header, rows)] if rows else []


def feature_table(result: DriftResult) -> BaseWidgetInfo:
    """All features, against both."""
    recent = {feature.feature: feature for feature in result.recent.ranked}
    rows = [
        (
            f.feature,
            _verdict(f, recent.get(f.feature)),
            f.statistic or "–",
            _number(f),
            _number(recent.get(f.feature)),
            _usual(recent.get(f.feature)),
            f"{f.threshold:g}",
            f.reason or f.detail,
        )
        for f in result.features.ranked
    ]
    header = (
        "feature", "verdict", "statistic", "against the reference", "against the days before",
        "usual among these", "threshold", "reference → current",
    )  # fmt: skip
    return widgets.table("All features, worst first", header, rows)


def template_table(result: DriftResult) -> list[BaseWidgetInfo]:
    """Templates that are new, have vanished, or are unknown."""
    if not result.templates:
        return []
    rows = [
        (change.kind, plain(change.text), percent(change.before), percent(change.after))
        for change in result.templates[:TEMPLATES]
    ]
    more = len(result.templates) - TEMPLATES
    title = "Templates that moved" + (f" ({more} rarer ones are not shown)" if more > 0 else "")
    header = ("", "template", "share before", "share of the day")
    return [widgets.table(title, header, rows)]


def environment_table(result: DriftResult) -> list[BaseWidgetInfo]:
    """Each environment's verdict."""
    if not result.environments:
        return []
    rows = [
        (
            part.environment,
            part.verdict.upper(),
            f"{part.rows:,}",
            percent(part.alert_rate.current),
            percent(part.features.share_drifted),
            f"{part.worst.feature}: {value(part.worst)}" if part.worst else "–",
            "its own" if part.reference == "own" else "all environments'",
            plain("; ".join(part.reasons)) or "–",
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


def _side(side: Side | None) -> str:
    return "–" if side is None else f"{side.verdict.upper()}: {plain(side.detail)}"


def _verdict(feature: FeatureDrift, recent: FeatureDrift | None) -> str:
    if feature.value is None:
        return "not computable"
    moved = [
        against
        for against, one in (("reference", feature), ("days before", recent))
        if one is not None and one.drifted
    ]
    return f"drifted ({', '.join(moved)})" if moved else "ok"


def _number(feature: FeatureDrift | None) -> str:
    return "–" if feature is None or feature.value is None else f"{feature.value:,.3f}"


def _usual(feature: FeatureDrift | None) -> str:
    return "–" if feature is None or feature.usual is None else f"{feature.usual:,.3f}"
