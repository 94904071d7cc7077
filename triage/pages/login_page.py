"""`/login`, `/logout`: who one is, by a password or by the identity provider."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from triage.access import Entrance, OfEntrance
from triage.access.oidc import AFTER_LOGOUT
from triage.desk import Desk, OfDesk
from triage.pages.rendering import page
from triage.pages.settings_page import here
from whetstone.errors import InputError

router = APIRouter()
Back = Annotated[str, Query(max_length=2000)]
_OF_URLS = ":/?#[]@!$&'()*+,;=%"
_TOO_OFTEN = "too many tries: wait, then try again"
_WRONG = "this name and password do not belong together"
_UNKNOWN = "(unknown)"


@router.get("/login")
def login_page(request: Request, entrance: OfEntrance, back: Back = "/") -> Response:
    """The form."""
    return _form(request, entrance, here(back))


@router.post("/login")
def log_in(
    request: Request,
    desk: OfDesk,
    entrance: OfEntrance,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=2000)],
    back: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Begin a session with a password; the one of before ends."""
    address = _address(request)
    if waits := entrance.logins.take(name, address):
        return _late(request, entrance, waits)
    person = entrance.people.recognised(name, password)
    if person is None:
        # People type passwords into the wrong field: what nobody bears is not written down.
        known = entrance.people.find(name) is not None
        desk.trail.append(
            name if known else _UNKNOWN, "login.failed", "wrong password", {"from": address}
        )
        return _form(request, entrance, here(back), _WRONG, HTTPStatus.UNAUTHORIZED)
    entrance.logins.succeeded(name)
    desk.trail.append(name, "login", "by password", {"from": address})
    return _welcome(request, entrance, name, back)


@router.get("/login/provider")
def log_in_by_provider(request: Request, entrance: OfEntrance, back: Back = "/") -> Response:
    """Send the browser to the identity provider."""
    if entrance.provider is None:
        return _form(request, entrance, here(back), "there is no identity provider here", 404)
    if waits := entrance.logins.take_address(_address(request)):
        return _late(request, entrance, waits)
    place = entrance.provider.begin(request.state.visitor, here(back))
    return RedirectResponse(place, HTTPStatus.SEE_OTHER)


@router.get("/login/callback")
def come_back(request: Request, desk: OfDesk, entrance: OfEntrance) -> Response:
    """Begin a session for whom the identity provider has recognised."""
    if entrance.provider is None:
        return _form(request, entrance, "/", "there is no identity provider here", 404)
    address = _address(request)
    if waits := entrance.logins.take_address(address):
        return _late(request, entrance, waits)
    try:
        found, back = entrance.provider.finish(request.state.visitor, request.query_params)
        person = entrance.people.of_provider(found.issuer, found.subject, found.name, found.roles)
    except InputError as error:
        desk.trail.append(_UNKNOWN, "login.failed", str(error), {"from": address})
        return _form(request, entrance, "/", str(error), HTTPStatus.FORBIDDEN)
    details = {"from": address, "subject": found.subject}
    desk.trail.append(person.name, "login", f"by {found.issuer}", details)
    return _welcome(request, entrance, person.name, back, found.id_token)


@router.post("/logout")
def log_out(
    request: Request,
    desk: OfDesk,
    entrance: OfEntrance,
    everywhere: Annotated[bool, Form()] = False,
) -> Response:
    """End this session, or all of this person; then that at the identity provider."""
    place = None
    if request.state.session is not None:
        id_token = entrance.sessions.id_token(request.state.session)
        _end(request, desk, entrance, everywhere)
        place = _logout_there(entrance, id_token)
    if place is None:
        answer: Response = RedirectResponse(AFTER_LOGOUT, HTTPStatus.SEE_OTHER)
    else:
        # No redirection: the answer to a form may lead to this site only (Content-Security-Policy).
        nobody = {"principal": None, "has_session": False, "pages": [], "place": place}
        answer = page(request, "logged_out.html", nobody)
        answer.headers["refresh"] = f"0; url={quote(place, safe=_OF_URLS)}"
    answer.delete_cookie(entrance.session_cookie, secure=entrance.https, httponly=True)
    return answer


def _end(request: Request, desk: Desk, entrance: Entrance, everywhere: bool) -> None:
    name = request.state.principal.name
    desk.trail.append(name, "logout", "everywhere" if everywhere else "here", {})
    if everywhere:
        entrance.sessions.end_all(name)
    else:
        entrance.sessions.end(request.state.session)


def _logout_there(entrance: Entrance, id_token: str | None) -> str | None:
    """Where the browser logs out at the identity provider; None: nowhere, or it is away."""
    if entrance.provider is None or id_token is None:
        return None
    try:
        return entrance.provider.logout(id_token)
    except InputError:
        return None


def _welcome(
    request: Request, entrance: Entrance, name: str, back: str, id_token: str | None = None
) -> Response:
    before = request.cookies.get(entrance.session_cookie)
    secret = entrance.sessions.begin(name, before, id_token)
    answer = RedirectResponse(here(back), HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        entrance.session_cookie, secret, httponly=True, samesite="lax", secure=entrance.https
    )
    return answer


def _form(
    request: Request, entrance: Entrance, back: str, error: str = "", status: int = 200
) -> Response:
    values = {
        "back": back,
        "error": error,
        "by_provider": entrance.provider is not None,
        "by_password": entrance.people.any(),
    }
    return page(request, "login.html", values, status)


def _late(request: Request, entrance: Entrance, seconds: float) -> Response:
    answer = _form(request, entrance, "/", _TOO_OFTEN, HTTPStatus.TOO_MANY_REQUESTS)
    answer.headers["retry-after"] = str(int(seconds) + 1)
    return answer


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
