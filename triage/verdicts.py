"""A verdict on its way into the case store."""

import uuid
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from triage import schema
from triage.records import Verdict, VerdictValue
from triage.rows import verdict_of
from triage.texts import checked_text
from whetstone.errors import InputError

_A = schema.alerts.c
_V = schema.verdicts.c


def wanted_verdict(
    alert_id: str, value: str, by: str, note: str, verdict_id: str | None
) -> Verdict:
    """The verdict as it would be stored now; see `CaseStore.give_verdict`.

    Raises:
        InputError: the value is none, or a text is missing, too long or not storable.
    """
    return Verdict(
        verdict_id=verdict_id or uuid.uuid4().hex,
        alert_id=alert_id,
        value=_value(value),
        by=checked_text("by", by.strip(), 200, required=True),
        at=datetime.now(UTC).replace(tzinfo=None),
        note=checked_text("note", note, 10_000, required=False),
    )


def store_verdict(connection: Connection, wanted: Verdict) -> Verdict:
    """Store a verdict and return it, or the one that says the same already.

    Raises:
        InputError: there is no such alert, or the id belongs to a different verdict.
    """
    # The lock on the alert makes two verdicts on it come one after the other (on SQLite the
    # transaction holds the only write lock already).
    alert = select(_A.alert_id).where(_A.alert_id == wanted.alert_id).with_for_update()
    if connection.execute(alert).first() is None:
        raise InputError(f"no alert {wanted.alert_id!r}: give the full id of an existing alert")
    same_id = select(schema.verdicts).where(_V.verdict_id == wanted.verdict_id)
    for row in connection.execute(same_id):
        stored = verdict_of(row)
        if (stored.alert_id, stored.value, stored.by) != (wanted.alert_id, wanted.value, wanted.by):
            raise InputError(
                f"verdict_id {wanted.verdict_id!r} is {stored.by}'s {stored.value} on alert "
                f"{stored.alert_id}: a new verdict needs a new id"
            )
        return stored
    latest = (
        select(schema.verdicts)
        .where(_V.alert_id == wanted.alert_id, _V.by == wanted.by)
        .order_by(_V.seq.desc())
        .limit(1)
    )
    for row in connection.execute(latest):
        if row.value == wanted.value:
            return verdict_of(row)
    connection.execute(schema.verdicts.insert(), asdict(wanted))
    return wanted


def _value(value: str) -> VerdictValue:
    try:
        return VerdictValue(value)
    except ValueError:
        raise InputError(f"verdict {value!r}: one of {', '.join(VerdictValue)}") from None
