"""The drawings of the reports, as Evidently widgets.

Tables are text to the browser; Plotly reads markup in its labels, so `label` escapes them.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from evidently.legacy.model.widget import BaseWidgetInfo
from evidently.legacy.renderers.html_widgets import (
    CounterData,
    WidgetSize,
    counter,
    plotly_figure,
    table_data,
)
from plotly import graph_objects as go

REFERENCE, CURRENT, ALARM = "#9aa5b1", "#1f6feb", "#c62828"


def counters(title: str, values: Sequence[tuple[str, str]]) -> BaseWidgetInfo:
    """Large numbers side by side: (what, number)."""
    return counter(title=title, counters=[CounterData(what, value) for what, value in values])


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> BaseWidgetInfo:
    """A table; a row without cells left out says that there is nothing."""
    return table_data(title=title, column_names=list(header), data=rows)


def bars(
    title: str,
    names: Sequence[str],
    values: Sequence[float],
    texts: Sequence[str],
    alarms: Sequence[bool],
    limit: float,
) -> BaseWidgetInfo:
    """Horizontal bars, the first on top, with a line at the limit."""
    figure = go.Figure(
        go.Bar(
            x=list(values),
            y=[label(name) for name in names],
            text=[label(text, 60) for text in texts],
            marker_color=[ALARM if alarm else REFERENCE for alarm in alarms],
            orientation="h",
            textposition="auto",
            cliponaxis=False,
        )
    )
    figure.add_vline(x=limit, line_dash="dash", line_color="#444")
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    figure.update_layout(margin={"t": 30, "b": 40})
    return plotly_figure(title=title, figure=figure)


def shares(title: str, parts: Sequence[tuple[str, float, float]]) -> BaseWidgetInfo:
    """Half-width: (part, share of reference, share of current rows)."""
    figure = go.Figure()
    names = [label(name, 24) for name, _, _ in parts]
    # Labels cut short may coincide: the position keeps them apart.
    for name, colour, values in (
        ("reference", REFERENCE, [before for _, before, _ in parts]),
        ("current", CURRENT, [after for _, _, after in parts]),
    ):
        figure.add_bar(name=name, x=list(range(len(parts))), y=values, marker_color=colour)
    figure.update_xaxes(tickvals=list(range(len(parts))), ticktext=names, tickangle=-40)
    figure.update_yaxes(tickformat=".0%", automargin=True)
    figure.update_layout(margin={"t": 30, "b": 100}, legend=_LEGEND)
    return plotly_figure(title=title, figure=figure, size=WidgetSize.HALF)


def exceedance(
    title: str,
    curves: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    threshold: float | None,
) -> BaseWidgetInfo:
    """Share of rows scoring above x, for (name, x, share); the threshold as a line."""
    figure = go.Figure()
    for (name, x, y), colour in zip(curves, (REFERENCE, CURRENT), strict=True):
        figure.add_scatter(name=name, x=list(x), y=list(y), line_color=colour, line_shape="hv")
    if threshold is not None:
        figure.add_vline(
            x=threshold, line_dash="dash", line_color=ALARM, annotation_text="threshold"
        )
    figure.update_yaxes(type="log", tickformat="~%", title="rows above", automargin=True)
    figure.update_xaxes(title="score")
    figure.update_layout(margin={"t": 30, "b": 60}, legend=_LEGEND)
    return plotly_figure(title=title, figure=figure)


def intervals(
    title: str,
    groups: Sequence[str],
    series: Sequence[tuple[str, Sequence[tuple[float, float, float] | None]]],
) -> BaseWidgetInfo:
    """Dots with (value, low, high) a group for each series; None leaves a gap."""
    figure = go.Figure()
    for (name, values), colour in zip(series, _cycle(len(series)), strict=True):
        known = [value for value in values if value is not None]
        figure.add_scatter(
            name=label(name),
            x=[label(g) for g, value in zip(groups, values, strict=True) if value is not None],
            y=[value for value, _, _ in known],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [max(0.0, high - value) for value, _, high in known],
                "arrayminus": [max(0.0, value - low) for value, low, _ in known],
            },
            mode="markers",
            marker={"size": 11, "color": colour},
        )
    figure.update_xaxes(type="category", automargin=True)
    figure.update_yaxes(range=[-0.02, 1.05], automargin=True)
    figure.update_layout(margin={"t": 30, "b": 60}, legend=_LEGEND, scattermode="group")
    return plotly_figure(title=title, figure=figure)


def columns(title: str, names: Sequence[str], values: Sequence[float]) -> BaseWidgetInfo:
    """Half-width vertical bars."""
    figure = go.Figure(go.Bar(x=[label(n) for n in names], y=list(values), marker_color=CURRENT))
    figure.update_xaxes(type="category", automargin=True)
    figure.update_yaxes(rangemode="tozero", automargin=True)
    figure.update_layout(margin={"t": 30, "b": 60})
    return plotly_figure(title=title, figure=figure, size=WidgetSize.HALF)


def label(text: str, length: int = 40) -> str:
    """Text for Plotly: shortened, and no markup."""
    return html.escape(text if len(text) <= length else text[: length - 1] + "…")


_LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}


def _cycle(length: int) -> list[str]:
    palette = [CURRENT, REFERENCE, "#b26a00", "#2e7d32", "#6f42c1"]
    return [palette[index % len(palette)] for index in range(length)]
