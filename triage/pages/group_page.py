"""`/groups/{group_id}`: one group of the queue, and why it stands where it stands."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from triage.access import Permission, Principal, needs
from triage.desk import OfDesk
from triage.judging.rules import Rules
from triage.pages.asked import Asked
from triage.pages.names import names
from triage.pages.queue_page import fresh_id
from triage.pages.rendering import page
from triage.queue import Queue
from whetstone.errors import InputError

router = APIRouter()
_PAGE = 100


@router.get("/groups/{group_id}")
def group_page(
    request: Request,
    desk: OfDesk,
    principal: Annotated[Principal, needs(Permission.READ)],
    group_id: str,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The alerts of a group, the worst first."""
    queue = Queue(desk.database)
    try:
        found = queue.case(group_id, limit=_PAGE, after=after)
    except InputError:
        found = None
    if found is None or not principal.may(Permission.READ, found.case.environment):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such group: it may have been withdrawn")
    case = found.case
    values = {
        "case": case,
        "alerts": found.alerts,
        "risk": found.risk,
        "look": queue.look(case.environment, case.pattern),
        "more": len(found.alerts) == _PAGE,
        "alike": Asked(environment=case.environment, pattern=case.pattern, state="all"),
        "checks": Rules(desk.database).checks([alert.alert_id for alert in found.alerts]),
        "names": names(desk, principal),
        "may_judge": principal.may(Permission.JUDGE, case.environment),
        "fresh_id": fresh_id,
    }
    return page(request, "group.html", values)
