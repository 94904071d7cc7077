"""The analysts' queue as programs read it."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from triage.access import Permission
from triage.api.alerts import FirstDay, LastDay
from triage.api.paging import link
from triage.api.parameters import MISSING, After, Environment, Limit, Reader, readable
from triage.desk import OfDesk
from triage.incoming import Instant
from triage.queue import Case, Filters, Queue
from triage.shapes import AlertView
from whetstone.errors import InputError

router = APIRouter(tags=["queue"])
GroupId = Annotated[str, Path(max_length=64)]


class _Folded(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    environment: str
    detector: str
    pattern: Annotated[str, Field(description="Equal for what looks alike")]
    title: Annotated[str, Field(description="The pattern in words; it holds text of logs")]
    state: Literal["open", "judged", "allowed"]
    alerts: int
    open: Annotated[int, Field(description="Alerts that wait for a verdict")]
    judged: int
    allowed: Annotated[int, Field(description="Alerts that a rule holds")]
    events: Annotated[int | None, Field(description="Raw events; null: unknown")]
    risk: Annotated[float, Field(description="The queue's order, highest first")]


class GroupView(_Folded):
    """Alerts of a detector about one subject that look alike on a day."""

    group_id: str
    unit: Annotated[str, Field(description="Whom it is about; it holds text of logs")]
    entity: dict[str, Any]
    day: date
    first: Instant
    last: Instant
    true_positives: int
    false_positives: int


class PatternView(_Folded):
    """All groups of an environment that look alike."""

    groups: int
    open_groups: int
    true_groups: Annotated[int, Field(description="Groups in which analysts found an attack")]
    false_groups: Annotated[int, Field(description="Groups in which they found none")]
    first_day: date
    last_day: date


class GroupPage(BaseModel):
    """A page of the queue."""

    groups: list[GroupView]
    after: Annotated[str | None, Field(description="Give it back to get the next page")]


class PatternPage(BaseModel):
    """A page of the queue, folded by pattern."""

    patterns: list[PatternView]
    after: Annotated[str | None, Field(description="Give it back to get the next page")]


class GroupWhole(BaseModel):
    """A group and its alerts, the worst first."""

    group: GroupView
    alerts: list[AlertView]


Shown = Annotated[
    Literal["open", "judged", "allowed", "all"], Query(description="Groups in this state")
]
Detectors = Annotated[
    list[str] | None, Query(alias="detector", max_length=100, description="Of any of these")
]
Pattern = Annotated[str | None, Query(max_length=64, description="Only what looks like this")]
Entity = Annotated[
    str, Query(max_length=200, description="Only subjects whose name or address begins so")
]


@router.get("/groups")
def list_groups(
    request: Request,
    response: Response,
    desk: OfDesk,
    reader: Reader,
    environment: Environment = None,
    detectors: Detectors = None,
    pattern: Pattern = None,
    entity: Entity = "",
    state: Shown = "open",
    first_day: FirstDay = None,
    last_day: LastDay = None,
    limit: Limit = 50,
    after: After = None,
) -> GroupPage:
    """The queue: groups of alerts, highest risk first."""
    filters = Filters(
        environments=readable(reader, environment),
        detectors=None if detectors is None else frozenset(detectors),
        pattern=pattern,
        entity=entity,
        first_day=first_day,
        last_day=last_day,
        state=state,
    )
    page = Queue(desk.database).cases(filters, limit, after)
    link(request, response, page.after)
    return GroupPage(groups=[GroupView.model_validate(c) for c in page.items], after=page.after)


@router.get("/patterns")
def list_patterns(
    request: Request,
    response: Response,
    desk: OfDesk,
    reader: Reader,
    environment: Environment = None,
    detectors: Detectors = None,
    state: Shown = "open",
    limit: Limit = 50,
    after: After = None,
) -> PatternPage:
    """The queue folded by pattern: what looks alike in an environment, highest risk first."""
    filters = Filters(
        environments=readable(reader, environment),
        detectors=None if detectors is None else frozenset(detectors),
        state=state,
    )
    page = Queue(desk.database).looks(filters, limit, after)
    link(request, response, page.after)
    found = [PatternView.model_validate(look) for look in page.items]
    return PatternPage(patterns=found, after=page.after)


@router.get("/groups/{group_id}", responses=MISSING)
def read_group(
    group_id: GroupId,
    request: Request,
    response: Response,
    desk: OfDesk,
    reader: Reader,
    limit: Limit = 100,
    after: After = None,
) -> GroupWhole:
    """A group with its alerts, the worst first."""
    queue = Queue(desk.database)
    case = _visible(queue, reader, group_id)
    alerts = queue.case(group_id, limit, after).alerts
    link(request, response, alerts[-1].alert_id if len(alerts) == limit else None)
    return GroupWhole(
        group=GroupView.model_validate(case),
        alerts=[AlertView.model_validate(alert) for alert in alerts],
    )


def _visible(queue: Queue, reader: Reader, group_id: str) -> Case:
    try:
        case = queue.case(group_id, 1).case
    except InputError:
        raise HTTPException(404, "no such group") from None
    if not reader.may(Permission.READ, case.environment):
        raise HTTPException(404, "no such group")
    return case
