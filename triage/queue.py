"""The alert queue in SQL: states, order, pages."""

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from triage import schema
from triage.records import State
from triage.rows import GROWING, LIVE
from whetstone.errors import InputError

_A = schema.alerts.c
_STATUS = func.coalesce(_A.status, "")
_FIRES = or_(_A.firing, _STATUS.in_(LIVE))
JUDGED = exists().where(schema.verdicts.c.alert_id == _A.alert_id)
"""Somebody gave a verdict on it."""
GROWS = and_(not_(_A.firing), _STATUS.in_(GROWING))
"""It is about a unit that is not complete yet."""
STATES: dict[State, ColumnElement[bool]] = {
    "open": and_(_FIRES, not_(JUDGED)),
    "judged": JUDGED,
    "withdrawn": and_(not_(_FIRES), not_(JUDGED)),
}
NEWEST_FIRST = (_A.day.desc(), _A.score.desc(), _A.event_timestamp.desc(), _A.alert_id)
"""Newest day first, within a day the highest score first."""


def behind(connection: Connection, alert_id: str) -> ColumnElement[bool]:
    """What comes after an alert in the order of the queue, as the alert is now.

    Raises:
        InputError: there is no such alert.
    """
    place = select(_A.day, _A.score, _A.event_timestamp).where(_A.alert_id == alert_id)
    row = connection.execute(place).first()
    if row is None:
        raise InputError(f"after={alert_id}: no such alert; begin again without it")
    day, score, at = row
    return or_(
        _A.day < day,
        and_(_A.day == day, _A.score < score),
        and_(_A.day == day, _A.score == score, _A.event_timestamp < at),
        and_(_A.day == day, _A.score == score, _A.event_timestamp == at, _A.alert_id > alert_id),
    )
