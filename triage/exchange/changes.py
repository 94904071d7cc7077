"""What happens on the desk, in one order for all who follow it.

Whoever changes the case store tells of it in the same transaction, so that no change is missed and
none is told that did not happen:

    with database.writing() as connection:
        ...
        tell(connection, [Change(ChangeKind.VERDICT_GIVEN, "berlin", verdict_id)])

A change gets its place after its commit. Numbers that a database draws at the insert would not do:
a transaction that commits late could put a small number behind the cursor of somebody who has read
larger ones already.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    func,
    literal,
    or_,
    select,
    update,
)

from triage import schema
from triage.database import Alone, Database
from triage.queue.states import NO_PROBE, STATES
from triage.statements import dialect_of

EVERYWHERE = "*"
_C = schema.changes.c
_A = schema.alerts.c


class ChangeKind(StrEnum):
    """What can happen."""

    ALERT_OPENED = "alert.opened"
    VERDICT_GIVEN = "verdict.given"
    VERDICT_RETRACTED = "verdict.retracted"
    RULE_PROPOSED = "rule.proposed"
    RULE_APPROVED = "rule.approved"
    RULE_ENDED = "rule.ended"
    RULE_SUSPENDED = "rule.suspended"
    RELEASE_PUBLISHED = "release.published"


@dataclass(frozen=True)
class Change:
    """Something that happens.

    Attributes:
        environment: where; `*`: everywhere.
        subject: id of the alert, verdict or rule; name of the detector that was released.
        occasion: tells what happens to one subject several times apart.
        detail: what cannot be looked up by the subject; no text of logs.
    """

    kind: ChangeKind
    environment: str
    subject: str
    occasion: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def change_id(self) -> str:
        """Equal for what is told twice."""
        return f"{self.kind}/{self.subject}" + (f"/{self.occasion}" if self.occasion else "")


@dataclass(frozen=True)
class Happened:
    """A change that has its place among all changes."""

    change_id: str
    place: int
    kind: ChangeKind
    environment: str
    subject: str
    at: datetime
    detail: dict[str, Any]


def tell(connection: Connection, changes: Sequence[Change]) -> None:
    """Take note of changes that the transaction makes; to tell one again changes nothing."""
    rows = [
        {
            "change_id": change.change_id,
            "kind": change.kind,
            "environment": change.environment,
            "subject": change.subject,
            "at": _now(),
            "detail": dict(change.detail),
        }
        for change in changes
    ]
    if rows:
        insert = dialect_of(connection).insert(schema.changes)
        connection.execute(insert.on_conflict_do_nothing(index_elements=[_C.change_id]), rows)


def tell_opened(connection: Connection, chosen: ColumnElement[bool]) -> None:
    """Tell of those of the chosen alerts that stand in the queue, of each once in its life.

    They are many: they are told only while a webhook listens.
    """
    kinds = connection.scalars(select(schema.webhooks.c.kinds))
    if not any(ChangeKind.ALERT_OPENED in each for each in kinds):
        return
    queued = (STATES["open"], _A.rule_id.is_(None), NO_PROBE)
    rows = select(
        literal(f"{ChangeKind.ALERT_OPENED}/") + _A.alert_id,
        literal(str(ChangeKind.ALERT_OPENED)),
        _A.environment,
        _A.alert_id,
        literal(_now()),
        literal({}, _C.detail.type),
    ).where(chosen, *queued)
    names = ["change_id", "kind", "environment", "subject", "at", "detail"]
    insert = dialect_of(connection).insert(schema.changes).from_select(names, rows)
    connection.execute(insert.on_conflict_do_nothing(index_elements=[_C.change_id]))


class Changes:
    """The changes in their order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(
        self,
        place: int,
        kinds: Collection[ChangeKind],
        within: Collection[str] | None,
        limit: int,
    ) -> list[Happened]:
        """What happened behind a place, in order.

        Args:
            place: 0: from the beginning.
            kinds: only these.
            within: only what happened in these environments, or everywhere; None: in any.
            limit: at most so many.
        """
        self.order()
        query = select(schema.changes).where(_C.place > place, _C.kind.in_(kinds))
        if within is not None:
            query = query.where(or_(_C.environment.in_(within), _C.environment == EVERYWHERE))
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(_C.place).limit(limit))
            return [_happened(row) for row in found]

    def last(self) -> int:
        """The place of the last change; 0: nothing ever happened."""
        self.order()
        with self._database.reading() as connection:
            return connection.scalar(select(func.max(_C.place))) or 0

    def order(self) -> None:
        """Give the changes that were committed since the last time their places."""
        new = select(_C.change_id).where(_C.place.is_(None)).order_by(_C.at, _C.change_id)
        with self._database.reading() as connection:
            if connection.execute(new.limit(1)).first() is None:
                return
        with self._database.writing(Alone.CHANGES) as connection:
            last = connection.scalar(select(func.max(_C.place))) or 0
            places = [
                {"this": change_id, "its_place": place}
                for place, change_id in enumerate(connection.scalars(new).all(), last + 1)
            ]
            if places:
                place = update(schema.changes).where(_C.change_id == bindparam("this"))
                connection.execute(place.values(place=bindparam("its_place")), places)


def _happened(row: Row[Any]) -> Happened:
    columns: dict[str, Any] = dict(row._mapping)
    columns["kind"] = ChangeKind(row.kind)
    return Happened(**columns)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
