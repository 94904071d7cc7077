"""The overview as page and as Evidently project: all detectors over time, a point a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import pandas as pd
from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring import widgets, workspace
from monitoring.files import write_whole
from monitoring.metrics import CarriedMetric, Number, NumbersReport
from monitoring.overview import LEVELS, Overview, Row
from monitoring.overview import page as overview_page
from monitoring.plain import plain
from monitoring.projects import ALL, dashboard_url
from monitoring.workspace import Line, Panel


class DetectorsInState(CarriedMetric):
    """How many detectors show this light."""

    state: str

    name: ClassVar[str] = "Detectors: {state}"


class AlertsOfDay(CarriedMetric):
    """Alerts of the day by a detector."""

    detector: str

    name: ClassVar[str] = "{detector}: alerts"


class ShareDriftedOf(CarriedMetric):
    """The share of a detector's features that drifted."""

    detector: str

    name: ClassVar[str] = "{detector}: share of drifted features"


class PrecisionOf(CarriedMetric):
    """A detector's precision; `kind`: verdicts, or estimated without them."""

    detector: str
    kind: str

    name: ClassVar[str] = "{detector}: precision, {kind}"


def render(overview: Overview, page: Path, home: Path, dashboards: str) -> None:
    """Write the page, and the days' points into the workspace at `home`.

    Args:
        overview: what to show.
        page: the file of the page.
        home: Evidently's workspace.
        dashboards: where `evidently ui` answers.
    """
    write_whole(page, overview_page.page(overview, dashboard_url(dashboards, ALL)))
    if overview.newest_day is None:
        return
    workspace.ensure_project(home, ALL, "How all detectors stand, day by day.", _panels())
    known = workspace.snapshots(home, ALL)
    for place, day in enumerate(overview.days):
        newest = day == overview.newest_day
        if newest or (_name(day) not in known and _is_known(overview, place)):
            numbers = [*(_of_today(overview) if newest else ()), *_of_day(overview, place)]
            snapshot = NumbersReport(numbers).run(
                pd.DataFrame({"detectors": [len(overview.rows)]}),
                timestamp=datetime.fromisoformat(day),
                name=_name(day),
                tags=["overview"],
                metadata={"day": day},
            )
            workspace.add_snapshot(home, ALL, snapshot, [_table(overview)] if newest else [])


def _name(day: str) -> str:
    return f"detectors_overview_{day}"


def _is_known(overview: Overview, place: int) -> bool:
    return any(row.alerts[place] is not None for row in overview.rows)


def _of_today(overview: Overview) -> Iterator[tuple[CarriedMetric, Number]]:
    """What is known of the newest day only: how the detectors stand."""
    for level in LEVELS:
        yield DetectorsInState(state=level), Number(overview.counts[level])
    for row in _by_name(overview):
        if row.precision:
            kind = "estimated" if row.precision.estimated else "verdicts"
            yield PrecisionOf(detector=row.detector, kind=kind), Number(row.precision.value)


def _of_day(overview: Overview, place: int) -> Iterator[tuple[CarriedMetric, Number]]:
    for row in _by_name(overview):
        numbers = (
            (AlertsOfDay(detector=row.detector), row.alerts[place]),
            (ShareDriftedOf(detector=row.detector), row.share_drifted[place]),
        )
        # What does not exist on this day is a gap in its line.
        yield from ((metric, Number(value)) for metric, value in numbers if value is not None)


def _by_name(overview: Overview) -> list[Row]:
    return sorted(overview.rows, key=lambda row: row.detector)


def _table(overview: Overview) -> BaseWidgetInfo:
    header = ("state", "detector", "alerts of the day", "precision", "why")
    return widgets.table("Detectors, the worst first", header, [_cells(r) for r in overview.rows])


def _cells(row: Row) -> tuple[str, ...]:
    alerts = row.alerts[-1]
    why = "; ".join(f"{reason.about}: {reason.text}" for reason in row.reasons)
    return (
        row.light,
        row.detector,
        "–" if alerts is None else f"{alerts:,}",
        f"{row.precision.value:.2f}" if row.precision else "–",
        plain(why),
    )


def _panels() -> list[Panel]:
    return [
        Panel(
            "Detectors by state",
            "bad, warn, ok; waiting: not in service yet",
            [Line(level, "DetectorsInState", {"state": level}) for level in LEVELS],
            size="full",
        ),
        Panel(
            "Share of drifted features",
            "A line a detector",
            [Line("{{detector}}", "ShareDriftedOf")],
            size="full",
        ),
        Panel("Alerts of the day", "", [Line("{{detector}}", "AlertsOfDay")], size="full"),
        Panel(
            "Precision",
            "From verdicts, or estimated where there are none",
            [Line("{{detector}}, {{kind}}", "PrecisionOf")],
            size="full",
        ),
    ]
