"""`/receipts`: what verdicts changed."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from triage.access import Permission, Principal, needs
from triage.definitions import definitions
from triage.desk import Desk, OfDesk
from triage.judging.judgements import Judgements
from triage.judging.progress import note_progress
from triage.judging.receipts import Receipt, Receipts, happened
from triage.pages.names import names
from triage.pages.rendering import page
from whetstone.errors import InputError
from whetstone.lake import Lake

router = APIRouter()
Reader = Annotated[Principal, needs(Permission.READ)]
STAGES = {
    "stored": "stored",
    "retracted": "taken back",
    "dataset": "in the golden dataset",
    "model": "trained on",
    "evaluation": "judged by the gate",
    "release": "released",
    "served": "in service",
}
"""How far a verdict has come, in words."""


@router.get("/receipts")
def receipts(
    request: Request,
    desk: OfDesk,
    reader: Reader,
    mine: bool = False,
    after: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """The latest verdicts and how far each has come."""
    found = Receipts(desk.database).latest(
        reader.environments(Permission.READ), reader.name if mine else None, after=after
    )
    called = names(desk, reader)
    values = {"found": found, "stages": STAGES, "mine": mine, "after": after, "names": called}
    return page(request, "receipts.html", values)


@router.get("/receipts/{verdict_id}")
def receipt(
    request: Request,
    desk: OfDesk,
    reader: Reader,
    verdict_id: Annotated[str, Path(max_length=200)],
) -> Response:
    """What a verdict changed."""
    found = _seen(desk, reader, verdict_id)
    judgements = Judgements(desk.database)
    values = {
        "receipt": found,
        "lines": happened(found),
        "stage": STAGES[found.stage],
        "history": judgements.history(found.verdict.alert_id),
        "judges": reader.may(Permission.JUDGE, found.environment),
    }
    return page(request, "receipt.html", values)


def _seen(desk: Desk, reader: Principal, verdict_id: str) -> Receipt:
    """The receipt as things are now, and not as they were when something was last made."""
    receipts = Receipts(desk.database)
    try:
        found = receipts.of(verdict_id)
    except InputError:
        found = None
    if found is None or not reader.may(Permission.READ, found.environment):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such verdict")
    catalog = definitions(desk.settings)
    if found.detector in catalog.detectors:
        dataset = catalog.detectors[found.detector].golden_dataset
        learners = [n for n, d in catalog.detectors.items() if d.golden_dataset == dataset]
        note_progress(desk.database, Lake(desk.settings.lake), dataset, learners)
        found = receipts.of(verdict_id)
    return found
