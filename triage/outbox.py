"""What owners have been told: the ledger of notices, beside the case store.

`record` compares what stands now with what stood at the last look, and writes down in one
transaction what is to be told to whom. `due` hands that out for sending, one process at a time,
and `sent` or `failed` says what became of it. A notice is told once; only if a process is killed
between the sending and its note does it come a second time, because a notice that comes twice does
less harm than one that never comes.

    outbox = Outbox("sqlite:///cases.db")
    outbox.record(standing, now)
    for delivery in outbox.due(now): ...
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from triage.database import Alone, Database
from triage.records import ERASED
from triage.rows import utc
from triage.schema import conditions, deliveries

LEASE = timedelta(minutes=10)
"""For so long what was handed out for sending is not handed out again."""
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=6)
GIVEN_UP_AFTER = timedelta(days=7)
_LONGEST = 4_000
_C, _D = conditions.c, deliveries.c


@dataclass(frozen=True)
class Standing:
    """A condition that stands at this look, and the addresses that are told of it."""

    subject: str
    kind: str
    text: str
    link: str
    addresses: Sequence[str]


@dataclass(frozen=True)
class Delivery:
    """Something to send to an address; `over`: the condition has ended."""

    delivery_id: int
    address: str
    subject: str
    kind: str
    text: str
    link: str
    over: bool
    attempts: int


@dataclass(frozen=True)
class Recorded:
    """How many conditions began to stand at a look, and how many ended."""

    began: int
    ended: int


class Outbox:
    """The ledger of notices in the database of the case store.

    Args:
        url: SQLAlchemy URL, as of `CaseStore`.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def record(self, standing: Sequence[Standing], now: datetime) -> Recorded:
        """Take note of what stands; what is new, and what is over, is to be told."""
        wanted = {(each.subject[:200], each.kind[:64]): each for each in standing}
        now = utc(now)
        with self._database.writing(Alone.NOTICES) as connection:
            known = {
                (row.subject, row.kind): row.condition_id
                for row in connection.execute(select(conditions).where(_C.ended.is_(None)))
            }
            new = [key for key in wanted if key not in known]
            gone = [key for key in known if key not in wanted]
            for key in new:
                _begin(connection, key, wanted[key], now)
            for key in gone:
                _end(connection, known[key], now)
        return Recorded(len(new), len(gone))

    def due(self, now: datetime, limit: int = 200) -> list[Delivery]:
        """What is to be sent now, oldest first; nobody else is given it before `LEASE` is over."""
        now = utc(now)
        ready = and_(_D.state == "waiting", _D.next_at <= now)
        query = select(deliveries, *_SAID).join(conditions).where(ready)
        with self._database.writing(Alone.NOTICES) as connection:
            chosen = connection.execute(query.order_by(_D.delivery_id).limit(limit))
            found = [_delivery(row) for row in chosen]
            _set(connection, found, next_at=now + LEASE)
        return found

    def sent(self, delivered: Sequence[Delivery]) -> None:
        """They have been sent; what ended on their way is called off."""
        ids = [delivery.delivery_id for delivery in delivered if not delivery.over]
        late = (
            select(_D.condition_id, _D.address, _C.ended)
            .join(conditions)
            .where(_D.delivery_id.in_(ids), _D.state == "dropped", _C.ended.is_not(None))
        )
        with self._database.writing(Alone.NOTICES) as connection:
            for row in connection.execute(late).all():
                _tell(connection, row.condition_id, [row.address], row.ended, over=True)
            _set(connection, delivered, state="sent")

    def failed(self, undelivered: Sequence[Delivery], now: datetime) -> None:
        """They could not be sent: they are tried again, ever more rarely, for a week."""
        now = utc(now)
        with self._database.writing(Alone.NOTICES) as connection:
            for delivery in undelivered:
                pause = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(delivery.attempts, 20))
                attempts = delivery.attempts + 1
                _set(connection, [delivery], attempts=attempts, next_at=now + pause)
            old = and_(
                _D.delivery_id.in_([d.delivery_id for d in undelivered]),
                _D.created < now - GIVEN_UP_AFTER,
            )
            connection.execute(update(deliveries).where(old).values(state="given up"))

    def drop(self, unwanted: Sequence[Delivery]) -> None:
        """Their address is no longer in the settings: they are not sent."""
        with self._database.writing(Alone.NOTICES) as connection:
            _set(connection, unwanted, state="dropped")

    def scrub(self, values: Collection[str]) -> int:
        """Take the text out of notices that tell of any of these values; of how many."""
        telling = or_(*(_C.text.contains(value, autoescape=True) for value in values if value))
        with self._database.writing(Alone.NOTICES) as connection:
            done = connection.execute(update(conditions).where(telling).values(text=ERASED))
        return done.rowcount

    def standing(self) -> list[dict[str, Any]]:
        """The conditions that stand, oldest first: `subject`, `kind`, `text`, `link`, `began`."""
        query = select(conditions).where(_C.ended.is_(None)).order_by(_C.condition_id)
        with self._database.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def counts(self) -> Mapping[str, int]:
        """Deliveries by state."""
        with self._database.reading() as connection:
            found: dict[str, int] = {}
            for state in connection.scalars(select(_D.state)):
                found[state] = found.get(state, 0) + 1
        return found


_SAID = (_C.subject, _C.kind, _C.text, _C.link)


def _begin(connection: Connection, key: tuple[str, str], each: Standing, now: datetime) -> None:
    values = {
        "subject": key[0],
        "kind": key[1],
        "text": each.text[:_LONGEST],
        "link": each.link,
        "began": now,
    }
    added = connection.execute(insert(conditions).values(values))
    (condition,) = added.inserted_primary_key or (None,)
    _tell(connection, condition, each.addresses, now, over=False)


def _end(connection: Connection, condition: int, now: datetime) -> None:
    """What nobody has heard of yet need not be called off."""
    mine = _D.condition_id == condition
    connection.execute(update(conditions).where(_C.condition_id == condition).values(ended=now))
    told = connection.scalars(select(_D.address).where(mine, _D.state == "sent")).all()
    unsent = and_(mine, _D.state == "waiting")
    connection.execute(update(deliveries).where(unsent).values(state="dropped"))
    _tell(connection, condition, told, now, over=True)


def _tell(
    connection: Connection, condition: Any, addresses: Sequence[str], now: datetime, *, over: bool
) -> None:
    rows = [
        {
            "condition_id": condition,
            "address": address,
            "over": over,
            "state": "waiting",
            "attempts": 0,
            "next_at": now,
            "created": now,
        }
        for address in addresses
    ]
    if rows:
        connection.execute(insert(deliveries), rows)


def _set(connection: Connection, chosen: Sequence[Delivery], **values: Any) -> None:
    ids = [delivery.delivery_id for delivery in chosen]
    if ids:
        connection.execute(update(deliveries).where(_D.delivery_id.in_(ids)).values(values))


def _delivery(row: Row[Any]) -> Delivery:
    names = ("delivery_id", "address", "subject", "kind", "text", "link", "over", "attempts")
    return Delivery(**{name: row._mapping[name] for name in names})
