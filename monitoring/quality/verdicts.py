"""What analysts said of alerts: precision, disagreement, and how long it took them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

from monitoring.quality.figures import Estimate, share, utc

DECISIVE = ("true_positive", "false_positive", "benign_expected")
"""Verdicts that say what the alert was; 'unsure' does not."""


@dataclass(frozen=True)
class Conflict:
    """An alert that one analyst calls an attack and another does not."""

    alert_id: str
    environment: str
    verdicts: tuple[tuple[str, str], ...]
    """(by, verdict), ordered by name."""


class Judged:
    """The verdicts in force.

    Args:
        rows: `alert_id`, `verdict`, `by`, `at`, `environment`, `event_timestamp`; an analyst's
            latest verdict on an alert is the one that counts.

    Attributes:
        counts: current verdicts by value.
        verdicts: decisive ones, alert to analyst to verdict.
        environments: of the alerts.
        conflicts: the alerts on which analysts disagree.
        undisputed: whether an alert was an attack, of all alerts on which nobody disagrees.
        delay_hours: median from an alert's event to its first decisive verdict.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]):
        ordered = sorted(rows, key=lambda row: utc(row["at"]))
        latest = {(row["alert_id"], row["by"]): row for row in ordered}
        self.counts = Counter(str(row["verdict"]) for row in latest.values())
        self.verdicts: dict[str, dict[str, str]] = defaultdict(dict)
        self.environments = {row["alert_id"]: row["environment"] for row in ordered}
        for (alert, by), row in latest.items():
            if row["verdict"] in DECISIVE:
                self.verdicts[alert][by] = row["verdict"]
        self.conflicts = tuple(
            Conflict(alert, self.environments[alert], tuple(sorted(by.items())))
            for alert, by in sorted(self.verdicts.items())
            if len({verdict == "true_positive" for verdict in by.values()}) > 1
        )
        disputed = {conflict.alert_id for conflict in self.conflicts}
        self.undisputed = {
            alert: "true_positive" in by.values()
            for alert, by in self.verdicts.items()
            if alert not in disputed
        }
        self.delay_hours = _delay(ordered)

    def precision(self, alerts: Iterable[str] | None = None) -> Estimate:
        """Attacks among the alerts with an undisputed verdict: all of them, or those named."""
        named = self.undisputed if alerts is None else alerts
        outcomes = [self.undisputed[alert] for alert in named if alert in self.undisputed]
        return share(sum(outcomes), len(outcomes), "no alert with an undisputed verdict")


def _delay(rows: Sequence[Mapping[str, Any]]) -> float | None:
    first: dict[str, float] = {}
    for row in rows:
        if row["verdict"] in DECISIVE and row["alert_id"] not in first:
            delay = utc(row["at"]) - utc(row["event_timestamp"])
            first[row["alert_id"]] = delay / timedelta(hours=1)
    return median(first.values()) if first else None
