"""What scorers report, in the case store: statements for `CaseStore`, each inside a transaction.

An alert stands in one row of `alerts`, whoever finds it. Two facts about it never mix: `firing`
says that the day's batch found it, `status` what a scorer said last; the one who is silent
withdraws nothing that the other still finds. What the row tells (score, model, explanation) is the
batch's word as long as the batch finds it, for that has seen the whole day, and the scorer's
otherwise. So the row follows from the latest batch and the highest revision alone, in whatever
order they came.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    case,
    delete,
    false,
    func,
    or_,
    select,
    tuple_,
)

from triage import schema
from triage.arriving import row_of
from triage.exchange.changes import tell_opened
from triage.incoming import (
    Incoming,
    Role,
    now,
    stored_alert,
)
from triage.judging.progress import note_served
from triage.queue.refresh import refresh
from triage.statements import ERASED, dialect_of, not_erased
from whetstone.errors import InputError

KEPT = timedelta(days=30)
"""How long canaries' records and notices are kept."""
_FLEETING = (Role.CANARY, Role.NOTICE)
_A = schema.alerts.c
_R = schema.records.c
_S = schema.scorers.c
# Told by others: the batch, or the queue.
_KEPT = [_A.alert_id, _A.firing, _A.status, _A.group_id, _A.rule_id]


@dataclass(frozen=True)
class Taken:
    """What became of records that were sent.

    Attributes:
        taken: new, or of a higher revision than what was stored.
        known: stored already, or overtaken by a later revision.
    """

    taken: int
    known: int


@dataclass(frozen=True)
class Scorer:
    """A scorer as it was last heard of.

    Attributes:
        name: tells the scorers of one environment apart.
        heard: when, by the platform's clock.
        digest: what it said of itself, see `Metrics.digest`; hostile.
    """

    environment: str
    name: str
    heard: datetime
    digest: dict[str, Any]


def take(connection: Connection, sent: Sequence[Incoming]) -> Taken:
    """Store what is new in `sent`; of each record the highest revision stays.

    The transaction must be `Alone.DESK`.

    Raises:
        InputError: a record bears the id of one of another environment or detector.
    """
    latest: dict[tuple[str, str], Incoming] = {}
    for record in sorted(sent, key=lambda record: record.revision):
        latest[record.record_id, record.role] = record
    before = _revisions(connection, latest.values())
    gone = _erased(connection, latest.values())
    new = [
        record
        for key, record in sorted(latest.items())
        if record.revision > before.get(key, (0, "", None))[0]
        and not (record.alert and record.alert.alert_id in gone)
    ]
    for record in new:
        _same_owner(record, before.get((record.record_id, record.role)))
    if new:
        connection.execute(_upsert_record(connection), [_record_row(record) for record in new])
    champions = [r.alert.alert_id for r in new if r.alert is not None and r.role == Role.CHAMPION]
    _check_alerts(connection, new)
    settle(connection, champions)
    refresh(connection, champions)
    tell_opened(connection, _A.alert_id.in_(champions))
    return Taken(len(new), len(sent) - len(new))


def settle(connection: Connection, alert_ids: Collection[str]) -> None:
    """Make the rows of alerts follow from what scorers said last of them."""
    if not alert_ids:
        return
    query = (
        select(_R.record)
        .where(_R.alert_id.in_(alert_ids), _R.role == Role.CHAMPION, _R.status != ERASED)
        .order_by(_R.alert_id)
    )
    rows = [_alert_row(record) for record in connection.execute(query).scalars()]
    if rows:
        connection.execute(_upsert_alert(connection), rows)


def settle_day(connection: Connection, day: date, detector: str) -> None:
    """Give the scorers' word to the alerts of a day that its batch no longer finds."""
    lost = select(_A.alert_id).where(
        _A.day == day, _A.detector == detector, _A.firing == false(), _A.status.is_not(None)
    )
    settle(connection, connection.execute(lost).scalars().all())


def listed(
    connection: Connection,
    role: Role,
    within: Collection[str] | None,
    detector: str | None,
    limit: int,
    after: str | None,
) -> list[dict[str, Any]]:
    """The latest records of a role, newest first; see `CaseStore.records`."""
    chosen: list[ColumnElement[bool]] = [_R.role == role, not_erased()]
    if within is not None:
        chosen.append(_R.environment.in_(within))
    if detector is not None:
        chosen.append(_R.detector == detector)
    if after is not None:
        chosen.append(_behind(connection, role, after))
    query = select(_R.record).where(*chosen).order_by(_R.at.desc(), _R.record_id).limit(limit)
    return list(connection.execute(query).scalars())


def _behind(connection: Connection, role: Role, record_id: str) -> ColumnElement[bool]:
    this = select(_R.at).where(_R.role == role, _R.record_id == record_id)
    at = connection.scalar(this)
    if at is None:
        raise InputError(f"after={record_id}: no such record; begin again without it")
    return or_(_R.at < at, and_(_R.at == at, _R.record_id > record_id))


def record_of(connection: Connection, alert_id: str) -> dict[str, Any] | None:
    """What the scorer of the champion said last of an alert."""
    query = select(_R.record).where(_R.alert_id == alert_id, _R.role == Role.CHAMPION, not_erased())
    return connection.execute(query).scalar()


def raised(connection: Connection, detector: str) -> dict[str, datetime]:
    """When scorers told first of the champion's alerts, by their id."""
    query = select(_R.alert_id, _R.raised).where(
        _R.role == Role.CHAMPION, _R.detector == detector, _R.raised.is_not(None), not_erased()
    )
    return {row[0]: row[1] for row in connection.execute(query) if row[0]}


def heard(connection: Connection, environment: str, name: str, digest: dict[str, Any]) -> None:
    """A scorer told of itself; what is kept for a time only is removed on this occasion."""
    note_served(connection, environment, digest, now())
    values = {"environment": environment, "name": name, "heard": now(), "digest": digest}
    insert = dialect_of(connection).insert(schema.scorers)
    told = {"heard": insert.excluded.heard, "digest": insert.excluded.digest}
    keys = [_S.environment, _S.name]
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=told), values)
    old = and_(_R.role.in_(_FLEETING), _R.received < now() - KEPT)
    # What others hold they remove, or change: nobody waits here.
    free = select(_R.record_id, _R.role).where(old).with_for_update(skip_locked=True)
    these = tuple_(_R.record_id, _R.role).in_(free)
    connection.execute(delete(schema.records).where(these))


def scorers(connection: Connection) -> list[Scorer]:
    """All scorers that were ever heard of, by environment and name."""
    query = select(schema.scorers).order_by(_S.environment, _S.name)
    return [Scorer(**row._mapping) for row in connection.execute(query)]


def counted(connection: Connection) -> dict[str, int]:
    """How many records of each role are kept."""
    query = select(_R.role, func.count()).group_by(_R.role)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return {role.value: found.get(role, 0) for role in Role}


def _revisions(
    connection: Connection, sent: Collection[Incoming]
) -> dict[tuple[str, str], tuple[int, str, str | None]]:
    ids = {record.record_id for record in sent}
    query = select(_R.record_id, _R.role, _R.revision, _R.environment, _R.detector)
    rows = connection.execute(query.where(_R.record_id.in_(ids)))
    return {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows}


def _erased(connection: Connection, sent: Collection[Incoming]) -> set[str]:
    ids = {record.alert.alert_id for record in sent if record.alert}
    query = select(_R.alert_id).where(_R.alert_id.in_(ids), _R.status == ERASED)
    return {alert_id for alert_id in connection.execute(query).scalars() if alert_id}


def _same_owner(record: Incoming, before: tuple[int, str, str | None] | None) -> None:
    if before is not None and before[1:] != (record.environment, record.detector):
        raise InputError(_TAKEN.format(record.record_id))


def _check_alerts(connection: Connection, new: Sequence[Incoming]) -> None:
    """An alert of the batch, too, belongs to its environment and detector."""
    owners = {
        record.alert.alert_id: (record.environment, record.detector)
        for record in new
        if record.alert is not None and record.role == Role.CHAMPION
    }
    query = select(_A.alert_id, _A.environment, _A.detector).where(_A.alert_id.in_(owners))
    for alert_id, environment, detector in connection.execute(query):
        if owners[alert_id] != (environment, detector):
            raise InputError(_TAKEN.format(alert_id))


_TAKEN = "record {}: the id is of another environment's or detector's; it would be overwritten"


def _record_row(record: Incoming) -> dict[str, Any]:
    return {
        "record_id": record.record_id,
        "role": record.role,
        "alert_id": record.alert.alert_id if record.alert else None,
        "environment": record.environment,
        "detector": record.detector,
        "kind": record.kind,
        "revision": record.revision,
        "status": record.status,
        "at": record.at,
        "received": now(),
        "raised": now(),
        "record": record.record,
    }


def _alert_row(record: dict[str, Any]) -> dict[str, Any]:
    alert = stored_alert(record)
    row = row_of(alert, alert.unit_start.date(), alert.detector)
    return row | {"firing": False, "status": alert.status}


def _upsert_record(connection: Connection) -> Any:
    insert = dialect_of(connection).insert(schema.records)
    keys = [_R.record_id, _R.role]
    told = _excluded(insert, schema.records, [*keys, _R.raised])
    return insert.on_conflict_do_update(index_elements=keys, set_=told)


def _upsert_alert(connection: Connection) -> Any:
    insert = dialect_of(connection).insert(schema.alerts)
    told = _excluded(insert, schema.alerts, _KEPT)
    words = {name: case((_A.firing, _A[name]), else_=value) for name, value in told.items()}
    return insert.on_conflict_do_update(
        index_elements=[_A.alert_id], set_={**words, "status": insert.excluded.status}
    )


def _excluded(insert: Any, table: Table, but: Collection[ColumnElement[Any]]) -> dict[str, Any]:
    names = {column.key for column in but}
    return {c.name: insert.excluded[c.name] for c in table.columns if c.name not in names}
