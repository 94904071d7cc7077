"""Logins that began and wait for the identity provider's answer: each counts once."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert

from triage import schema
from triage.access.secret_words import kept
from triage.database import Database
from triage.incoming import now
from whetstone.errors import InputError

_LONGEST = timedelta(minutes=10)
_A = schema.login_attempts.c


@dataclass(frozen=True)
class Attempt:
    """What an answer is checked against.

    Attributes:
        nonce: the ID token bears it.
        verifier: of PKCE: shows the provider that whoever changes the code began the login.
        back: the page that was wanted.
    """

    nonce: str
    verifier: str
    back: str


class LoginAttempts:
    """All of them, in the case store's database."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def keep(self, state: str, visitor: str, attempt: Attempt) -> None:
        """Remember an attempt of the browser that bears this cookie."""
        time = self._clock()
        row = {"hash": kept(state), "visitor": kept(visitor), "created": time, **vars(attempt)}
        with self._database.writing() as connection:
            connection.execute(delete(schema.login_attempts).where(_A.created <= time - _LONGEST))
            connection.execute(insert(schema.login_attempts).values(row))

    def take(self, state: str, visitor: str) -> Attempt:
        """The attempt of this state, which is then over.

        Raises:
            InputError: there is none: it took too long, was answered before, or another browser
                began it.
        """
        mine = _A.hash == kept(state)
        with self._database.writing() as connection:
            # In one statement: of two answers that come at once, one finds it.
            taken = delete(schema.login_attempts).where(mine).returning(*_A)
            row = connection.execute(taken).first()
        if (
            row is None
            or row.created <= self._clock() - _LONGEST
            or not hmac.compare_digest(row.visitor, kept(visitor))
        ):
            raise InputError("login: this answer belongs to no login of this browser (state)")
        return Attempt(row.nonce, row.verifier, row.back)
