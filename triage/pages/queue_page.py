"""`/`: the queue of what is to be judged, and the views of it that people keep."""

import secrets
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from triage.access import Permission, Principal, needs
from triage.desk import OfDesk
from triage.judging.rules import Rules
from triage.pages.asked import Asked, asked_by
from triage.pages.names import names
from triage.pages.rendering import page
from triage.queue import Case, Queue
from triage.queue.views import Views

router = APIRouter()
Reader = Annotated[Principal, needs(Permission.READ)]
_PAGE = 40
_WITH_NEWS = ("open", "all")


@router.get("/")
def queue_page(
    request: Request, desk: OfDesk, principal: Reader, asked: Annotated[Asked, Query()]
) -> Response:
    """Groups or patterns, the highest risk first."""
    known = names(desk, principal)
    queue, filters = Queue(desk.database), asked.filters(principal, known)
    after = asked.after or None
    # Before the items: what comes in between is told once too often, and not never.
    waiting, since = queue.count(filters)
    found = (
        queue.cases(filters, _PAGE, after)
        if asked.by == "case"
        else queue.looks(filters, _PAGE, after)
    )
    worst = [item.top.alert_id for item in found.items if isinstance(item, Case)]
    values = {
        "asked": asked,
        "names": known,
        "found": found,
        "checks": Rules(desk.database).checks(worst),
        "views": Views(desk.database).of(principal.name),
        "may_judge": partial(principal.may, Permission.JUDGE),
        "fresh_id": fresh_id,
        "waiting": waiting,
        "has_news": asked.state in _WITH_NEWS,
        "since": since,
        "number": 0,
    }
    return page(request, "queue.html", values)


@router.get("/news")
def news(
    request: Request,
    desk: OfDesk,
    principal: Reader,
    query: Annotated[str, Query(max_length=4000)] = "",
    since: Annotated[int, Query(ge=0)] = 0,
    told: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """How many alerts came into a queue since it was shown; nothing where that was told already.

    Args:
        request: of htmx, or of a browser.
        desk: whose queue.
        principal: who looks at it.
        query: what the queue was asked for.
        since: how many alerts stood in it then.
        told: how many new ones the page says there are.
    """
    asked = asked_by(query)
    filters = asked.filters(principal, names(desk, principal))
    _, known = Queue(desk.database).count(filters)
    # Those that a scorer or a later run takes back are not to hide new ones.
    least = min(since, known)
    if (least, known - least) == (since, told):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    values = {"asked": asked, "since": least, "number": known - least}
    return page(request, "parts/news.html", values)


@router.post("/views")
def keep_view(
    desk: OfDesk,
    principal: Reader,
    name: Annotated[str, Form(max_length=80)],
    query: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Keep what the queue is asked for now, under a name; the same name replaces."""
    asked = asked_by(query)
    Views(desk.database).save(principal.name, name.strip(), asked.query)
    return RedirectResponse(asked.address(), 303)


@router.post("/views/{view_id}/delete")
def forget_view(desk: OfDesk, principal: Reader, view_id: str) -> Response:
    """Forget one's own view."""
    Views(desk.database).delete(principal.name, view_id)
    return RedirectResponse("/settings", 303)


def fresh_id() -> str:
    """An id for a verdict that is yet to be given: sent twice, it is stored once."""
    return secrets.token_hex(16)
