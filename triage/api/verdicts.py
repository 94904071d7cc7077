"""Verdicts in, from case tools and scripts, and out, to whatever follows what analysts say."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from triage.access import Permission, Principal
from triage.api.once import CONFLICT, IdempotencyKey, asked_of, once
from triage.api.paging import link
from triage.api.parameters import MISSING, AlertId, Environment, Judge, Limit, Reader, readable
from triage.desk import Desk, OfDesk
from triage.exchange.changes import ChangeKind, Changes
from triage.exchange.lookup import environments_of
from triage.exchange.repeated import Asked, Repeated
from triage.exchange.told_verdicts import ToldVerdict, told_verdicts
from triage.incoming import Instant, Name
from triage.judging.judgements import Judgements
from triage.judging.verdicts import Said
from triage.records import Verdict, VerdictValue
from triage.shapes import VerdictView

MOST_AT_ONCE = 500
_LARGEST_PLACE = 2**53 - 1
router = APIRouter(tags=["verdicts"])
VerdictId = Annotated[str, Path(max_length=200, examples=["9f2c44d1"])]
_Reason = Annotated[
    str | None,
    Field(max_length=32, description="Why, in a word of the desk's", examples=["ordinary"]),
]


class Span(BaseModel):
    """The part of the raw lines that tells."""

    model_config = ConfigDict(extra="forbid")

    line: Annotated[int, Field(ge=0, le=10**9)]
    start: Annotated[int, Field(ge=0, le=10**9, description="First character")]
    end: Annotated[int, Field(ge=1, le=10**9, description="Behind the last character")]


class NewVerdict(BaseModel):
    """What is said of an alert. Who says it follows from the token."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"value": "true_positive", "note": "the account is new"}]},
    )

    value: VerdictValue
    reason: _Reason = None
    note: Annotated[str, Field(max_length=10_000)] = ""
    span: Span | None = None
    verdict_id: Annotated[
        Name | None, Field(description="Of your own, the same whenever you send the same again")
    ] = None


class VerdictOnAlert(NewVerdict):
    """What is said of one alert of several."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"alert_id": "3fa9c1d2", "value": "false_positive"}]},
    )

    alert_id: Annotated[str, Field(min_length=1, max_length=128)]


class NewVerdicts(BaseModel):
    """Verdicts that are stored together or not at all."""

    model_config = ConfigDict(extra="forbid")

    verdicts: Annotated[list[VerdictOnAlert], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Given(BaseModel):
    """A verdict that is stored; its receipt tells what becomes of it."""

    model_config = ConfigDict(from_attributes=True)

    verdict_id: str
    alert_id: str
    value: VerdictValue
    by: str
    at: Instant


class GivenList(BaseModel):
    """The stored verdicts, in the order of the request."""

    verdicts: list[Given]


class ChangedVerdict(BaseModel):
    """A verdict that was given or taken back."""

    place: Annotated[int, Field(description="In the order of all changes")]
    change: Literal["given", "retracted"]
    at: Annotated[Instant, Field(description="When it was given or taken back")]
    alert_id: str
    detector: str
    environment: str
    verdict: VerdictView
    retracted: Annotated[
        Instant | None, Field(description="When it was taken back, as is known now")
    ]
    retracted_by: str | None


class ChangedVerdicts(BaseModel):
    """What became of verdicts since a place."""

    changes: list[ChangedVerdict]
    after: Annotated[int, Field(description="Give it back to hear what happened since")]


class Retracted(BaseModel):
    """The verdicts that count no more."""

    verdict_ids: list[str]


@router.post("/alerts/{alert_id}/verdicts", responses=MISSING | CONFLICT)
def give_verdict(
    alert_id: AlertId, body: NewVerdict, desk: OfDesk, judge: Judge, key: IdempotencyKey = None
) -> Given:
    """Say what an alert is. Your earlier word on it stays in the history and counts no more."""
    asked = asked_of(judge.name, key, f"/alerts/{alert_id}/verdicts", body)
    answer = once(
        Repeated(desk.database),
        asked,
        lambda: _store(desk, judge, asked, [(alert_id, body)]),
        GivenList,
    )
    return answer.verdicts[0]


@router.post("/verdicts", responses=MISSING | CONFLICT)
def give_verdicts(
    body: NewVerdicts, desk: OfDesk, judge: Judge, key: IdempotencyKey = None
) -> GivenList:
    """Say what alerts are: all is stored, or nothing."""
    asked = asked_of(judge.name, key, "/verdicts", body)
    wanted = [(each.alert_id, each) for each in body.verdicts]
    return once(
        Repeated(desk.database),
        asked,
        lambda: _store(desk, judge, asked, wanted),
        GivenList,
    )


@router.get("/verdicts")
def list_verdict_changes(
    request: Request,
    response: Response,
    desk: OfDesk,
    reader: Reader,
    environment: Environment = None,
    limit: Limit = 100,
    after: Annotated[int, Query(ge=0, le=_LARGEST_PLACE, description="0: from the beginning")] = 0,
) -> ChangedVerdicts:
    """What was said and taken back since, in order; ask again with `after` for what comes.

    A verdict that was taken back comes a second time, as `retracted`: undo what you did with it.
    """
    kinds = (ChangeKind.VERDICT_GIVEN, ChangeKind.VERDICT_RETRACTED)
    found = Changes(desk.database).since(after, kinds, readable(reader, environment), limit)
    last = found[-1].place if found else after
    link(request, response, last if len(found) == limit else None)
    told = told_verdicts(desk.database, found)
    return ChangedVerdicts(changes=[_changed(each) for each in told], after=last)


@router.delete("/verdicts/{verdict_id}", responses=MISSING)
def retract_verdict(verdict_id: VerdictId, desk: OfDesk, judge: Judge) -> Retracted:
    """Take back a verdict of your own, or all of a batch: it counts no more."""
    judgements = Judgements(desk.database)
    given = judgements.of(verdict_id)
    if not given or any(verdict.by != judge.name for verdict in given):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such verdict of yours")
    for environment in judgements.environments({verdict.alert_id for verdict in given}):
        judge.check(Permission.JUDGE, environment, "verdict_id")
    gone = judgements.retract(verdict_id, judge.name)
    return Retracted(verdict_ids=[verdict.verdict_id for verdict in gone])


def _store(
    desk: Desk,
    judge: Principal,
    asked: Asked | None,
    wanted: Sequence[tuple[str, NewVerdict]],
) -> GivenList:
    _check_alerts(desk, judge, [alert_id for alert_id, _ in wanted])
    verdicts: list[Verdict] = []
    for place, (alert_id, new) in enumerate(wanted):
        span = None if new.span is None else new.span.model_dump()
        said = Said.checked(new.value, new.reason, new.note, span)
        # The same id if a request that was broken off is worked off again.
        drawn = asked.id_of(place) if asked is not None else None
        verdicts.append(said.on(alert_id, judge.name, new.verdict_id or drawn, None))
    stored = Judgements(desk.database).store(verdicts)
    return GivenList(verdicts=[Given.model_validate(each) for each in stored])


def _check_alerts(desk: Desk, judge: Principal, alert_ids: Sequence[str]) -> None:
    """That all of them exist where the principal may judge; what may not be seen does not exist."""
    known = environments_of(desk.database, alert_ids)
    for place, alert_id in enumerate(alert_ids):
        environment = known.get(alert_id)
        if environment is None or not judge.may(Permission.JUDGE, environment):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"verdicts.{place}.alert_id: no such alert")


def _changed(told: ToldVerdict) -> ChangedVerdict:
    verdict, change = told.verdict, told.change
    return ChangedVerdict(
        place=change.place,
        change="given" if change.kind is ChangeKind.VERDICT_GIVEN else "retracted",
        at=change.at,
        alert_id=verdict.alert_id,
        detector=told.detector,
        environment=told.environment,
        verdict=VerdictView.model_validate(verdict),
        retracted=verdict.retracted,
        retracted_by=verdict.retracted_by,
    )
