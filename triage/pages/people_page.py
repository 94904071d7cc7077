"""`/settings/people`: who logs in, and what they are where. `/settings/account`: oneself."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from triage.access import EVERYWHERE, OfEntrance, Permission, Principal, Role, needs, too_often
from triage.access.granting import check_grants, check_person
from triage.access.people import Person
from triage.desk import OfDesk
from triage.pages.rendering import page
from whetstone.errors import InputError

router = APIRouter()
Admin = Annotated[Principal, needs(Permission.MANAGE)]
Password = Annotated[str, Form(max_length=2000)]
Place = Annotated[str, Form(max_length=200)]
NOTHING = "nothing"


@router.get("/settings/people")
def people_page(request: Request, entrance: OfEntrance, admin: Admin) -> Response:
    """Everybody whom one may manage."""
    people = [person for person in entrance.people.all() if _manages(admin, person)]
    values = {"people": people, "roles": list(Role), "nothing": NOTHING}
    return page(request, "people.html", values)


@router.post("/settings/people")
def add_person(
    entrance: OfEntrance,
    admin: Admin,
    name: Annotated[str, Form(max_length=200)],
    password: Password,
    role: Annotated[Role, Form()],
    environment: Place = EVERYWHERE,
) -> Response:
    """Somebody new."""
    entrance.people.add(admin, name, {environment.strip(): role}, password)
    return _back()


@router.post("/settings/people/{name}/role")
def give_role(
    name: str,
    entrance: OfEntrance,
    admin: Admin,
    role: Annotated[str, Form(max_length=20)],
    environment: Place,
) -> Response:
    """What somebody is in an environment."""
    chosen = None if role == NOTHING else _role(role)
    entrance.people.give_role(admin, name, environment.strip(), chosen)
    return _back()


@router.post("/settings/people/{name}/password")
def set_password(name: str, entrance: OfEntrance, admin: Admin, password: Password) -> Response:
    """Another password for somebody who forgot it; all sessions end."""
    entrance.people.set_password(admin, name, password)
    return _back()


@router.post("/settings/people/{name}/logout")
def log_out_person(name: str, desk: OfDesk, entrance: OfEntrance, admin: Admin) -> Response:
    """End all sessions of somebody."""
    person = entrance.people.find(name)
    if person is None:
        raise InputError(f"{name}: there is no such person")
    check_person(admin)
    check_grants(admin, person.roles)
    desk.trail.append(admin.name, "person.logout", "everywhere", {"person": name})
    entrance.sessions.end_all(name)
    return _back()


@router.post("/settings/people/{name}/remove")
def remove_person(name: str, entrance: OfEntrance, admin: Admin) -> Response:
    """Take somebody away, with sessions and tokens."""
    entrance.people.remove(admin, name)
    return _back()


@router.get("/settings/account")
def account_page(request: Request, entrance: OfEntrance) -> Response:
    """Oneself: what one is where, another password, the end of all sessions."""
    return page(request, "account.html", {"person": _myself(request, entrance)})


@router.post("/settings/account/password")
def change_password(
    request: Request, entrance: OfEntrance, current: Password, password: Password
) -> Response:
    """Another password for oneself; all sessions end."""
    person = _myself(request, entrance)
    address = request.client.host if request.client else ""
    if waits := entrance.logins.take(person.name, address):
        return too_often(waits)
    if entrance.people.recognised(person.name, current) is None:
        raise HTTPException(HTTPStatus.FORBIDDEN, "current: this is not your password")
    entrance.people.set_own_password(person.name, password)
    return RedirectResponse("/login", HTTPStatus.SEE_OTHER)


def _manages(admin: Principal, person: Person) -> bool:
    try:
        check_grants(admin, person.roles)
    except HTTPException:
        return False
    return bool(person.roles) or admin.may(Permission.MANAGE, EVERYWHERE)


def _myself(request: Request, entrance: OfEntrance) -> Person:
    person = None
    if request.state.session is not None:
        person = entrance.people.find(request.state.principal.name)
    if person is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "only who has logged in has an account")
    return person


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        words = ", ".join([*Role, NOTHING])
        raise InputError(f"role {text[:20]!r}: write one of {words}") from None


def _back() -> Response:
    return RedirectResponse("/settings/people", HTTPStatus.SEE_OTHER)
