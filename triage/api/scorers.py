"""What scorers report: alerts, notices, and that they live."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from triage.access import Permission
from triage.api.paging import link
from triage.api.parameters import (
    After,
    Detector,
    Environment,
    Limit,
    Reader,
    Reporter,
    readable,
)
from triage.desk import OfDesk
from triage.incoming import MOST_RECORD_BYTES, Role, incoming, size_of
from triage.shapes import (
    Heartbeat,
    RecordList,
    Records,
    ScorerList,
    ScorerView,
    TakenAnswer,
    Told,
)

router = APIRouter(tags=["scorers"])


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


@router.get("/records/{role}")
def list_records(
    role: Role,
    request: Request,
    response: Response,
    desk: OfDesk,
    reader: Reader,
    environment: Environment = None,
    detector: Detector = None,
    limit: Limit = 100,
    after: After = None,
) -> RecordList:
    """The latest records of a role, as scorers sent them: what challengers found, notices."""
    within = readable(reader, environment)
    found = desk.cases.records(role, None, detector, limit, within, after)
    last = found[-1]["event"]["id"] if len(found) == limit else None
    link(request, response, last)
    return RecordList(records=found, after=last)


@router.post("/scorers")
def hear_scorer(body: Heartbeat, desk: OfDesk, reporter: Reporter) -> Told:
    """A scorer tells that it lives, what it runs and how it does."""
    reporter.check(Permission.REPORT, body.environment)
    if size_of(body.digest) > MOST_RECORD_BYTES:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "digest is too large")
    desk.cases.hear(body.environment, body.scorer, body.digest)
    return Told()


@router.get("/scorers")
def list_scorers(desk: OfDesk, reader: Reader) -> ScorerList:
    """All scorers that were ever heard of."""
    seen = [s for s in desk.cases.scorers() if reader.may(Permission.READ, s.environment)]
    return ScorerList(scorers=[ScorerView.model_validate(scorer) for scorer in seen])
