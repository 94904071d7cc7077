"""`/settings/webhooks`: who is told of what happens, and how that goes."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from triage.access import EVERYWHERE, Permission, Principal, needs
from triage.desk import Desk, OfDesk
from triage.exchange.changes import ChangeKind
from triage.exchange.registering import managed, register, remove
from triage.exchange.targets import MOST_CHARACTERS
from triage.exchange.webhooks import Webhook
from triage.pages.rendering import page

router = APIRouter()
Steward = Annotated[Principal, needs(Permission.MANAGE)]


@router.get("/settings/webhooks")
def webhooks_page(request: Request, desk: OfDesk, steward: Steward) -> Response:
    """The webhooks that one manages."""
    return _shown(request, desk, steward, None)


@router.post("/settings/webhooks")
def add_webhook(
    request: Request,
    desk: OfDesk,
    steward: Steward,
    url: Annotated[str, Form(max_length=MOST_CHARACTERS)],
    kinds: Annotated[list[ChangeKind], Form()],
    environment: Annotated[str, Form(min_length=1, max_length=200)] = EVERYWHERE,
) -> Response:
    """Register one, and show the secret of its signatures: once."""
    new = register(desk, steward, environment.strip(), url.strip(), kinds)
    return _shown(request, desk, steward, new)


@router.post("/settings/webhooks/{webhook_id}/remove")
def remove_webhook(webhook_id: str, desk: OfDesk, steward: Steward) -> Response:
    """Tell it nothing more."""
    remove(desk, steward, webhook_id)
    return RedirectResponse("/settings/webhooks", HTTPStatus.SEE_OTHER)


def _shown(request: Request, desk: Desk, steward: Principal, new: Webhook | None) -> Response:
    values = {"webhooks": managed(desk, steward), "kinds": list(ChangeKind), "new": new}
    return page(request, "webhooks.html", values)
