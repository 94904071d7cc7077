"""What the case store knows beside an alert: its entity, its detector, what looks like it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, exists, func, select

from triage import schema
from triage.queue.grouping import MOST_SHOWN, subject_of
from triage.queue.risk import CALIBRATED
from triage.queue.states import STANDING
from triage.records import Alert, Verdict
from triage.rows import verdict_of

_A = schema.alerts.c
_G = schema.groups.c
_V = schema.verdicts.c
_MOST_ALERTS = 200


@dataclass(frozen=True)
class Neighbours:
    """Alerts of one pattern in one environment, whoever they are about; this one is among them.

    Attributes:
        alerts: how many there are.
        judged: of them, those that analysts gave a verdict on.
        true_positives, false_positives: what they decided; the others are unsure or in conflict.
        groups: of the queue, in which they stand.
    """

    alerts: int
    judged: int
    true_positives: int
    false_positives: int
    groups: int


@dataclass(frozen=True)
class Sighting:
    """An alert on the entity of another one; `judged`: a verdict stands."""

    alert_id: str
    detector: str
    at: datetime
    score: float
    threshold: float
    judged: bool


@dataclass(frozen=True)
class Given:
    """A verdict and whom its alert is about."""

    verdict: Verdict
    entity: dict[str, Any]


@dataclass(frozen=True)
class Beside:
    """Where an alert stands in its group, the worst first, as the group's page lists them.

    Attributes:
        number: from 1; `of` is how many there are.
        previous, next: ids of the alerts beside it; None at the ends.
    """

    number: int
    of: int
    previous: str | None
    next: str | None


def neighbours(connection: Connection, alert: Alert) -> Neighbours | None:
    """What looks like an alert; None: it stands in no group."""
    if alert.group_id is None:
        return None
    query = select(
        func.sum(_G.open + _G.judged + _G.allowed),
        func.sum(_G.judged),
        func.sum(_G.true_positives),
        func.sum(_G.false_positives),
        func.count(),
    ).where(_G.environment == alert.environment, _G.pattern == alert.pattern)
    alerts, *others = connection.execute(query).one()
    return None if not alerts else Neighbours(int(alerts), *map(int, others))


def sightings(connection: Connection, alert: Alert, first: date, last: date) -> list[Sighting]:
    """The alerts of all detectors on the entity of an alert, by time, at most 200.

    Args:
        connection: to the case store.
        alert: whose entity; alerts are on the same one where their subject is the same.
        first: UTC day.
        last: the same, included.
    """
    groups = select(_G.group_id).where(
        _G.environment == alert.environment,
        _G.subject == subject_of(alert.unit, alert.entity).lower()[:MOST_SHOWN],
        _G.day.between(first, last),
    )
    judged = exists().where(_V.alert_id == _A.alert_id, STANDING)
    query = (
        select(_A.alert_id, _A.detector, _A.event_timestamp, _A.score, _A.threshold, judged)
        .where(_A.group_id.in_(groups))
        .order_by(_A.event_timestamp, _A.alert_id)
        .limit(_MOST_ALERTS)
    )
    return [Sighting(*row) for row in connection.execute(query)]


def recent_verdicts(
    connection: Connection, detector: str, environments: Collection[str] | None, most: int = 6
) -> Sequence[Given]:
    """The latest verdicts that stand on a detector's alerts, newest first.

    Args:
        connection: to the case store.
        detector: whose alerts.
        environments: only those of these; None: of all.
        most: so many at most.
    """
    query = (
        select(schema.verdicts)
        .join(schema.alerts, _V.alert_id == _A.alert_id)
        .where(_A.detector == detector, STANDING)
        .order_by(_V.seq.desc())
        .limit(most)
    )
    if environments is not None:
        query = query.where(_A.environment.in_(environments))
    given = [verdict_of(row) for row in connection.execute(query)]
    about = select(_A.alert_id, _A.entity).where(_A.alert_id.in_({v.alert_id for v in given}))
    entities = {row.alert_id: row.entity for row in connection.execute(about)}
    return [Given(verdict, entities[verdict.alert_id]) for verdict in given]


def beside(connection: Connection, alert: Alert) -> Beside | None:
    """The alerts before and after an alert in its group; None: it stands in none."""
    order = (CALIBRATED.desc(), _A.score.desc(), _A.alert_id)
    ordered = (
        select(
            _A.alert_id,
            func.row_number().over(order_by=order),
            func.count().over(),
            func.lag(_A.alert_id).over(order_by=order),
            func.lead(_A.alert_id).over(order_by=order),
        )
        .where(_A.group_id == alert.group_id)
        .subquery()
    )
    row = connection.execute(select(ordered).where(ordered.c.alert_id == alert.alert_id)).first()
    return None if row is None else Beside(*row[1:])
