"""From alerts to the reports on them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache

from triage.records import Alert
from whetstone.reports import Reports


@dataclass(frozen=True)
class Links:
    """URLs of the reports on an alert; None: there is no such report (yet).

    Attributes:
        report: drift of its detector on its day.
        quality_report: the newest on its detector.
    """

    report: str | None = None
    quality_report: str | None = None


def links_of(reports: Reports, alerts: Iterable[Alert]) -> list[Links]:
    """The links of each alert."""

    @cache
    def drift(detector: str, day: date | None) -> str | None:
        return None if day is None else reports.on(detector, "drift", day)

    @cache
    def quality(detector: str) -> str | None:
        return reports.newest(detector, "quality")

    return [Links(drift(each.detector, each.day), quality(each.detector)) for each in alerts]
