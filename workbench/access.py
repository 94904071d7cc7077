"""`whetstone users …`, `whetstone tokens …`, `whetstone audit`: who may what, and who did what."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from triage import CaseStore
from whetstone import console
from whetstone.audit import AuditLog
from whetstone.cli_options import AsJson
from whetstone.errors import InputError
from whetstone.settings import settings
from workbench.trails import show_trail

# The web framework takes long to import, and every command would wait for it.
if TYPE_CHECKING:
    from triage.access.api_tokens import ApiTokens
    from triage.access.people import People

Name = Annotated[str, typer.Argument(help="As verdicts bear it.")]
Where = Annotated[str, typer.Option(help="Environment; * for all.")]
_NOTHING = "nothing"
Word = TypeVar("Word", bound=StrEnum)


def add_user(
    name: Name,
    role: Annotated[str, typer.Option(help="viewer, analyst, engineer or admin.")] = "analyst",
    environment: Where = "*",
) -> None:
    """Let somebody log in; asks for the password, or reads it from standard input.

    The first one must be admin of all environments. From then on nobody is served without login.

    Example: `whetstone users add ada --role admin`
    """
    from triage.access import LOCAL, Role

    with _people() as people:
        people.add(LOCAL, name, {environment: _one_of(Role, "role", role)}, _password())
    console.show(f"{name} logs in with this password and is {role} in {_places([environment])}")


def list_users(as_json: AsJson = False) -> None:
    """Show everybody, and what they are where.

    Example: `whetstone users list`
    """
    with _people() as people:
        found = people.all()
    rows = [
        {
            "name": person.name,
            "logs in": person.issuer or "by password",
            "roles": {where: str(role) for where, role in person.roles.items()},
            "since": f"{person.created:%Y-%m-%d %H:%M:%S}",
        }
        for person in found
    ]
    if as_json:
        console.show_json({"users": rows})
        return
    told = [
        {**row, "roles": ", ".join(f"{role} in {where}" for where, role in row["roles"].items())}
        for row in rows
    ]
    console.show_table("users", told)


def give_role(
    name: Name,
    role: Annotated[str, typer.Argument(help="viewer, analyst, engineer, admin, or nothing.")],
    environment: Where = "*",
) -> None:
    """Change what somebody is in an environment.

    Example: `whetstone users role ada engineer --environment berlin`
    """
    from triage.access import LOCAL, Role

    wanted = None if role == _NOTHING else _one_of(Role, "role", role)
    with _people() as people:
        people.give_role(LOCAL, name, environment, wanted)
    console.show(f"{name} is {role} in {_places([environment])}")


def remove_user(name: Name) -> None:
    """Take somebody away, with sessions and tokens; verdicts keep the name.

    Example: `whetstone users remove ada`
    """
    from triage.access import LOCAL

    with _people() as people:
        people.remove(LOCAL, name)
    console.show(f"{name} logs in no more")


def set_password(name: Name) -> None:
    """Give somebody another password, asked for as by `add`; all sessions of that one end.

    Example: `whetstone users password ada`
    """
    from triage.access import LOCAL

    with _people() as people:
        people.set_password(LOCAL, name, _password())
    console.show(f"{name} logs in with this password from now on")


def log_out_user(name: Name) -> None:
    """End all sessions of somebody.

    Example: `whetstone users logout ada`
    """
    from triage.access import LOCAL
    from triage.access.sessions import Sessions

    with _cases() as cases:
        AuditLog(settings().triage_audit).append(
            LOCAL.name, "person.logout", "everywhere", {"person": name}
        )
        count = Sessions(cases.database).end_all(name)
    console.show(f"{name}: {count} sessions ended")


def add_token(
    label: Annotated[str, typer.Argument(help="What it is for; verdicts bear it.")],
    scopes: Annotated[
        list[str], typer.Option("--scope", help="report, read, judge …; repeat for more.")
    ],
    environments: Annotated[
        list[str], typer.Option("--environment", help="Where; repeat for more, * for all.")
    ],
    days: Annotated[int, typer.Option(help="How long it is in force.")] = 90,
    as_json: AsJson = False,
) -> None:
    """Make an API token and print it, this once.

    Example: `whetstone tokens add siem --scope read --environment berlin`
    """
    from triage.access import LOCAL, Permission

    wanted = frozenset(_one_of(Permission, "--scope", scope) for scope in scopes)
    with _tokens() as tokens:
        secret = tokens.add(LOCAL, label, wanted, frozenset(environments), days)
    if as_json:
        console.show_json({"label": label, "token": secret})
    else:
        console.show(secret)


def list_tokens(as_json: AsJson = False) -> None:
    """Show all tokens, without their secrets.

    Example: `whetstone tokens list`
    """
    with _tokens() as tokens:
        found = tokens.all()
    rows: list[dict[str, Any]] = [
        {
            "token": token.token_id,
            "label": token.label,
            "scopes": ", ".join(sorted(token.scopes)),
            "environments": ", ".join(sorted(token.environments)),
            "by": token.by,
            "until": f"{token.expires:%Y-%m-%d %H:%M:%S}",
            "used": "" if token.used is None else f"{token.used:%Y-%m-%d %H:%M:%S}",
        }
        for token in found
    ]
    if as_json:
        console.show_json({"tokens": rows})
    else:
        console.show_table("API tokens", rows)


def revoke_token(
    token: Annotated[str, typer.Argument(help="Its id, as `whetstone tokens list` shows it.")],
) -> None:
    """Refuse a token from now on.

    Example: `whetstone tokens revoke 3fa9c1d2`
    """
    from triage.access import LOCAL

    with _tokens() as tokens:
        label = tokens.revoke(LOCAL, token).label
    console.show(f"token {label} is refused from now on")


def audit(as_json: AsJson = False) -> None:
    """Show who logged in and who did what on the desk, and whether the trail is whole; else exit 1.

    Example: `whetstone audit`
    """
    show_trail("audit trail of the desk", AuditLog(settings().triage_audit), as_json=as_json)


USERS: dict[str, Callable[..., None]] = {
    "add": add_user,
    "list": list_users,
    "role": give_role,
    "remove": remove_user,
    "password": set_password,
    "logout": log_out_user,
}
TOKENS: dict[str, Callable[..., None]] = {
    "add": add_token,
    "list": list_tokens,
    "revoke": revoke_token,
}


def _password() -> str:
    if sys.stdin.isatty():
        return typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\n")


def _one_of(kind: type[Word], what: str, text: str) -> Word:
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"{what} {text!r}: write one of {', '.join(kind)}") from None


def _places(environments: list[str]) -> str:
    return "all environments" if "*" in environments else ", ".join(environments)


@contextmanager
def _people() -> Iterator["People"]:
    from triage.access.people import People

    with _cases() as cases:
        yield People(cases.database, AuditLog(settings().triage_audit))


@contextmanager
def _tokens() -> Iterator["ApiTokens"]:
    from triage.access.api_tokens import ApiTokens
    from triage.access.people import People

    trail = AuditLog(settings().triage_audit)
    with _cases() as cases:
        yield ApiTokens(cases.database, People(cases.database, trail), trail)


@contextmanager
def _cases() -> Iterator[CaseStore]:
    from starlette.exceptions import HTTPException

    settings().home.mkdir(parents=True, exist_ok=True)
    cases = CaseStore(settings().case_store)
    try:
        yield cases
    except HTTPException as error:
        raise InputError(str(error.detail)) from error
    finally:
        cases.close()
