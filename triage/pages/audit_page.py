"""`/audit`: who did what, and whether the trail is whole."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from triage.access import Permission, Principal, needs
from triage.desk import OfDesk
from triage.pages.rendering import page
from whetstone.audit import Entry

router = APIRouter()
_ON_A_PAGE = 100


@router.get("/audit")
def audit_page(
    request: Request,
    desk: OfDesk,
    auditor: Annotated[Principal, needs(Permission.AUDIT)],
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """The newest entries, or those before a number; of one's environments only."""
    trail = desk.trail.read()
    allowed = auditor.environments(Permission.AUDIT)
    seen = [
        (number, entry)
        for number, entry in enumerate(trail.entries, 1)
        if _concerns(entry, allowed) and (before is None or number < before)
    ]
    shown = seen[-_ON_A_PAGE:]
    values = {
        "entries": shown[::-1],
        "problems": trail.problems,
        "head": trail.head,
        "older": shown[0][0] if len(seen) > len(shown) else None,
    }
    return page(request, "audit.html", values)


def _concerns(entry: Entry, environments: frozenset[str] | None) -> bool:
    return environments is None or entry.details.get("environment") in environments
