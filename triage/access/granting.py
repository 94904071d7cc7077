"""Who may give whom what: nobody more than they have, and never is the last admin lost."""

from collections.abc import Mapping
from http import HTTPStatus

from sqlalchemy import Connection, select
from starlette.exceptions import HTTPException

from triage import schema
from triage.access.principal import EVERYWHERE, PERMISSIONS, Permission, Principal, Role
from whetstone.errors import InputError

_G = schema.grants.c


def check_grants(by: Principal, grants: Mapping[str, Role]) -> None:
    """Raise 403 unless `by` manages each of the environments, and may all that the roles may."""
    for environment, role in grants.items():
        by.check(Permission.MANAGE, environment)
        for permission in sorted(PERMISSIONS[role]):
            by.check(permission, environment, f"{role} in {environment}")


def check_scopes(by: Principal, scopes: frozenset[Permission], where: frozenset[str]) -> None:
    """Raise 403 unless `by` manages each of the environments, and may what the token is to."""
    for environment in sorted(where):
        for permission in sorted({Permission.MANAGE, *scopes}):
            by.check(permission, environment, "environments")


def check_person(by: Principal) -> None:
    """Raise 403 where a token asks: people and tokens are in the hands of people."""
    if by.name.startswith(TOKEN_PREFIX):
        raise HTTPException(
            HTTPStatus.FORBIDDEN, f"{by.name} is a token: people and tokens are managed by people"
        )


def keep_an_admin(connection: Connection) -> None:
    """Raise InputError, which undoes the transaction, if nobody is admin everywhere any more."""
    admins = select(_G.name).where(_G.environment == EVERYWHERE, _G.role == Role.ADMIN).limit(1)
    if connection.execute(admins).first() is None:
        raise InputError(
            "nobody would be admin of all environments: give role admin in environment * first"
        )


TOKEN_PREFIX = "token:"  # noqa: S105
