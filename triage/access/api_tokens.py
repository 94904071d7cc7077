"""API tokens: what programs send, with scopes, environments and an end."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from triage import schema
from triage.access.granting import TOKEN_PREFIX, check_person, check_scopes
from triage.access.people import People
from triage.access.principal import EVERYWHERE, LOCAL, Permission, Principal
from triage.access.secret_words import kept, new_secret
from triage.database import Alone, Database
from triage.incoming import now
from whetstone.audit import AuditLog
from whetstone.errors import InputError

PREFIX = "wst_"
"""Tokens begin so, that scanners for leaked secrets find them."""
MOST_DAYS = 366
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NOTED_EACH = timedelta(minutes=1)
_P, _T = schema.people.c, schema.api_tokens.c


@dataclass(frozen=True)
class ApiToken:
    """A token, without its secret.

    Attributes:
        token_id: names it where it is revoked.
        label: what it is for; verdicts bear `token:<label>`.
        owner: it may never more than that person may; None: made on the platform's machine.
        by: who made it.
        scopes: what it may, in its environments.
        environments: names, or `*` for all.
        created: as all times here UTC, naive.
        expires: from then on it is refused.
        used: about when it was last used; None: never.
    """

    token_id: str
    label: str
    owner: str | None
    by: str
    scopes: frozenset[Permission]
    environments: frozenset[str]
    created: datetime
    expires: datetime
    used: datetime | None


class ApiTokens:
    """All tokens, in the case store's database.

    Args:
        database: of the case store.
        people: the owners.
        trail: tells who made and revoked tokens.
        clock: the time, UTC, naive.
    """

    def __init__(
        self,
        database: Database,
        people: People,
        trail: AuditLog,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._trail = trail
        self._people = people
        self._clock = clock

    def add(
        self,
        by: Principal,
        label: str,
        scopes: frozenset[Permission],
        environments: frozenset[str],
        days: int,
    ) -> str:
        """Make a token, and return it: this is the only time that it can be seen.

        Raises:
            InputError: the label is none or taken, nothing is allowed, it is to last too long, or
                `by` was removed meanwhile.
            HTTPException: 403, `by` may not all of that.
        """
        if not _LABEL.fullmatch(label):
            raise InputError(f"label {label!r}: write up to 100 of A-Z a-z 0-9 . _ -")
        if not scopes or not environments:
            raise InputError("scopes and environments: name at least one each")
        if not 1 <= days <= MOST_DAYS:
            raise InputError(f"days {days}: take 1 to {MOST_DAYS}")
        check_person(by)
        check_scopes(by, scopes, environments)
        secret, time = PREFIX + new_secret(), self._clock()
        row = {
            "token_id": secrets.token_hex(4),
            "hash": kept(secret),
            "label": label,
            "by": by.name,
            "scopes": sorted(scopes),
            "environments": sorted(environments),
            "created": time,
            "expires": time + timedelta(days=days),
        }
        with self._database.writing(Alone.PEOPLE) as connection:
            if connection.execute(select(_T.label).where(_T.label == label)).first():
                raise InputError(f"label {label}: another token bears it")
            owner = connection.scalar(select(_P.name).where(_P.name == by.name))
            # A token without an owner outlives everybody: it is made on the machine itself only.
            if owner is None and by != LOCAL:
                raise InputError(f"{by.name}: there is no such person any more")
            connection.execute(insert(schema.api_tokens).values({**row, "owner": owner}))
            self._note(by, "token.add", row)
        return secret

    def all(self) -> list[ApiToken]:
        """All tokens, the newest first."""
        query = select(schema.api_tokens).order_by(_T.created.desc(), _T.token_id)
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(query)]

    def revoke(self, by: Principal, token_id: str) -> ApiToken:
        """Refuse a token from now on.

        Raises:
            InputError: there is none of that id.
            HTTPException: 403, it may what `by` may not.
        """
        check_person(by)
        with self._database.writing(Alone.PEOPLE) as connection:
            query = select(schema.api_tokens).where(_T.token_id == token_id)
            row = connection.execute(query).first()
            if row is None:
                raise InputError(f"token {token_id}: there is none of this id")
            token = _token(row)
            check_scopes(by, token.scopes, token.environments)
            connection.execute(delete(schema.api_tokens).where(_T.token_id == token_id))
            self._note(by, "token.revoke", dict(row._mapping))
        return token

    def principal(self, secret: str) -> Principal | None:
        """What a token may now; None: it is none, or it is over."""
        time = self._clock()
        query = select(schema.api_tokens).where(_T.hash == kept(secret), _T.expires > time)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.used is None or time - row.used >= _NOTED_EACH:
            with self._database.writing() as connection:
                mine = _T.token_id == row.token_id
                connection.execute(update(schema.api_tokens).where(mine).values(used=time))
        return self._principal(_token(row))

    def _note(self, by: Principal, what: str, row: Mapping[str, Any]) -> None:
        told = {name: row[name] for name in ("token_id", "label", "scopes", "environments")}
        self._trail.append(by.name, what, f"until {row['expires']:%Y-%m-%d}", told)

    def _principal(self, token: ApiToken) -> Principal:
        name = TOKEN_PREFIX + token.label
        grants = dict.fromkeys(token.environments, token.scopes)
        if token.owner is None:
            return Principal(name, grants)
        owner = self._people.find(token.owner)
        # Removed between the two looks.
        if owner is None:
            return Principal(name, {})
        return Principal(name, _at_most(owner.principal, grants))


def _at_most(
    owner: Principal, grants: dict[str, frozenset[Permission]]
) -> dict[str, frozenset[Permission]]:
    """What is left of the grants when the owner may less than when the token was made."""
    everywhere = grants.get(EVERYWHERE, frozenset())
    places = [*grants, *owner.grants] if everywhere else list(grants)
    scopes = {place: grants.get(place, frozenset()) | everywhere for place in places}
    return {
        place: frozenset(scope for scope in asked if owner.may(scope, place))
        for place, asked in scopes.items()
    }


def _token(row: Row[Any]) -> ApiToken:
    columns = dict(row._mapping)
    del columns["hash"]
    columns["scopes"] = frozenset(Permission(scope) for scope in row.scopes)
    columns["environments"] = frozenset(row.environments)
    return ApiToken(**columns)
