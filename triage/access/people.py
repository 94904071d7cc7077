"""People: their passwords or who the identity provider says they are, and their roles."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from triage import schema
from triage.access.granting import check_grants, check_person, keep_an_admin
from triage.access.passwords import Passwords
from triage.access.principal import EVERYWHERE, PERMISSIONS, Principal, Role
from triage.database import Alone, Database
from triage.incoming import now
from whetstone.audit import AuditLog
from whetstone.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_P, _G = schema.people.c, schema.grants.c


@dataclass(frozen=True)
class Person:
    """Somebody who logs in.

    Attributes:
        name: verdicts and audit entries bear it.
        roles: environment, or `*` for all -> role.
        issuer: the identity provider that says who it is; None: a password does.
        created: UTC, naive.
    """

    name: str
    roles: Mapping[str, Role]
    issuer: str | None
    created: datetime

    @property
    def principal(self) -> Principal:
        """What that one may."""
        return Principal(
            self.name, {where: PERMISSIONS[role] for where, role in self.roles.items()}
        )


class People:
    """All of them, in the case store's database.

    Args:
        database: of the case store.
        trail: tells who changed what; where it cannot be written, nothing is changed.
        passwords: how they are kept.
    """

    def __init__(
        self, database: Database, trail: AuditLog, passwords: Passwords | None = None
    ) -> None:
        self._database = database
        self._trail = trail
        self._passwords = passwords or Passwords()

    def any(self) -> bool:
        """Whether there is anybody: then people log in."""
        with self._database.reading() as connection:
            return connection.execute(select(_P.name).limit(1)).first() is not None

    def all(self) -> list[Person]:
        """Everybody, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(schema.people).order_by(_P.name)).all()
            return [_person(connection, row) for row in rows]

    def find(self, name: str) -> Person | None:
        """Who bears a name."""
        with self._database.reading() as connection:
            return _find(connection, name)

    def add(self, by: Principal, name: str, roles: Mapping[str, Role], password: str) -> None:
        """Somebody new, who logs in with a password.

        Raises:
            InputError: the name is taken or none, the password is too short, or the first person
                is not to be admin of all environments.
            HTTPException: 403, `by` may not give these roles.
        """
        _check(by, roles)
        if not _NAME.fullmatch(name):
            raise InputError(f"name {name!r}: write up to 100 of A-Z a-z 0-9 . _ @ + -")
        known = self._passwords.hash(password)
        with self._database.writing(Alone.PEOPLE) as connection:
            if _find(connection, name) is not None:
                raise InputError(f"name {name}: somebody bears it already")
            _insert(connection, name, {"password": known}, roles)
            keep_an_admin(connection)
            for environment, role in roles.items():
                self._note(by.name, "person.add", f"as {role}", name, environment)

    def give_role(self, by: Principal, name: str, environment: str, role: Role | None) -> None:
        """Change what somebody is in an environment, `*` for all; None: nothing any more.

        Raises:
            InputError: there is no such person, the identity provider decides, or no admin of all
                environments would be left.
            HTTPException: 403, that one has, or would get, what `by` may not give.
        """
        with self._database.writing(Alone.PEOPLE) as connection:
            person = _find(connection, name)
            if person is None:
                raise InputError(f"{name}: there is no such person")
            if person.issuer is not None:
                raise InputError(f"{name}: roles follow from the groups at {person.issuer}")
            roles = dict(person.roles)
            _check(by, {environment: roles.pop(environment, Role.VIEWER)})
            if role is not None:
                roles[environment] = role
                _check(by, {environment: role})
            _set_roles(connection, name, roles)
            keep_an_admin(connection)
            self._note(by.name, "person.role", f"is {role or 'nothing'} now", name, environment)

    def set_password(self, by: Principal, name: str, password: str) -> None:
        """Give somebody another password; all sessions end.

        Raises:
            InputError: there is no such person, or none who has a password; it is too short.
            HTTPException: 403, that one has what `by` may not give.
        """
        known = self._passwords.hash(password)
        with self._database.writing(Alone.PEOPLE) as connection:
            _of(connection, by, name)
            self._change_password(connection, by.name, name, known)

    def set_own_password(self, name: str, password: str) -> None:
        """The same for oneself, who has shown the one of before."""
        known = self._passwords.hash(password)
        with self._database.writing(Alone.PEOPLE) as connection:
            self._change_password(connection, name, name, known)

    def remove(self, by: Principal, name: str) -> None:
        """Take somebody away, with sessions and tokens; verdicts keep the name.

        Raises:
            InputError: there is no such person, or no admin of all environments would be left.
            HTTPException: 403, that one has what `by` may not give.
        """
        with self._database.writing(Alone.PEOPLE) as connection:
            _of(connection, by, name)
            for table in (schema.sessions, schema.grants):
                connection.execute(delete(table).where(table.c.name == name))
            connection.execute(delete(schema.api_tokens).where(schema.api_tokens.c.owner == name))
            connection.execute(delete(schema.people).where(_P.name == name))
            keep_an_admin(connection)
            self._note(by.name, "person.remove", "removed", name)

    def recognised(self, name: str, password: str) -> Person | None:
        """Who has this name and this password; it takes as long when there is no such name."""
        with self._database.reading() as connection:
            known = connection.execute(select(_P.password).where(_P.name == name)).scalar()
            person = _find(connection, name)
        return person if self._passwords.matches(known, password) else None

    def of_provider(
        self, issuer: str, subject: str, name: str, roles: Mapping[str, Role]
    ) -> Person:
        """Whom an identity provider has recognised, with the roles of today's groups.

        The name of the first time stays, whatever the provider calls that subject later. Who is in
        no group any more loses at once what sessions and tokens of before still may.

        Raises:
            InputError: somebody else bears the name, it is none, or there are no roles.
        """
        known = select(_P.name).where(_P.issuer == issuer, _P.subject == subject)
        with self._database.writing(Alone.PEOPLE) as connection:
            kept = connection.execute(known).scalar()
            if kept is None and roles:
                if not _NAME.fullmatch(name):
                    raise InputError("the identity provider's name for you cannot be used here")
                if _find(connection, name) is not None:
                    raise InputError(f"name {name}: somebody else bears it; ask an admin")
                _insert(connection, name, {"issuer": issuer, "subject": subject}, roles)
            elif kept is not None:
                _set_roles(connection, kept, roles)
            found = _find(connection, kept or name)
        if not roles:
            raise InputError(f"login: {name[:100]!r} is in no group that has a role here")
        assert found is not None
        return found

    def _change_password(self, connection: Connection, by: str, name: str, known: str) -> None:
        person = _find(connection, name)
        if person is None or person.issuer is not None:
            raise InputError(f"{name}: has no password here")
        connection.execute(update(schema.people).where(_P.name == name).values(password=known))
        connection.execute(delete(schema.sessions).where(schema.sessions.c.name == name))
        self._note(by, "person.password", "another password", name)

    def _note(
        self, by: str, what: str, why: str, name: str, environment: str | None = None
    ) -> None:
        where = {} if environment is None else {"environment": environment}
        self._trail.append(by, what, why, {"person": name, **where})


def _check(by: Principal, roles: Mapping[str, Role]) -> None:
    check_person(by)
    check_grants(by, roles)


def _of(connection: Connection, by: Principal, name: str) -> Person:
    """Somebody whom `by` may manage: who has nothing that `by` may not give.

    Who has nothing at all belongs to those who manage all environments.
    """
    person = _find(connection, name)
    if person is None:
        raise InputError(f"{name}: there is no such person")
    _check(by, person.roles or {EVERYWHERE: Role.VIEWER})
    return person


def _find(connection: Connection, name: str) -> Person | None:
    row = connection.execute(select(schema.people).where(_P.name == name)).first()
    return None if row is None else _person(connection, row)


def _person(connection: Connection, row: Row[Any]) -> Person:
    rows = connection.execute(
        select(_G.environment, _G.role).where(_G.name == row.name).order_by(_G.environment)
    )
    roles = {environment: Role(role) for environment, role in rows}
    return Person(row.name, MappingProxyType(roles), row.issuer, row.created)


def _insert(
    connection: Connection, name: str, known: Mapping[str, str], roles: Mapping[str, Role]
) -> None:
    connection.execute(insert(schema.people).values(name=name, created=now(), **known))
    _set_roles(connection, name, roles)


def _set_roles(connection: Connection, name: str, roles: Mapping[str, Role]) -> None:
    connection.execute(delete(schema.grants).where(_G.name == name))
    for environment, role in roles.items():
        row = {"name": name, "environment": environment, "role": str(role)}
        connection.execute(insert(schema.grants).values(row))
