"""`/alerts/{alert_id}`: one alert with all that helps to judge it.

The page itself asks the case store only, and is there at once. What lies in the lake (raw lines,
the entity's events) it fetches when it stands; without scripts, links lead there.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from triage.access import Permission, Principal, needs
from triage.desk import Desk, OfDesk
from triage.evidence.cards import card_of
from triage.evidence.events import events_an_hour
from triage.evidence.history import beside, neighbours, recent_verdicts, sightings
from triage.evidence.identity import Inquiry, look_behind
from triage.evidence.lines import lines_of
from triage.evidence.place import Place
from triage.evidence.reasons import in_order, reasons_of
from triage.evidence.told import told_events
from triage.pages.asked import Asked
from triage.pages.drawing import Timeline, bars, strip, timeline
from triage.pages.names import names
from triage.pages.queue_page import fresh_id
from triage.pages.rendering import is_part, page
from triage.records import Alert
from triage.report_links import links_of
from whetstone.errors import InputError, NotReadyError, ReleaseError

router = APIRouter(prefix="/alerts/{alert_id}")
AlertId = Annotated[str, Path(max_length=128)]
Reader = Annotated[Principal, needs(Permission.READ)]
_AROUND = timedelta(hours=12)
_MOST_HOURS = 72
# What a scorer calls a time may be any: hours around these can be counted.
_FIRST, _LAST = datetime.fromisoformat("0002-01-01"), datetime.fromisoformat("9998-12-31")


@router.get("")
def alert_page(request: Request, alert_id: AlertId, desk: OfDesk, principal: Reader) -> Response:
    """What, who, when; why; what is known beside it."""
    alert = _found(desk, principal, alert_id)
    place = Place(alert, desk.settings)
    with desk.database.reading() as connection:
        values = {
            "neighbours": neighbours(connection, alert),
            "recent": recent_verdicts(
                connection, alert.detector, principal.environments(Permission.READ)
            ),
            "beside": beside(connection, alert),
        }
    reasons = reasons_of(alert)
    placed = [reason for reason in in_order(reasons) if reason.position is not None]
    (links,) = links_of(desk.reports, [alert])
    values |= {
        "names": names(desk, principal),
        "place": place,
        "features": {f.name: f for f in place.view.features} if place.view else {},
        "reasons": list(zip(reasons, bars([r.contribution for r in reasons]), strict=True)),
        "strip": strip([(r.position or 0, r.contribution) for r in placed]),
        "placed": {reason.position: reason for reason in placed},
        "told": told_events(desk.cases.record(alert.alert_id)),
        "links": links,
        "alike": Asked(environment=alert.environment, pattern=alert.pattern or "", state="all"),
        "form_id": fresh_id(),
        "may_judge": principal.may(Permission.JUDGE, alert.environment),
        "may_look_behind": principal.may(Permission.REIDENTIFY, alert.environment),
        **_history(desk, alert, events=None),
    }
    return page(request, "alert.html", {"alert": alert, **values})


@router.get("/lines")
def alert_lines(request: Request, alert_id: AlertId, desk: OfDesk, principal: Reader) -> Response:
    """The raw lines, with what the explanation speaks of marked in them."""
    alert = _found(desk, principal, alert_id)
    lines = lines_of(Place(alert, desk.settings), desk.cases.record(alert.alert_id))
    return _part(request, "alert_lines.html", {"alert": alert, "lines": lines})


@router.get("/timeline")
def alert_timeline(
    request: Request, alert_id: AlertId, desk: OfDesk, principal: Reader
) -> Response:
    """The entity's hours: alerts of all detectors, and its events in the lake."""
    alert = _found(desk, principal, alert_id)
    first, hours = _hours(alert)
    events = events_an_hour(Place(alert, desk.settings), first, hours)
    return _part(request, "alert_timeline.html", {"alert": alert, **_history(desk, alert, events)})


@router.get("/card")
def alert_card(request: Request, alert_id: AlertId, desk: OfDesk, principal: Reader) -> Response:
    """The model card of the release that raised the alert."""
    alert = _found(desk, principal, alert_id)
    try:
        card, problem = card_of(desk.settings, alert), ""
    except (NotReadyError, ReleaseError) as error:
        card, problem = None, str(error)
    return page(request, "alert_card.html", {"alert": alert, "card": card, "problem": problem})


@router.post("/identity")
def alert_identity(
    request: Request,
    alert_id: AlertId,
    desk: OfDesk,
    principal: Annotated[Principal, needs(Permission.REIDENTIFY)],
    why: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Who is behind the pseudonyms; the reason is on record before it is shown.

    The answer is no redirection: what it shows is at no address that could be asked for again.
    """
    alert = _found(desk, principal, alert_id)
    principal.check(Permission.REIDENTIFY, alert.environment, "alert_id")
    catalog = Place(alert, desk.settings).catalog
    values: dict[str, Any] = {"alert": alert, "why": why, "originals": [], "problem": ""}
    status = HTTPStatus.OK
    try:
        if catalog is None:
            raise NotReadyError("the definitions cannot be read now; run `whetstone catalog check`")
        asked = {"alert": alert.alert_id, "environment": alert.environment}
        desk.trail.append(principal.name, "reidentify", why, asked)
        inquiry = Inquiry(principal.name, why)
        values["originals"] = look_behind(alert, inquiry, catalog, desk.settings)
    except (InputError, NotReadyError) as error:
        values["problem"], status = str(error), HTTPStatus.UNPROCESSABLE_ENTITY
    return page(request, "alert_identity.html", values, status)


def _found(desk: Desk, principal: Principal, alert_id: str) -> Alert:
    try:
        found = desk.cases.alert(alert_id)
    except InputError:
        found = None
    if found is None or not principal.may(Permission.READ, found.environment):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such alert")
    return found


def _hours(alert: Alert) -> tuple[datetime, int]:
    """The hours around an alert: half a day before its unit and after it, three days at most."""
    start, end = (min(max(at, _FIRST), _LAST) for at in (alert.unit_start, alert.event_timestamp))
    first = (start - _AROUND).replace(minute=0, second=0, microsecond=0)
    return first, min(_MOST_HOURS, max(1, -(-(end + _AROUND - first) // timedelta(hours=1))))


def _history(desk: Desk, alert: Alert, events: list[int] | None) -> dict[str, Any]:
    first, hours = _hours(alert)
    last = first + timedelta(hours=hours)
    with desk.database.reading() as connection:
        seen = sightings(connection, alert, first.date(), last.date())
    seen = [each for each in seen if first <= each.at <= last]
    unit = (alert.unit_start, alert.event_timestamp)
    drawn: Timeline = timeline(first, hours, unit, [(s.detector, s.at) for s in seen], events)
    return {"seen": seen, "drawn": drawn, "events": events}


def _part(request: Request, template: str, values: dict[str, Any]) -> Response:
    """A part for htmx, the same as a page of its own for whoever has no scripts."""
    frame = "part.html" if is_part(request) else "base.html"
    return page(request, template, {"frame": frame, **values})
