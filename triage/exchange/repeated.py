"""Requests that may come twice: the same key brings the same answer, and is worked off once.

As of the draft for the HTTP header `Idempotency-Key`
(https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, tuple_, update

from triage import schema
from triage.database import Database
from triage.statements import dialect_of

KEPT = timedelta(days=1)
"""For so long the answer to a key is kept; then the key is new again."""
LEASE = timedelta(minutes=1)
"""After so long a request without an answer was broken off, and may be worked off again."""
_R = schema.answered_requests.c


class KeyReusedError(Exception):
    """The key came with another request before."""


class StillAnsweringError(Exception):
    """The first request with this key is not answered yet."""


@dataclass(frozen=True)
class Asked:
    """A request under a key.

    Attributes:
        principal: keys of different principals are different keys.
        digest: hash of what is asked.
    """

    principal: str
    key: str
    digest: str

    @staticmethod
    def of(principal: str, key: str, path: str, body: bytes) -> "Asked":
        """The request of `body` to `path`."""
        digest = hashlib.sha256(path.encode() + b"\n" + body).hexdigest()
        return Asked(principal, key, digest)

    def id_of(self, place: int) -> str:
        """An id for what the request makes at a place, the same whenever it is worked off."""
        text = f"{self.principal}\n{self.key}\n{self.digest}\n{place}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class Repeated:
    """The answers that were given lately, in the database of the case store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, asked: Asked) -> Any:
        """The answer that was given already; None: the caller answers, by `answered` or `dropped`.

        Raises:
            KeyReusedError: the key belongs to another request.
            StillAnsweringError: somebody else is at it.
        """
        now = datetime.now(UTC).replace(tzinfo=None)
        row = {"principal": asked.principal, "key": asked.key, "digest": asked.digest}
        over = or_(_R.claimed < now - KEPT, and_(_R.answer.is_(None), _R.claimed < now - LEASE))
        with self._database.writing() as connection:
            # What others hold they remove: two that begin at once do not wait for each other.
            free = select(_R.principal, _R.key).where(over).with_for_update(skip_locked=True)
            these = tuple_(_R.principal, _R.key).in_(free)
            connection.execute(delete(schema.answered_requests).where(these))
            insert = dialect_of(connection).insert(schema.answered_requests)
            claim = insert.values(row | {"claimed": now}).on_conflict_do_nothing()
            if connection.execute(claim.returning(_R.key)).first() is not None:
                return None
            known = connection.execute(select(schema.answered_requests).where(_this(asked))).first()
        if known is None:
            # It was dropped between the two statements.
            raise StillAnsweringError
        if known.digest != asked.digest:
            raise KeyReusedError
        if known.answer is None:
            raise StillAnsweringError
        return known.answer

    def answered(self, asked: Asked, answer: Any) -> None:
        """Keep the answer, as JSON has it."""
        with self._database.writing() as connection:
            mine = update(schema.answered_requests).where(_claim(asked))
            connection.execute(mine.values(answer=answer))

    def dropped(self, asked: Asked) -> None:
        """The request was refused: the key is free for one that is right."""
        with self._database.writing() as connection:
            connection.execute(delete(schema.answered_requests).where(_claim(asked)))


def _claim(asked: Asked) -> ColumnElement[bool]:
    """The request while it is being answered; after `LEASE` its key may be another's."""
    return and_(_this(asked), _R.digest == asked.digest, _R.answer.is_(None))


def _this(asked: Asked) -> ColumnElement[bool]:
    return and_(_R.principal == asked.principal, _R.key == asked.key)
