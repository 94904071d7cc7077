"""Subjects in what scorers sent: found, erased, and taken out of what is about others."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, select, update

from triage import schema
from triage.incoming import LATEST_REVISION, Role, bare, mentions, now, stored_alert
from triage.records import ERASED as ERASED_UNIT
from triage.records import Alert
from triage.statements import ERASED, dialect_of, not_erased

_A = schema.alerts.c
_R = schema.records.c
_NOTHING: dict[str, Any] = {
    "unit": ERASED_UNIT,
    "entity": {},
    "explanation": [],
    "pattern": None,
    "rule_id": None,
    "firing": False,
    "status": None,
}


def erase(connection: Connection, alert_ids: Sequence[str]) -> None:
    """Blank these alerts, notes on them and all records of them for ever.

    What is sent again does not bring them back.
    """
    of_alerts = update(schema.alerts).where(_A.alert_id.in_(alert_ids))
    connection.execute(of_alerts.values(_NOTHING))
    of_verdicts = update(schema.verdicts).where(schema.verdicts.c.alert_id.in_(alert_ids))
    connection.execute(of_verdicts.values(note=""))
    blank = {"status": ERASED, "revision": LATEST_REVISION + 1, "record": {}}
    connection.execute(update(schema.records).where(_R.alert_id.in_(alert_ids)).values(blank))
    query = select(_A.alert_id, _A.environment, _A.detector).where(_A.alert_id.in_(alert_ids))
    stones = [
        {
            "record_id": alert_id,
            "role": Role.CHAMPION,
            "alert_id": alert_id,
            "environment": environment,
            "detector": detector,
            "kind": "alert",
            "at": now(),
            "received": now(),
            **blank,
        }
        for alert_id, environment, detector in connection.execute(query)
    ]
    if stones:
        insert = dialect_of(connection).insert(schema.records)
        keys = [_R.record_id, _R.role]
        connection.execute(insert.on_conflict_do_nothing(index_elements=keys), stones)


def named(connection: Connection, environment: str, values: Collection[str]) -> list[Alert]:
    """The alerts of records that are about one of these values, not only beside it."""
    return [
        stored_alert(row.record)
        for row in _telling(connection, environment, values)
        if row.alert_id and mentions(bare(row.record), values)
    ]


def scrub(connection: Connection, environment: str, values: Collection[str]) -> int:
    """Take these values out of records that tell of them beside others; returns of how many."""
    found = _telling(connection, environment, values)
    for row in found:
        this = and_(_R.record_id == row.record_id, _R.role == row.role)
        if row.alert_id is None:
            connection.execute(delete(schema.records).where(this))
        else:
            connection.execute(update(schema.records).where(this).values(record=bare(row.record)))
    return len(found)


def _telling(connection: Connection, environment: str, values: Collection[str]) -> list[Any]:
    query = select(_R.record_id, _R.role, _R.alert_id, _R.record)
    rows = connection.execute(
        query.where(_R.environment == environment, not_erased()).order_by(_R.record_id, _R.role)
    )
    return [row for row in rows if mentions(row.record, values)]
