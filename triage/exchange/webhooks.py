"""Who is told of what happens: registered URLs, and how far each has been told.

A webhook's queue is the changes behind its place, so it needs none of its own: what happened is on
disk once, however many are told of it, and each is told in order. A receiver that fails holds up
nobody but itself.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, delete, insert, select, update

from triage import schema
from triage.database import Database
from triage.exchange.changes import EVERYWHERE, ChangeKind, Changes
from triage.exchange.webhook_keys import WebhookKeys
from whetstone.errors import InputError

LEASE = timedelta(minutes=10)
"""For so long a webhook whose queue one process sends is left alone by all others."""
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=10), timedelta(hours=1)
_MOST_PROBLEM = 500
_W = schema.webhooks.c


@dataclass(frozen=True)
class Webhook:
    """A registered URL.

    Attributes:
        environment: it is told of what happens there; `*`: everywhere.
        kinds: it is told of these.
        secret: key of the signatures, sealed with `WebhookKeys`.
        by: who registered it.
        place: of the last change that it was told of.
        delivered: how many changes its receiver took.
        refused: how many its receiver will never take.
        missed: how many were too old when the receiver was well again.
        failures: since the last success.
        problem: what went wrong last; empty: nothing since the last success.
        next_at: nothing is sent before.
    """

    webhook_id: str
    environment: str
    url: str
    kinds: tuple[ChangeKind, ...]
    secret: str
    by: str
    created: datetime
    place: int
    delivered: int
    refused: int
    missed: int
    failures: int
    problem: str
    next_at: datetime

    @property
    def within(self) -> frozenset[str] | None:
        """The environments of which it is told; None: all."""
        return None if self.environment == EVERYWHERE else frozenset({self.environment})


class Webhooks:
    """The registered webhooks, in the database of the case store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(
        self, environment: str, url: str, kinds: Sequence[ChangeKind], by: str, secret: str
    ) -> Webhook:
        """Register a URL; it is told of what happens from now on.

        The URL must have passed `targets.checked`, the secret is sealed.
        """
        now = _now()
        new: dict[str, Any] = {
            "webhook_id": secrets.token_hex(16),
            "environment": environment,
            "url": url,
            "kinds": sorted(set(kinds)),
            "secret": secret,
            "by": by,
            "created": now,
            "place": Changes(self._database).last(),
            **dict.fromkeys(("delivered", "refused", "missed", "failures"), 0),
            "problem": "",
            "next_at": now,
        }
        with self._database.writing() as connection:
            connection.execute(insert(schema.webhooks).values(new))
        return Webhook(**{**new, "kinds": tuple(new["kinds"])})

    def listed(self) -> list[Webhook]:
        """All of them, oldest first."""
        query = select(schema.webhooks).order_by(_W.created, _W.webhook_id)
        with self._database.reading() as connection:
            return [_webhook(row) for row in connection.execute(query)]

    def find(self, webhook_id: str) -> Webhook | None:
        """The webhook of an id."""
        query = select(schema.webhooks).where(_W.webhook_id == webhook_id)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _webhook(row)

    def remove(self, webhook_id: str) -> None:
        """Tell it nothing more."""
        with self._database.writing() as connection:
            connection.execute(delete(schema.webhooks).where(_W.webhook_id == webhook_id))

    def seal(self, keys: WebhookKeys) -> None:
        """Seal with the newest key what lies there in the clear, or under an earlier one."""
        for webhook in self.listed():
            if keys.is_newest(webhook.secret):
                continue
            try:
                secret = keys.sealed(keys.opened(webhook.secret))
            except InputError:  # its deliveries say so
                continue
            self._set(webhook, secret=secret)

    def claim(self, webhook: Webhook, now: datetime) -> bool:
        """Whether the caller may send its queue now; nobody else may before `release`.

        If the caller is killed, somebody else may after `LEASE`.
        """
        free = and_(
            _W.webhook_id == webhook.webhook_id, _W.place == webhook.place, _W.next_at <= now
        )
        with self._database.writing() as connection:
            claim = update(schema.webhooks).where(free).values(next_at=now + LEASE)
            return connection.execute(claim).rowcount == 1

    def passed(self, webhook: Webhook, place: int, delivered: int = 0, missed: int = 0) -> None:
        """It has heard of what stands up to `place`, or will never hear of it."""
        counted = {"delivered": _W.delivered + delivered, "missed": _W.missed + missed}
        well = {"failures": 0, "problem": ""} if delivered else {}
        self._set(webhook, place=place, **counted, **well)

    def refused(self, webhook: Webhook, place: int, problem: str) -> None:
        """Its receiver will never take the change at `place`."""
        self._set(
            webhook,
            place=place,
            refused=_W.refused + 1,
            failures=0,
            problem=problem[:_MOST_PROBLEM],
        )

    def failed(self, webhook: Webhook, problem: str, now: datetime, pause: timedelta) -> None:
        """It could not be told: it is tried again, ever more rarely, not before `pause` is over."""
        longer = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(webhook.failures, 20))
        self._set(
            webhook,
            failures=_W.failures + 1,
            problem=problem[:_MOST_PROBLEM],
            next_at=now + max(longer, pause),
        )

    def release(self, webhook: Webhook, now: datetime) -> None:
        """Its queue was sent as far as it goes."""
        self._set(webhook, next_at=now)

    def _set(self, webhook: Webhook, **values: Any) -> None:
        with self._database.writing() as connection:
            this = update(schema.webhooks).where(_W.webhook_id == webhook.webhook_id)
            connection.execute(this.values(values))


def _webhook(row: Row[Any]) -> Webhook:
    columns: dict[str, Any] = dict(row._mapping)
    columns["kinds"] = tuple(map(ChangeKind, row.kinds))
    return Webhook(**columns)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
