"""Where pages post verdicts to, and take them back.

htmx gets a toast with a way back; a plain form is answered with the page that it came from.
"""

import uuid
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from triage.access import Permission, Principal, needs
from triage.desk import Desk, OfDesk
from triage.judging.judgements import Judgements
from triage.judging.verdicts import Said
from triage.pages.rendering import is_part, page
from triage.pages.settings_page import here
from triage.queue import Queue
from triage.records import Verdict
from whetstone.errors import InputError

router = APIRouter()
Judge = Annotated[Principal, needs(Permission.JUDGE)]
Id = Annotated[str, Path(max_length=200)]
FormId = Annotated[str, Form(max_length=200)]
_TOLD = "judged"


def said(
    value: Annotated[str, Form(max_length=32)],
    reason: Annotated[str, Form(max_length=32)] = "",
    note: Annotated[str, Form(max_length=10_000)] = "",
    span: Annotated[str, Form(max_length=1_000)] = "",
) -> Said:
    """What the fields of a verdict form say."""
    return Said.checked(value, reason, note, span)


@router.post("/alerts/{alert_id}/verdict")
def judge_alert(
    request: Request,
    desk: OfDesk,
    judge: Judge,
    alert_id: Id,
    what: Annotated[Said, Depends(said)],
    verdict_id: FormId = "",
    back: Annotated[str, Form()] = "",
) -> Response:
    """A verdict on one alert."""
    _allowed(desk, judge, [alert_id])
    given = Judgements(desk.database).give(alert_id, what, judge.name, verdict_id or None)
    return _answer(request, desk, [given], given.verdict_id, back or f"/alerts/{alert_id}")


@router.post("/groups/{group_id}/verdict")
def judge_group(
    request: Request,
    desk: OfDesk,
    judge: Judge,
    group_id: Id,
    what: Annotated[Said, Depends(said)],
    verdict_id: FormId = "",
    scope: Annotated[str, Form(pattern="^(group|pattern)$")] = "group",
    back: Annotated[str, Form()] = "",
) -> Response:
    """The same verdict on all of a group, or on all alerts like it in its environment."""
    try:
        case = Queue(desk.database).case(group_id, limit=1).case
    except InputError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such alert or verdict") from None
    _check(judge, case.environment)
    judgements, batch_id = Judgements(desk.database), verdict_id or uuid.uuid4().hex
    details = {"environment": case.environment, "scope": scope, "batch": batch_id}
    desk.trail.append(judge.name, "verdicts", str(what.value), details)
    if scope == "pattern":
        given = judgements.give_pattern(case.environment, case.pattern, what, judge.name, batch_id)
    else:
        given = judgements.give_group(group_id, what, judge.name, batch_id)
    return _answer(request, desk, given, batch_id, back or f"/groups/{group_id}")


@router.post("/verdicts/{verdict_id}/undo")
def undo(
    request: Request,
    desk: OfDesk,
    judge: Judge,
    verdict_id: Id,
    back: Annotated[str, Form()] = "",
) -> Response:
    """Take back a verdict or a batch; of others, who may approve rules may."""
    judgements = Judgements(desk.database)
    given = judgements.of(verdict_id)
    if not given:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such verdict")
    places = judgements.environments([verdict.alert_id for verdict in given])
    for environment in places:
        _check(judge, environment)
    anyone = all(judge.may(Permission.APPROVE, environment) for environment in places)
    taken = judgements.retract(verdict_id, judge.name, any_analyst=anyone)
    if not is_part(request):
        return RedirectResponse(here(back or f"/receipts/{verdict_id}"), HTTPStatus.SEE_OTHER)
    answer = page(request, "parts/taken_back.html", {"verdicts": taken})
    answer.headers["HX-Trigger"] = _TOLD
    return answer


def _answer(
    request: Request, desk: Desk, given: list[Verdict], given_id: str, back: str
) -> Response:
    if not is_part(request):
        return RedirectResponse(here(back), HTTPStatus.SEE_OTHER)
    values = {"verdicts": given, "given_id": given_id, "others": _others(desk, given)}
    answer = page(request, "parts/receipt_line.html", values)
    answer.headers["HX-Trigger"] = _TOLD
    return answer


def _others(desk: Desk, given: list[Verdict]) -> list[str]:
    """Who says otherwise; of a single alert only: batches leave alone what others judged."""
    if len(given) != 1:
        return []
    (mine,) = given
    decision = desk.cases.alert(mine.alert_id).verdicts
    attack = mine.value == "true_positive"
    sure = [v for v in decision if v.value != "unsure" and mine.value != "unsure"]
    return sorted(v.by for v in sure if (v.value == "true_positive") != attack)


def _allowed(desk: Desk, judge: Principal, alert_ids: list[str]) -> None:
    places = Judgements(desk.database).environments(alert_ids)
    if not places:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such alert")
    for environment in places:
        _check(judge, environment)


def _check(judge: Principal, environment: str) -> None:
    """403 where one may look but not judge; 404 where one may not even look."""
    if not judge.may(Permission.READ, environment):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such alert or verdict")
    judge.check(Permission.JUDGE, environment)
