"""What state an alert is in, in SQL, and the order of a list of alerts."""

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, not_, or_, select

from triage import schema
from triage.records import State
from triage.rows import GROWING, LIVE
from whetstone.errors import InputError

_A = schema.alerts.c
_STATUS = func.coalesce(_A.status, "")
FIRES = or_(_A.firing, _STATUS.in_(LIVE))
"""The batch or a scorer finds it."""
STANDING = schema.verdicts.c.retracted.is_(None)
"""A verdict that was not taken back."""
JUDGED = exists().where(schema.verdicts.c.alert_id == _A.alert_id, STANDING)
"""Somebody gave a verdict on it that stands."""
NO_PROBE = func.coalesce(_A.probe, false()) == false()
"""It is an alert, and no unit below its threshold that analysts are asked about."""
GROWS = and_(not_(_A.firing), _STATUS.in_(GROWING))
"""It is about a unit that is not complete yet."""
STATES: dict[State, ColumnElement[bool]] = {
    "open": and_(FIRES, not_(JUDGED)),
    "judged": JUDGED,
    "withdrawn": and_(not_(FIRES), not_(JUDGED)),
}
NEWEST_FIRST = (_A.day.desc(), _A.score.desc(), _A.event_timestamp.desc(), _A.alert_id)
"""Newest day first, within a day the highest score first."""


def behind(connection: Connection, alert_id: str) -> ColumnElement[bool]:
    """What comes after an alert in the order of the list, as the alert is now.

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
