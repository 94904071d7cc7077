"""Who asks: by a token, by the cookie of a session, or from this machine, where nobody logs in."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import select

from triage import schema
from triage.access.api_tokens import ApiTokens
from triage.access.csrf import csrf_token
from triage.access.login_rates import LoginRates
from triage.access.oidc import Provider
from triage.access.people import People
from triage.access.principal import LOCAL, Permission, Principal, scorer_of
from triage.access.rates import Rates
from triage.access.scorer_tokens import Tokens
from triage.access.sessions import Sessions
from triage.database import Database
from triage.statements import dialect_of
from whetstone.audit import AuditLog
from whetstone.settings import Settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Asking:
    """Who sent a request.

    Attributes:
        principal: None: nobody who is known.
        session: the secret of the session; None: there is none.
        bears_token: whether it came with `Authorization`.
        why: what to do to be known, where nobody is.
        is_foreign_host: whether it asks this machine under a name that is not this machine's.
    """

    principal: Principal | None = None
    session: str | None = None
    bears_token: bool = False
    why: str = ""
    is_foreign_host: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether it is somebody who may this anywhere."""
        return self.principal is not None and self.principal.may(permission)


class Entrance:
    """Everybody whom the platform knows, and how they show who they are.

    Args:
        database: of the case store.
        settings: of the identity provider, the public address, and rates.
        tokens: of scorers.
        is_local: whether only this machine reaches the server.
    """

    def __init__(
        self, database: Database, settings: Settings, tokens: Tokens | None, is_local: bool
    ) -> None:
        trail = AuditLog(settings.triage_audit)
        self.people = People(database, trail)
        self.sessions = Sessions(database)
        self.api_tokens = ApiTokens(database, self.people, trail)
        self.logins = LoginRates()
        self.rates = Rates(settings.triage_requests_a_minute, 60)
        self.public_url = settings.triage_url
        self.provider = None if settings.oidc is None else Provider(settings, database)
        self._tokens = tokens
        self._is_local = is_local
        self._key = _secret(database, "csrf")

    @property
    def https(self) -> bool:
        """Whether people come by HTTPS: then cookies travel by nothing else."""
        return self.public_url.startswith("https://")

    @property
    def session_cookie(self) -> str:
        """The name of the cookie that bears a session."""
        return self._cookie("session")

    @property
    def visitor_cookie(self) -> str:
        """The name of the cookie of browsers without a session."""
        return self._cookie("visitor")

    def takes_logins(self) -> bool:
        """Whether people must log in, and can."""
        return self.provider is not None or self.people.any()

    def who(
        self, headers: Mapping[str, str], cookies: Mapping[str, str], *, used: bool = True
    ) -> Asking:
        """Who sent a request with these headers and cookies.

        Args:
            headers: of the request.
            cookies: of the request.
            used: whether somebody sent it; else a page that lies open, which keeps no session.
        """
        if "authorization" in headers:
            return self._bearer(headers["authorization"])
        if session := cookies.get(self.session_cookie):
            name = self.sessions.name_of(session, used=used)
            person = None if name is None else self.people.find(name)
            if person is not None:
                return Asking(person.principal, session)
        if self._tokens is not None or not self._is_local or self.takes_logins():
            return Asking(why="log in, or send Authorization: Bearer TOKEN")
        host = headers.get("host", "")
        host = host if host.endswith("]") else host.rpartition(":")[0] or host
        if host.strip("[]") not in LOOPBACK:
            return Asking(
                why="without tokens only this machine is served, under 127.0.0.1 or localhost;"
                " set WHETSTONE_TRIAGE_TOKENS to a file of tokens, or make a user with"
                " `whetstone users add`",
                is_foreign_host=True,
            )
        return Asking(LOCAL)

    def csrf(self, cookie: str) -> str:
        """The token of pages for whoever bears a cookie."""
        return csrf_token(self._key, cookie)

    def _bearer(self, header: str) -> Asking:
        kind, _, token = header.partition(" ")
        token = token.strip()
        if kind.lower() == "bearer" and token:
            environment = None if self._tokens is None else self._tokens.environment(token)
            if environment is not None:
                return Asking(scorer_of(environment), bears_token=True)
            if (principal := self.api_tokens.principal(token)) is not None:
                return Asking(principal, bears_token=True)
        return Asking(bears_token=True, why="send Authorization: Bearer TOKEN, one in force")

    def _cookie(self, name: str) -> str:
        # The prefix makes browsers refuse it from other hosts of the same domain, and without TLS.
        return f"__Host-whetstone_{name}" if self.https else f"whetstone_{name}"


def _entrance(request: Request) -> Entrance:
    return cast("Entrance", request.app.state.entrance)


OfEntrance = Annotated[Entrance, Depends(_entrance)]
"""The parameter by which a route gets the entrance."""


def _secret(database: Database, name: str) -> str:
    """A secret of this installation, made when it is first asked for."""
    table = schema.access_secrets
    with database.writing() as connection:
        row = {"name": name, "secret": secrets.token_hex(32)}
        statement = dialect_of(connection).insert(table).values(row)
        connection.execute(statement.on_conflict_do_nothing())
        query = select(table.c.secret).where(table.c.name == name)
        return connection.execute(query).scalar_one()
