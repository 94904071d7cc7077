"""`/settings/tokens`: what programs come with."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from triage.access import EVERYWHERE, OfEntrance, Permission, Principal, needs
from triage.access.api_tokens import MOST_DAYS, ApiToken
from triage.access.granting import check_scopes
from triage.pages.rendering import page

router = APIRouter()
Admin = Annotated[Principal, needs(Permission.MANAGE)]


@router.get("/settings/tokens")
def tokens_page(request: Request, entrance: OfEntrance, admin: Admin) -> Response:
    """All tokens that one may revoke."""
    return _shown(request, entrance, admin, "")


@router.post("/settings/tokens")
def add_token(
    request: Request,
    entrance: OfEntrance,
    admin: Admin,
    label: Annotated[str, Form(max_length=200)],
    scopes: Annotated[list[Permission], Form()],
    environments: Annotated[str, Form(max_length=2000)] = EVERYWHERE,
    days: Annotated[int, Form()] = 90,
) -> Response:
    """Make one, and show it: once."""
    places = frozenset(environments.replace(",", " ").split())
    secret = entrance.api_tokens.add(admin, label, frozenset(scopes), places, days)
    return _shown(request, entrance, admin, secret)


@router.post("/settings/tokens/{token_id}/revoke")
def revoke_token(token_id: str, entrance: OfEntrance, admin: Admin) -> Response:
    """Refuse it from now on."""
    entrance.api_tokens.revoke(admin, token_id)
    return RedirectResponse("/settings/tokens", HTTPStatus.SEE_OTHER)


def _shown(request: Request, entrance: OfEntrance, admin: Principal, secret: str) -> Response:
    values = {
        "tokens": [token for token in entrance.api_tokens.all() if _manages(admin, token)],
        "scopes": [scope for scope in Permission if admin.may(scope)],
        "most_days": MOST_DAYS,
        "secret": secret,
    }
    return page(request, "tokens.html", values)


def _manages(admin: Principal, token: ApiToken) -> bool:
    try:
        check_scopes(admin, token.scopes, token.environments)
    except HTTPException:
        return False
    return True
