"""Sessions: who logged in with which browser, for how long."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update

from triage import schema
from triage.access.secret_words import kept, new_secret
from triage.database import Database
from triage.incoming import now

IDLE = timedelta(hours=2)
"""Unused for so long, a session ends."""
LONGEST = timedelta(hours=12)
"""However much it is used, a session ends then."""
# A write a minute tells well enough that a session is used.
_NOTED_EACH = timedelta(minutes=1)
_S = schema.sessions.c


class Sessions:
    """All sessions, in the case store's database: whoever logs out anywhere is out everywhere.

    Args:
        database: of the case store.
        clock: the time, UTC, naive.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def begin(self, name: str, before: str | None = None) -> str:
        """A new session of a person: the secret that the browser's cookie bears from now on.

        Args:
            name: who logged in.
            before: the secret of the browser's session until now, which ends: nobody goes on with
                a session that somebody else put into the browser.
        """
        secret, time = new_secret(), self._clock()
        row = {"hash": kept(secret), "name": name, "created": time, "seen": time}
        over = or_(_S.seen <= time - IDLE, _S.created <= time - LONGEST)
        if before is not None:
            over = or_(over, _S.hash == kept(before))
        with self._database.writing() as connection:
            connection.execute(delete(schema.sessions).where(over))
            connection.execute(insert(schema.sessions).values(row))
        return secret

    def name_of(self, secret: str) -> str | None:
        """Whose session it is; None: nobody's, or it is over."""
        time = self._clock()
        mine = _S.hash == kept(secret)
        alive = (mine, _S.seen > time - IDLE, _S.created > time - LONGEST)
        with self._database.reading() as connection:
            row = connection.execute(select(_S.name, _S.seen).where(*alive)).first()
        if row is None:
            return None
        if time - row.seen >= _NOTED_EACH:
            with self._database.writing() as connection:
                connection.execute(update(schema.sessions).where(mine).values(seen=time))
        return row.name

    def end(self, secret: str) -> None:
        """Log out."""
        with self._database.writing() as connection:
            connection.execute(delete(schema.sessions).where(_S.hash == kept(secret)))

    def end_all(self, name: str) -> int:
        """Log a person out everywhere; returns how many sessions that ended."""
        with self._database.writing() as connection:
            return connection.execute(delete(schema.sessions).where(_S.name == name)).rowcount
