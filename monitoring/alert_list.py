"""The alerts of a day, as a widget of its drift report: from the report back to the alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring import widgets
from monitoring.plain import plain

MOST = 100
"""Alerts that are listed, the highest scores first."""


@dataclass(frozen=True)
class AlertLine:
    """An alert in a line: `whetstone alerts` and the queue know it by the same id."""

    alert_id: str
    at: datetime
    environment: str
    unit: str
    score: float
    verdicts: Sequence[str] = ()
    """Such as `true_positive by ada`."""


def alert_list(lines: Sequence[AlertLine]) -> list[BaseWidgetInfo]:
    """A table of the day's alerts, or nothing where there are none."""
    if not lines:
        return []
    ranked = sorted(lines, key=lambda line: (-line.score, line.at, line.alert_id))[:MOST]
    rows = [
        (
            line.alert_id,
            f"{line.at:%Y-%m-%d %H:%M:%S}",
            plain(line.environment),
            plain(line.unit, 120),
            f"{line.score:.4g}",
            plain(", ".join(line.verdicts)) or "–",
        )
        for line in ranked
    ]
    listed = f"{len(lines):,}" if len(lines) <= MOST else f"the {MOST} highest of {len(lines):,}"
    header = ("alert", "time (UTC)", "environment", "unit", "score", "verdicts")
    return [widgets.table(f"Alerts of the day: {listed}", header, rows)]
