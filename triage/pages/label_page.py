"""`/label`: which units to label next, and what the random slice says."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from triage.access import Permission, Principal, needs
from triage.desk import OfDesk
from triage.learning import Asking, Slices
from triage.pages.names import names
from triage.pages.queue_page import fresh_id
from triage.pages.rendering import page

router = APIRouter()
Judge = Annotated[Principal, needs(Permission.JUDGE)]
_TEACHING, _SLICE = 12, 6
_FRESH_DAYS = 2


@router.get("/label")
def label_page(
    request: Request,
    desk: OfDesk,
    principal: Judge,
    detector: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """What would teach most, a part of the random slice, and the precision that follows from it."""
    here = principal.environments(Permission.JUDGE)
    slices, asking = Slices(desk.database), Asking(desk.database)
    # The batch draws from its day; what scorers alone report is drawn from here.
    slices.draw_newest(_FRESH_DAYS)
    sampled = slices.detectors(here)
    drawn = asking.slice(here, detector or None, _SLICE)
    twice = {asked.alert.alert_id for asked in drawn}
    teaching = asking.next(here, detector or None, _TEACHING)
    values = {
        "detector": detector,
        "names": names(desk, principal),
        "sampled": {name: slices.precision(name, environments=here) for name in sampled},
        "slice": drawn,
        "teaching": [asked for asked in teaching if asked.alert.alert_id not in twice],
        "fresh_id": fresh_id,
    }
    return page(request, "label.html", values)
