"""Alerts as programs read them."""

import re
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator
from starlette.exceptions import HTTPException

from triage.access import Permission
from triage.api.paging import link
from triage.api.parameters import (
    MISSING,
    After,
    AlertId,
    Detector,
    Environment,
    Limit,
    Reader,
    readable,
)
from triage.desk import OfDesk
from triage.records import Alert, State
from triage.report_links import Links, links_of
from triage.shapes import AlertPage, AlertView, AlertWhole
from whetstone.errors import InputError

router = APIRouter(tags=["alerts"])
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_out(value: Any) -> Any:
    # A number would be taken for seconds since 1970.
    if isinstance(value, str) and _DAY.fullmatch(value) is None:
        raise ValueError("write a day as 2026-03-02")
    return value


Day = Annotated[date, BeforeValidator(_written_out)]
FirstDay = Annotated[Day | None, Query(description="Not before this UTC day of data")]
LastDay = Annotated[Day | None, Query(description="Not after this UTC day of data")]


def days_of(first: date | None, last: date | None) -> tuple[date, date]:
    """The days from the first to the last; what is not given is no bound."""
    return first or date.min, last or date.max


@router.get("/alerts")
def list_alerts(
    request: Request,
    response: Response,
    desk: OfDesk,
    reader: Reader,
    environment: Environment = None,
    detector: Detector = None,
    state: State | None = None,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    limit: Limit = 100,
    after: After = None,
) -> AlertPage:
    """Alerts: newest day first, within a day the highest score first."""
    found = desk.cases.alerts(
        None,
        detector,
        state,
        limit,
        after,
        within=readable(reader, environment),
        days=days_of(first_day, last_day),
    )
    page = [
        _view(alert, links)
        for alert, links in zip(found, links_of(desk.reports, found), strict=True)
    ]
    last = page[-1].alert_id if len(page) == limit else None
    link(request, response, last)
    return AlertPage(alerts=page, after=last)


@router.get("/alerts/{alert_id}", responses=MISSING)
def read_alert(alert_id: AlertId, desk: OfDesk, reader: Reader) -> AlertWhole:
    """An alert with the lines and the context that its scorer sent."""
    try:
        found = desk.cases.alert(alert_id)
    except InputError:
        found = None
    if found is None or not reader.may(Permission.READ, found.environment):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such alert")
    (links,) = links_of(desk.reports, [found])
    return AlertWhole(alert=_view(found, links), record=desk.cases.record(found.alert_id))


def _view(alert: Alert, links: Links) -> AlertView:
    return AlertView.model_validate(alert).model_copy(update=vars(links))
