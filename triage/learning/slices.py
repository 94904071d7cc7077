"""A random slice of each day's alerts, about which analysts are asked whatever the scores say.

From the alerts of a detector in an environment on a day, `DRAWN` are drawn without replacement:
each alert gets a number from its id and a salt of the day, and the smallest numbers are the slice
(permanent random numbers: Ohlsson, Coordination of Samples, 1995). Alerts that come later join the
lot and may take a place; what was drawn and judged before is judged for nothing then, and the
chance of being in the slice is the same for all at any time.
"""

import hashlib
import heapq
import secrets
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from triage import schema
from triage.database import Alone, Database
from triage.learning.precision import SlicePrecision, Stratum, slice_precision
from triage.queue.states import FIRES, JUDGED, NO_PROBE, STANDING
from triage.records import ERASED, Alert, Verdict, VerdictValue, current
from triage.rows import alert_of, verdict_of
from triage.statements import dialect_of

DRAWN = 3
"""Alerts of a detector, environment and day that are in the slice: 21 a week."""
DAYS = 28
"""How far back the slice is asked about and the precision is estimated."""
_A, _V = schema.alerts.c, schema.verdicts.c
_S, _M = schema.slices.c, schema.slice_members.c
COUNTS = and_(NO_PROBE, or_(FIRES, JUDGED), _A.unit != ERASED)
"""What the precision is about: alerts that stand, none that are probes or erased."""


@dataclass(frozen=True)
class Key:
    """The alerts from which a slice is drawn."""

    environment: str
    detector: str
    day: date


class Slices:
    """The random slices of a case store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def draw(self, until: date, days: int = 1) -> int:
        """Draw from the last days up to `until`, where alerts came or went; from how many slices.

        Drawing again changes nothing while the alerts are the same.
        """
        since = until - timedelta(days=days - 1)
        with self._database.reading() as connection:
            stale = _stale(connection, since, until)
        for key in stale:
            with self._database.writing(Alone.SLICES) as connection:
                _draw(connection, key)
        return len(stale)

    def draw_newest(self, days: int) -> int:
        """Draw from the newest day that has alerts, and so many days in all up to it."""
        with self._database.reading() as connection:
            newest: date | None = connection.execute(select(func.max(_A.day))).scalar()
        return 0 if newest is None else self.draw(newest, days)

    def waiting(
        self, environments: Collection[str] | None, detector: str | None, most: int
    ) -> list[Alert]:
        """Members that nobody has looked at, newest day first, then in the order of the lot.

        Args:
            environments: only of these; None: of all.
            detector: only its alerts.
            most: how many.
        """
        here = [] if environments is None else [_M.environment.in_(environments)]
        here += [_M.detector == detector] if detector else []
        query = (
            select(schema.alerts)
            .join(schema.slice_members, _M.alert_id == _A.alert_id)
            .where(COUNTS, ~_LOOKED_AT, *here)
            .order_by(_M.day.desc(), _M.lot)
            .limit(most)
        )
        with self._database.reading() as connection:
            return [alert_of(row, ()) for row in connection.execute(query)]

    def precision(
        self, detector: str, environments: Collection[str] | None = None
    ) -> SlicePrecision:
        """The precision of a detector in the `DAYS` up to its newest slice.

        Args:
            detector: whose alerts.
            environments: only of these; None: of all.
        """
        with self._database.reading() as connection:
            return slice_precision(_strata(connection, detector, environments))

    def detectors(self, environments: Collection[str] | None = None) -> list[str]:
        """Detectors of which there are slices in these environments (None: in any), by name."""
        here = [] if environments is None else [_S.environment.in_(environments)]
        query = select(_S.detector).where(*here).distinct().order_by(_S.detector)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())


# A verdict on a whole group says nothing of those of its alerts that nobody read.
_LOOKED_AT: ColumnElement[bool] = (
    select(_V.alert_id).where(_V.alert_id == _A.alert_id, STANDING, _V.batch_id.is_(None)).exists()
)


def _stale(connection: Connection, since: date, until: date) -> list[Key]:
    counted = (
        select(_A.environment, _A.detector, _A.day, func.count())
        .where(COUNTS, _A.day >= since, _A.day <= until)
        .group_by(_A.environment, _A.detector, _A.day)
    )
    drawn = select(_S.environment, _S.detector, _S.day, _S.alerts).where(_S.day >= since)
    known = {Key(row[0], row[1], row[2]): row[3] for row in connection.execute(drawn)}
    now = {Key(row[0], row[1], row[2]): row[3] for row in connection.execute(counted)}
    of_days = {key for key in known if key.day <= until}
    return [key for key in now.keys() | of_days if now.get(key, 0) != known.get(key)]


def _draw(connection: Connection, key: Key) -> None:
    of_key = (_A.environment == key.environment, _A.detector == key.detector, _A.day == key.day)
    ids = connection.execute(select(_A.alert_id).where(COUNTS, *of_key)).scalars().all()
    salt = _stored(connection, key, len(ids))
    lots = heapq.nsmallest(DRAWN, ((_lot(salt, alert_id), alert_id) for alert_id in ids))
    of_slice = and_(
        _M.environment == key.environment, _M.detector == key.detector, _M.day == key.day
    )
    # An alert may have come from another day's slice.
    moved = _M.alert_id.in_([alert_id for _, alert_id in lots])
    connection.execute(delete(schema.slice_members).where(or_(of_slice, moved)))
    rows = [{**vars(key), "alert_id": alert_id, "lot": lot} for lot, alert_id in lots]
    if rows:
        connection.execute(schema.slice_members.insert(), rows)


def _stored(connection: Connection, key: Key, alerts: int) -> str:
    """Write down from how many alerts the slice is drawn; its salt, which stays for ever."""
    insert = dialect_of(connection).insert(schema.slices)
    now = datetime.now(UTC).replace(tzinfo=None)
    told: dict[str, Any] = {"alerts": alerts, "drawn": now}
    query = insert.on_conflict_do_update(
        index_elements=[_S.environment, _S.detector, _S.day], set_=told
    ).returning(_S.salt)
    row = {**vars(key), **told, "salt": secrets.token_hex(16)}
    return connection.execute(query, row).scalar_one()


def _lot(salt: str, alert_id: str) -> float:
    digest = hashlib.sha256(f"{salt}{alert_id}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def _strata(
    connection: Connection, detector: str, environments: Collection[str] | None
) -> list[Stratum]:
    of_it = [_S.detector == detector]
    of_it += [] if environments is None else [_S.environment.in_(environments)]
    last: date | None = connection.execute(select(func.max(_S.day)).where(*of_it)).scalar()
    if last is None:
        return []
    first = last - timedelta(days=DAYS - 1)
    drawn = _members(connection, detector, first, last)
    said = _said(connection, detector)
    sizes = select(_S.environment, _S.day, _S.alerts).where(*of_it, _S.day.between(first, last))
    strata: list[Stratum] = []
    for environment, day, alerts in connection.execute(sizes):
        members = drawn[environment, day]
        heard = [_outcome(said[alert_id]) for alert_id in members]
        outcomes = tuple(outcome for outcome in heard if outcome is not None)
        strata.append(Stratum(alerts, len(members), outcomes))
    return strata


def _members(
    connection: Connection, detector: str, first: date, last: date
) -> dict[tuple[str, date], list[str]]:
    query = select(_M.environment, _M.day, _M.alert_id)
    members: dict[tuple[str, date], list[str]] = defaultdict(list)
    of_days = query.where(_M.detector == detector, _M.day.between(first, last))
    for environment, day, alert_id in connection.execute(of_days):
        members[environment, day].append(alert_id)
    return members


def _said(connection: Connection, detector: str) -> dict[str, list[Verdict]]:
    """What analysts say of members that they looked at."""
    query = (
        select(schema.verdicts)
        .join(schema.slice_members, _M.alert_id == _V.alert_id)
        .where(_M.detector == detector, STANDING, _V.batch_id.is_(None))
        .order_by(_V.seq)
    )
    said: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in current(verdict_of(row) for row in connection.execute(query)):
        said[verdict.alert_id].append(verdict)
    return said


def _outcome(given: Sequence[Verdict]) -> bool | None:
    """Whether these verdicts say attack; None where they say nothing, or differ."""
    said = {
        verdict.value is VerdictValue.TRUE_POSITIVE
        for verdict in given
        if verdict.value is not VerdictValue.UNSURE
    }
    return said.pop() if len(said) == 1 else None
