"""Pauses: somebody decides that detectors are neither retrained nor released for a while."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, update

from triage import schema
from triage.rows import utc
from triage.texts import checked_text
from whetstone.errors import InputError

ALL = "*"
"""All detectors."""
_P = schema.pauses.c


@dataclass(frozen=True)
class Pause:
    """A pause, in force or over.

    Attributes:
        detector: whose; `*`: everybody's.
        by: who decided it.
        reason: why.
        since: UTC, naive.
        until: when it ends by itself, UTC, naive; None: when somebody resumes.
        resumed: when somebody ended it, UTC, naive.
        resumed_by: who.
    """

    detector: str
    by: str
    reason: str
    since: datetime
    until: datetime | None = None
    resumed: datetime | None = None
    resumed_by: str | None = None

    @property
    def story(self) -> str:
        """Who paused it, why, and how it ends."""
        what = "all retraining is" if self.detector == ALL else "it is"
        end = f"until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else "until `whetstone resume`"
        return f"{what} paused by {self.by} {end}: {self.reason}"


def store_pause(
    connection: Connection, detector: str, by: str, reason: str, until: datetime | None
) -> Pause:
    """Begin a pause and return it; it takes the place of one in force, and equals repeat nothing.

    The transaction must be `Alone.RETRAINING`, as for `end_pause`.

    Raises:
        InputError: a text is missing, or the end has passed.
    """
    now = utc(datetime.now(UTC))
    wanted = Pause(
        checked_text("detector", detector, 200, required=True),
        checked_text("by", by.strip(), 200, required=True),
        checked_text("reason", reason.strip(), 2_000, required=True),
        now,
        None if until is None else utc(until),
    )
    if wanted.until is not None and wanted.until <= now:
        raise InputError(f"until {wanted.until:%Y-%m-%d %H:%M} UTC has passed: name a later time")
    in_force = read_pauses(connection, now, detector)
    for pause in in_force:
        if (pause.by, pause.reason, pause.until) == (wanted.by, wanted.reason, wanted.until):
            return pause
    _end(connection, detector, wanted.by, now)
    connection.execute(schema.pauses.insert(), vars(wanted))
    return wanted


def end_pause(connection: Connection, detector: str, by: str) -> Pause:
    """End a pause that is in force and return it.

    Raises:
        InputError: there is none, or `by` is missing.
    """
    now = utc(datetime.now(UTC))
    who = checked_text("by", by.strip(), 200, required=True)
    in_force = read_pauses(connection, now, detector)
    if not in_force:
        others = ", ".join(pause.detector for pause in read_pauses(connection, now)) or "nothing"
        raise InputError(f"{detector} is not paused; paused is: {others}")
    _end(connection, detector, who, now)
    return in_force[0]


def read_pauses(connection: Connection, now: datetime, detector: str | None = None) -> list[Pause]:
    """The pauses in force, the oldest first; `*` is a detector of its own here."""
    query = select(schema.pauses).where(_in_force(utc(now))).order_by(_P.pause_id)
    if detector is not None:
        query = query.where(_P.detector == detector)
    return [_pause_of(row) for row in connection.execute(query)]


def _end(connection: Connection, detector: str, by: str, now: datetime) -> None:
    ended = update(schema.pauses).where(_P.detector == detector, _in_force(now))
    connection.execute(ended.values(resumed=now, resumed_by=by))


def _in_force(now: datetime) -> ColumnElement[bool]:
    return and_(_P.resumed.is_(None), or_(_P.until.is_(None), _P.until > now))


def _pause_of(row: Row[Any]) -> Pause:
    columns = dict(row._mapping)
    del columns["pause_id"]
    return Pause(**columns)
