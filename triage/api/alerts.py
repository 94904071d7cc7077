"""The platform's HTTP API: what scorers report, what people and programs read.

JSON only. Each request speaks for the environment of its token (see `triage.access`): with a
token of one environment nothing of another one can be read or written.
"""

from http import HTTPStatus
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.exceptions import HTTPException

from triage.access import EVERYWHERE
from triage.cases import CaseStore
from triage.incoming import MOST_RECORD_BYTES, Role, incoming, size_of
from triage.records import Alert, State
from triage.report_links import Links, links_of
from triage.shapes import (
    MOST_LISTED,
    AlertPage,
    AlertView,
    AlertWhole,
    Heartbeat,
    Problem,
    RecordList,
    Records,
    ScorerList,
    ScorerView,
    TakenAnswer,
    Told,
)
from whetstone.errors import InputError
from whetstone.reports import Reports

_PROBLEMS = (401, 403, 404, 413, 422, 503)
router = APIRouter(prefix="/api", responses={status: {"model": Problem} for status in _PROBLEMS})


def case_store(request: Request) -> CaseStore:
    """The case store that the app was made with."""
    return cast("CaseStore", request.app.state.cases)


def speaker(request: Request) -> str:
    """The environment that the request speaks for; `*` for all."""
    return str(request.state.environment)


def report_files(request: Request) -> Reports | None:
    """The reports that alerts lead to."""
    return cast("Reports | None", request.app.state.reports)


Cases = Annotated[CaseStore, Depends(case_store)]
Speaker = Annotated[str, Depends(speaker)]
Linked = Annotated[Reports | None, Depends(report_files)]
Chosen = Annotated[str | None, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
AlertId = Annotated[str, Path(max_length=128)]


@router.post("/alerts")
def take_alerts(body: Records, cases: Cases, speaker: Speaker) -> TakenAnswer:
    """Take alert records and notices of scorers.

    All or nothing, durably, and as often as one likes: a record that is known already, or was
    overtaken by a later revision, changes nothing. Records of challengers and on canaries are kept
    apart from the queue.
    """
    sent = [incoming(record) for record in body.records]
    for place, record in enumerate(sent):
        _may_speak(speaker, record.environment, f"records.{place}.whetstone.environment")
        if size_of(record.record) > MOST_RECORD_BYTES:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"records.{place} is larger than {MOST_RECORD_BYTES} bytes: leave context out",
            )
    return TakenAnswer.model_validate(cases.take_records(sent))


@router.get("/alerts")
def alerts(
    cases: Cases,
    speaker: Speaker,
    reports: Linked,
    environment: Chosen = None,
    detector: Chosen = None,
    state: State | None = None,
    limit: Limit = 100,
    after: Annotated[str | None, Query(max_length=128)] = None,
) -> AlertPage:
    """The alert queue: newest day first, within a day the highest score first."""
    found = cases.alerts(_only(speaker, environment), detector, state, limit, after)
    page = [
        _view(alert, links) for alert, links in zip(found, links_of(reports, found), strict=True)
    ]
    return AlertPage(alerts=page, after=page[-1].alert_id if len(page) == limit else None)


@router.get("/alerts/{alert_id}")
def alert(alert_id: AlertId, cases: Cases, speaker: Speaker, reports: Linked) -> AlertWhole:
    """An alert with the lines and the context that its scorer sent."""
    try:
        found = cases.alert(alert_id)
    except InputError:
        found = None
    if found is None or speaker not in (EVERYWHERE, found.environment):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such alert")
    (links,) = links_of(reports, [found])
    return AlertWhole(alert=_view(found, links), record=cases.record(found.alert_id))


@router.get("/records/{role}")
def records(
    role: Role,
    cases: Cases,
    speaker: Speaker,
    environment: Chosen = None,
    detector: Chosen = None,
    limit: Limit = 100,
) -> RecordList:
    """The latest records of a role, as scorers sent them: what challengers found, notices."""
    return RecordList(records=cases.records(role, _only(speaker, environment), detector, limit))


@router.post("/scorers")
def hear(body: Heartbeat, cases: Cases, speaker: Speaker) -> Told:
    """A scorer tells that it lives, what it runs and how it does."""
    _may_speak(speaker, body.environment, "environment")
    if size_of(body.digest) > MOST_RECORD_BYTES:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "digest is too large")
    cases.hear(body.environment, body.scorer, body.digest)
    return Told()


@router.get("/scorers")
def scorers(cases: Cases, speaker: Speaker) -> ScorerList:
    """All scorers that were ever heard of."""
    seen = [s for s in cases.scorers() if speaker in (EVERYWHERE, s.environment)]
    return ScorerList(scorers=[ScorerView.model_validate(scorer) for scorer in seen])


def _view(alert: Alert, links: Links) -> AlertView:
    return AlertView.model_validate(alert).model_copy(update=vars(links))


def _may_speak(speaker: str, environment: str, field: str) -> None:
    if speaker not in (EVERYWHERE, environment):
        raise HTTPException(
            HTTPStatus.FORBIDDEN, f"{field}: this token speaks for {speaker}, not for {environment}"
        )


def _only(speaker: str, environment: str | None) -> str | None:
    if speaker == EVERYWHERE:
        return environment
    _may_speak(speaker, environment or speaker, "environment")
    return speaker


def problem(error: Any) -> str:
    """An error of the check of a request, as one line; what was sent is not repeated."""
    return f"{'.'.join(str(part) for part in error['loc'][1:])}: {error['msg']}"
