"""What scorers report, what people and programs read of alerts."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.exceptions import HTTPException

from triage.access import Permission, Principal, needs
from triage.desk import OfDesk
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

_PROBLEMS = (401, 403, 404, 413, 422, 503)
router = APIRouter(prefix="/api", responses={status: {"model": Problem} for status in _PROBLEMS})


Reporter = Annotated[Principal, needs(Permission.REPORT)]
Reader = Annotated[Principal, needs(Permission.READ)]
Chosen = Annotated[str | None, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
AlertId = Annotated[str, Path(max_length=128)]


@router.post("/alerts")
def take_alerts(body: Records, desk: OfDesk, reporter: Reporter) -> TakenAnswer:
    """Take alert records and notices of scorers.

    All or nothing, durably, and as often as one likes: a record that is known already, or was
    overtaken by a later revision, changes nothing. Records of challengers and on canaries are kept
    apart from the queue.
    """
    sent = [incoming(record) for record in body.records]
    for place, record in enumerate(sent):
        reporter.check(
            Permission.REPORT, record.environment, f"records.{place}.whetstone.environment"
        )
        if size_of(record.record) > MOST_RECORD_BYTES:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"records.{place} is larger than {MOST_RECORD_BYTES} bytes: leave context out",
            )
    return TakenAnswer.model_validate(desk.cases.take_records(sent))


@router.get("/alerts")
def alerts(
    desk: OfDesk,
    reader: Reader,
    environment: Chosen = None,
    detector: Chosen = None,
    state: State | None = None,
    limit: Limit = 100,
    after: Annotated[str | None, Query(max_length=128)] = None,
) -> AlertPage:
    """The alert queue: newest day first, within a day the highest score first."""
    found = desk.cases.alerts(_only(reader, environment), detector, state, limit, after)
    page = [
        _view(alert, links)
        for alert, links in zip(found, links_of(desk.reports, found), strict=True)
    ]
    return AlertPage(alerts=page, after=page[-1].alert_id if len(page) == limit else None)


@router.get("/alerts/{alert_id}")
def alert(alert_id: AlertId, desk: OfDesk, reader: Reader) -> AlertWhole:
    """An alert with the lines and the context that its scorer sent."""
    try:
        found = desk.cases.alert(alert_id)
    except InputError:
        found = None
    if found is None or not reader.may(Permission.READ, found.environment):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such alert")
    (links,) = links_of(desk.reports, [found])
    return AlertWhole(alert=_view(found, links), record=desk.cases.record(found.alert_id))


@router.get("/records/{role}")
def records(
    role: Role,
    desk: OfDesk,
    reader: Reader,
    environment: Chosen = None,
    detector: Chosen = None,
    limit: Limit = 100,
) -> RecordList:
    """The latest records of a role, as scorers sent them: what challengers found, notices."""
    return RecordList(records=desk.cases.records(role, _only(reader, environment), detector, limit))


@router.post("/scorers")
def hear(body: Heartbeat, desk: OfDesk, reporter: Reporter) -> Told:
    """A scorer tells that it lives, what it runs and how it does."""
    reporter.check(Permission.REPORT, body.environment)
    if size_of(body.digest) > MOST_RECORD_BYTES:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "digest is too large")
    desk.cases.hear(body.environment, body.scorer, body.digest)
    return Told()


@router.get("/scorers")
def scorers(desk: OfDesk, reader: Reader) -> ScorerList:
    """All scorers that were ever heard of."""
    seen = [s for s in desk.cases.scorers() if reader.may(Permission.READ, s.environment)]
    return ScorerList(scorers=[ScorerView.model_validate(scorer) for scorer in seen])


def _view(alert: Alert, links: Links) -> AlertView:
    return AlertView.model_validate(alert).model_copy(update=vars(links))


def _only(reader: Principal, environment: str | None) -> str | None:
    if environment is not None:
        reader.check(Permission.READ, environment)
        return environment
    allowed = reader.environments(Permission.READ)
    return None if allowed is None else next(iter(allowed))


def problem(error: Any) -> str:
    """An error of the check of a request, as one line; what was sent is not repeated."""
    return f"{'.'.join(str(part) for part in error['loc'][1:])}: {error['msg']}"
