"""What calls for a retraining apart from data: the cadence, drift that persists, a person.

The table is the ledger: what stands in it has been called for, and the asset `triggers/<detector>`
is a hash of it, which the detector's model follows. A trigger's id follows from what it is about,
so that to store it again changes nothing, and any number of processes may look at once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from triage import schema
from triage.rows import utc
from triage.texts import checked_text

_T = schema.triggers.c
_LONGEST = {"trigger_id": 400, "detector": 200, "by": 200, "reason": 2_000}


class TriggerKind(StrEnum):
    """Who or what calls."""

    CADENCE = "cadence"
    DRIFT = "drift"
    PERSON = "person"


@dataclass(frozen=True)
class Trigger:
    """A retraining that was called for.

    Attributes:
        trigger_id: what it is about: `cadence:<detector>:<instant>`,
            `drift:<detector>:<signal>:<first day>`, `person:<detector>:<hash>`.
        detector: whose model is to be made anew.
        kind: who or what calls.
        reason: why, in a line.
        by: the person, or the part of the platform.
        at: UTC, naive.
        day: the last day of data that it looks at; None: it looks at no data.
    """

    trigger_id: str
    detector: str
    kind: TriggerKind
    reason: str
    by: str
    at: datetime
    day: date | None = None


def person_trigger(detector: str, by: str, reason: str, at: datetime | None = None) -> Trigger:
    """Somebody wants a detector retrained; the same person and reason count once a day.

    Raises:
        InputError: nobody, or no reason, is given.
    """
    now = utc(at or datetime.now(UTC))
    by, reason = by.strip(), reason.strip()
    told = hashlib.sha256(f"{now:%Y-%m-%d}\n{by}\n{reason}".encode()).hexdigest()[:16]
    trigger = Trigger(
        f"person:{detector}:{told}", detector, TriggerKind.PERSON, reason, by, now, now.date()
    )
    _row(trigger)
    return trigger


def store_triggers(connection: Connection, triggers: Sequence[Trigger]) -> list[Trigger]:
    """Store what is not stored yet, and return it; the transaction must be `Alone.RETRAINING`.

    Raises:
        InputError: a text is missing or too long.
    """
    rows = {trigger.trigger_id: _row(trigger) for trigger in triggers}
    if not rows:
        return []
    known = set(connection.scalars(select(_T.trigger_id).where(_T.trigger_id.in_(rows))))
    if new := [row for name, row in rows.items() if name not in known]:
        connection.execute(schema.triggers.insert(), new)
    return [trigger for trigger in triggers if trigger.trigger_id not in known]


def newest_triggers(detector: str | None, limit: int) -> Select[Any]:
    """The query for triggers, newest first."""
    query = select(schema.triggers).order_by(_T.at.desc(), _T.trigger_id).limit(limit)
    return query if detector is None else query.where(_T.detector == detector)


def trigger_of(row: Row[Any]) -> Trigger:
    """The trigger of a row of `triggers`."""
    columns = dict(row._mapping)
    return Trigger(**{**columns, "kind": TriggerKind(columns["kind"])})


def fingerprint_of(connection: Connection, detectors: Sequence[str]) -> str:
    """Hash of what was ever called for; in any order."""
    chosen = select(_T.trigger_id).where(_T.detector.in_(set(detectors)))
    ids = sorted(connection.scalars(chosen))
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def _row(trigger: Trigger) -> dict[str, Any]:
    for name, longest in _LONGEST.items():
        checked_text(name, getattr(trigger, name), longest, required=True)
    return {**asdict(trigger), "kind": trigger.kind.value, "at": utc(trigger.at)}
