"""Who asks, and what that one may do in which environment."""

import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import cast

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

EVERYWHERE = "*"


class Permission(StrEnum):
    """What a route may ask for."""

    REPORT = "report"
    """Send alerts, notices and heartbeats, as scorers do."""
    READ = "read"
    """See the queue, alerts, verdicts, receipts, reports."""
    JUDGE = "judge"
    """Give and take back verdicts, propose allow rules, keep views."""
    CONTRIBUTE = "contribute"
    """Upload labelled raw files."""
    REIDENTIFY = "reidentify"
    """Look behind pseudonyms; each look is audited."""
    IDEA = "idea"
    """Try feature ideas."""
    APPROVE = "approve"
    """Put allow rules into force and prolong them; whoever judges may end them."""
    MANAGE = "manage"
    """People, tokens, webhooks."""
    AUDIT = "audit"
    """Read the audit trail."""


class Role(StrEnum):
    """What people are; each may all that the one before may."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ENGINEER = "engineer"
    ADMIN = "admin"


_VIEWER = frozenset({Permission.READ})
_ANALYST = _VIEWER | {Permission.JUDGE, Permission.CONTRIBUTE, Permission.REIDENTIFY}
_ENGINEER = _ANALYST | {Permission.IDEA, Permission.APPROVE}
_ADMIN = _ENGINEER | {Permission.MANAGE, Permission.AUDIT, Permission.REPORT}
PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {Role.VIEWER: _VIEWER, Role.ANALYST: _ANALYST, Role.ENGINEER: _ENGINEER, Role.ADMIN: _ADMIN}
)


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Attributes:
        name: verdicts and audit entries bear it.
        grants: environment, or `*` for all -> what that one may do there.
    """

    name: str
    grants: Mapping[str, frozenset[Permission]]

    def may(self, permission: Permission, environment: str | None = None) -> bool:
        """Whether it is allowed there; None: in any environment at all."""
        if environment is None:
            return any(permission in granted for granted in self.grants.values())
        here = self.grants.get(environment, frozenset())
        return permission in here | self.grants.get(EVERYWHERE, frozenset())

    def environments(self, permission: Permission) -> frozenset[str] | None:
        """Where it is allowed; None: everywhere."""
        if permission in self.grants.get(EVERYWHERE, frozenset()):
            return None
        return frozenset(name for name, granted in self.grants.items() if permission in granted)

    def check(self, permission: Permission, environment: str, field: str = "environment") -> None:
        """Raise 403 unless it is allowed there; `field` says what in the request names it."""
        if not self.may(permission, environment):
            raise HTTPException(
                HTTPStatus.FORBIDDEN, f"{field}: {self.name} may not {permission} in {environment}"
            )


def scorer_of(environment: str) -> Principal:
    """Whoever bears a token of the token file: reports from, and reads of, its environment."""
    name = "scorers" if environment == EVERYWHERE else f"scorers of {environment}"
    return Principal(name, {environment: frozenset({Permission.REPORT, Permission.READ})})


LOCAL = Principal(getpass.getuser(), {EVERYWHERE: frozenset(Permission)})
"""Whoever sits at this machine, where nobody logs in."""


def needs(permission: Permission) -> Callable[[Request], Principal]:
    """A dependency of a route: the principal, who has the permission somewhere, or 403.

    Where the request touches an environment, the route calls `Principal.check` with it, or asks
    the store for `Principal.environments` only.
    """

    def principal(request: Request) -> Principal:
        found = cast("Principal | None", request.state.principal)
        if found is None:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, "log in")
        if not found.may(permission):
            raise HTTPException(HTTPStatus.FORBIDDEN, f"{found.name} may not {permission}")
        return found

    principal.permission = permission  # type: ignore[attr-defined]
    return cast("Callable[[Request], Principal]", Depends(principal))
