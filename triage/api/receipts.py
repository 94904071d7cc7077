"""Receipts: what became of verdicts."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from triage.access import Permission
from triage.api.paging import link
from triage.api.parameters import MISSING, Environment, Limit, Reader, readable
from triage.desk import OfDesk
from triage.incoming import Instant
from triage.judging.progress import StepKind
from triage.judging.receipts import Receipt, Receipts
from triage.shapes import VerdictView
from whetstone.errors import InputError

router = APIRouter(tags=["receipts"])
_LARGEST = 2**31 - 1


class StepView(BaseModel):
    """Something that was made from a verdict, or where it arrived."""

    model_config = ConfigDict(from_attributes=True)

    kind: StepKind
    name: Annotated[str, Field(description="The golden dataset, else the detector")]
    dataset: str
    version: str
    at: Instant
    environment: Annotated[str, Field(description="That serves it; else empty")]
    cause: str
    detail: dict[str, Any]


class LearnedView(BaseModel):
    """How a golden dataset holds the alert as an example."""

    model_config = ConfigDict(from_attributes=True)

    dataset: str
    label: str
    split: str
    gone: Annotated[bool, Field(description="A later version no longer holds it")]


class ReceiptView(BaseModel):
    """What became of a verdict."""

    verdict: VerdictView
    alert_id: str
    detector: str
    environment: str
    retracted: Instant | None
    together: Annotated[int, Field(description="Verdicts that were given with it")]
    stage: Annotated[str, Field(description="How far it has come, in a word")]
    learned: list[LearnedView]
    steps: Annotated[list[StepView], Field(description="Oldest first")]
    waits: Annotated[str, Field(description="Why there is no more yet; empty: it was released")]


class ReceiptList(BaseModel):
    """Receipts, of the newest verdict first."""

    receipts: list[ReceiptView]
    after: Annotated[int | None, Field(description="Give it back to get the next page")]


@router.get("/receipts")
def list_receipts(
    request: Request,
    response: Response,
    desk: OfDesk,
    reader: Reader,
    environment: Environment = None,
    by: Annotated[str | None, Query(max_length=200, description="Only of this analyst")] = None,
    limit: Limit = 50,
    after: Annotated[
        int | None, Query(ge=0, le=_LARGEST, description="`after` of the page before")
    ] = None,
) -> ReceiptList:
    """The receipts of the latest verdicts; of verdicts given together one."""
    page = Receipts(desk.database).latest(readable(reader, environment), by, limit, after)
    link(request, response, page.after)
    return ReceiptList(receipts=[_view(each) for each in page.receipts], after=page.after)


@router.get("/receipts/{verdict_id}", responses=MISSING)
def read_receipt(
    verdict_id: Annotated[str, Path(max_length=200)], desk: OfDesk, reader: Reader
) -> ReceiptView:
    """What became of a verdict, or of the first of a batch."""
    try:
        receipt = Receipts(desk.database).of(verdict_id)
    except InputError:
        raise HTTPException(404, "no such verdict") from None
    if not reader.may(Permission.READ, receipt.environment):
        raise HTTPException(404, "no such verdict")
    return _view(receipt)


def _view(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        verdict=VerdictView.model_validate(receipt.verdict),
        alert_id=receipt.verdict.alert_id,
        detector=receipt.detector,
        environment=receipt.environment,
        retracted=receipt.verdict.retracted,
        together=receipt.together,
        stage=receipt.stage,
        learned=[LearnedView.model_validate(each) for each in receipt.learned],
        steps=[StepView.model_validate(each) for each in receipt.steps],
        waits=receipt.waits,
    )
