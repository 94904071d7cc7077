"""Sessions: who logged in with which browser, for how long."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update

from triage import schema
from triage.access.sealed import opened, sealed
from triage.access.secret_words import kept, new_secret
from triage.database import Alone, Database
from triage.incoming import now
from whetstone.errors import InputError

IDLE = timedelta(hours=2)
"""Unused for so long, a session ends."""
LONGEST = timedelta(hours=12)
"""However much it is used, a session ends then."""
# A write a minute tells well enough that a session is used.
_NOTED_EACH = timedelta(minutes=1)
_P, _S = schema.people.c, schema.sessions.c


class Sessions:
    """All sessions, in the case store's database: whoever logs out anywhere is out everywhere.

    Args:
        database: of the case store.
        clock: the time, UTC, naive.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def begin(self, name: str, before: str | None = None, id_token: str | None = None) -> str:
        """A new session of a person: the secret that the browser's cookie bears from now on.

        Args:
            name: who logged in.
            before: the secret of the browser's session until now, which ends: nobody goes on with
                a session that somebody else put into the browser.
            id_token: by which the identity provider knows the login again; it is kept sealed.

        Raises:
            InputError: that person was removed meanwhile.
        """
        secret, time = new_secret(), self._clock()
        row = {"hash": kept(secret), "name": name, "created": time, "seen": time}
        row |= {"id_token": None if id_token is None else sealed(secret, id_token)}
        over = or_(_S.seen <= time - IDLE, _S.created <= time - LONGEST)
        if before is not None:
            over = or_(over, _S.hash == kept(before))
        with self._database.writing(Alone.PEOPLE) as connection:
            if connection.execute(select(_P.name).where(_P.name == name)).first() is None:
                raise InputError(f"{name}: there is no such person any more")
            connection.execute(delete(schema.sessions).where(over))
            connection.execute(insert(schema.sessions).values(row))
        return secret

    def name_of(self, secret: str, *, used: bool = True) -> str | None:
        """Whose session it is; None: nobody's, or it is over.

        Args:
            secret: that the browser's cookie bears.
            used: whether this is a use of it, from which on it may rest anew.
        """
        time = self._clock()
        mine = _S.hash == kept(secret)
        alive = (mine, _S.seen > time - IDLE, _S.created > time - LONGEST)
        with self._database.reading() as connection:
            row = connection.execute(select(_S.name, _S.seen).where(*alive)).first()
        if row is None:
            return None
        if used and time - row.seen >= _NOTED_EACH:
            with self._database.writing() as connection:
                connection.execute(update(schema.sessions).where(mine).values(seen=time))
        return row.name

    def id_token(self, secret: str) -> str | None:
        """The ID token with which the session began; None: it began with none."""
        with self._database.reading() as connection:
            query = select(_S.id_token).where(_S.hash == kept(secret))
            found = connection.execute(query).scalar()
        return None if found is None else opened(secret, found)

    def end(self, secret: str) -> None:
        """Log out."""
        with self._database.writing() as connection:
            connection.execute(delete(schema.sessions).where(_S.hash == kept(secret)))

    def end_all(self, name: str) -> int:
        """Log a person out everywhere; returns how many sessions that ended."""
        with self._database.writing(Alone.PEOPLE) as connection:
            return connection.execute(delete(schema.sessions).where(_S.name == name)).rowcount
