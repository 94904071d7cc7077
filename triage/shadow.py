"""What a challenger said in shadow, beside its champion: statements for `CaseStore`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from triage import schema
from triage.incoming import Role
from triage.records import RecordStatus
from triage.statements import not_erased

_R = schema.records.c
_S = schema.scorers.c
_LONGEST = timedelta(days=90)


@dataclass(frozen=True)
class ShadowRecords:
    """Alerts of both models in the environments and on the days in which one was in shadow.

    Attributes:
        challenger: ids of the alerts that the challenger raised.
        champion: ids of those that the champion raised; withdrawn ones count for neither.
        days: by environment, the first and the last day, UTC.
    """

    challenger: frozenset[str]
    champion: frozenset[str]
    days: dict[str, tuple[date, date]]

    @property
    def compared(self) -> int:
        """How many days of an environment."""
        return sum((last - first).days + 1 for first, last in self.days.values())


def read_shadow(connection: Connection, detector: str, version: str) -> ShadowRecords | None:
    """What a version of a detector said in shadow; None where it never was.

    A day counts from the first record on, or from when a scorer said that it serves that version in
    shadow: one that raises no alert was there, too.
    """
    days: dict[str, tuple[date, date]] = {}
    raised: set[str] = set()
    spans = [*_served(connection, detector, version)]
    for environment, alert_id, at, told in _alerts(connection, detector, Role.CHALLENGER, None):
        if told["model_version"] == version:
            spans.append((environment, at.date(), at.date()))
            raised.add(alert_id)
    for environment, first, last in spans:
        known = days.get(environment, (first, last))
        days[environment] = (min(known[0], first), max(known[1], last))
    if not days:
        return None
    within = or_(*(_on(environment, *span) for environment, span in days.items()))
    champion = {one[1] for one in _alerts(connection, detector, Role.CHAMPION, within)}
    return ShadowRecords(frozenset(raised), frozenset(champion), dict(sorted(days.items())))


def newest_day(connection: Connection, detector: str) -> str:
    """The last day with a record of a challenger, YYYY-MM-DD; empty: there is none."""
    challenger = and_(_R.role == Role.CHALLENGER, _R.detector == detector)
    newest = connection.execute(select(func.max(_R.at)).where(challenger)).scalar_one()
    return f"{newest:%Y-%m-%d}" if newest else ""


def _on(environment: str, first: date, last: date) -> ColumnElement[bool]:
    begin = datetime.combine(first, datetime.min.time())
    end = datetime.combine(last + timedelta(days=1), datetime.min.time())
    return and_(_R.environment == environment, _R.at >= begin, _R.at < end)


def _alerts(
    connection: Connection, detector: str, role: Role, chosen: ColumnElement[bool] | None
) -> Iterator[tuple[str, str, datetime, dict[str, Any]]]:
    """Environment, alert, time and the scorer's words of alerts that stand."""
    query = select(_R.environment, _R.alert_id, _R.at, _R.record).where(
        _R.role == role,
        _R.detector == detector,
        _R.alert_id.is_not(None),
        _R.status != RecordStatus.WITHDRAWN,
        not_erased(),
    )
    if chosen is not None:
        query = query.where(chosen)
    for environment, alert_id, at, record in connection.execute(query):
        yield environment, alert_id, at, record["whetstone"]


def _served(
    connection: Connection, detector: str, version: str
) -> Iterator[tuple[str, date, date]]:
    """Environments whose scorers said that they serve it in shadow, and since when."""
    for row in connection.execute(select(_S.environment, _S.heard, _S.digest)):
        for release in row.digest.get("releases", ()):
            told = (release.get("detector"), release.get("role"), release.get("version"))
            if told == (detector, str(Role.CHALLENGER), version):
                yield (
                    row.environment,
                    _day_of(release.get("published"), row.heard),
                    row.heard.date(),
                )


def _day_of(seconds: Any, heard: datetime) -> date:
    """The day on which a scorer, who may say anything, began to serve; of the last 90 days."""
    try:
        began = datetime.fromtimestamp(float(seconds), UTC).date()
        return min(max(began, (heard - _LONGEST).date()), heard.date())
    except (TypeError, ValueError, OverflowError, OSError):
        return heard.date()
