"""What is known here, in formats that SIEMs, case tools and rule repositories take."""

import json
from collections.abc import Iterator
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

from triage.access import Principal
from triage.api.alerts import FirstDay, LastDay, days_of
from triage.api.paging import link
from triage.api.parameters import Detector, Environment, Limit, Reader, readable
from triage.definitions import definitions
from triage.desk import Desk, OfDesk
from triage.exchange import ecs, sigma, stix
from triage.exchange.stable import stable_patterns
from triage.records import Alert, State, VerdictValue, decide

router = APIRouter(prefix="/exports", tags=["exports"])
_PAGE = 500
_NDJSON = "application/x-ndjson"
_STIX = "application/stix+json"
_YAML = "application/yaml"


def _as(media: str, what: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": what, "content": {media: {}}}}


@router.get("/ecs", response_class=StreamingResponse, responses=_as(_NDJSON, "A line an alert"))
def export_ecs(
    desk: OfDesk,
    reader: Reader,
    environment: Environment = None,
    detector: Detector = None,
    state: State | None = None,
    first_day: FirstDay = None,
    last_day: LastDay = None,
) -> StreamingResponse:
    """Alerts as documents of the Elastic Common Schema, one a line, without end of pages.

    The action `event.action` and `whetstone.state` say how an alert stands; index them by
    `event.id`, so that a later export replaces what an earlier one said.
    """
    within = readable(reader, environment)
    catalog = definitions(desk.settings)
    _audit(desk, reader, "ecs", environment)
    found = _walk(desk, within, detector, state, days_of(first_day, last_day))
    lines = (json.dumps(ecs.document(catalog, alert)).encode() + b"\n" for alert in found)
    return StreamingResponse(lines, media_type=_NDJSON)


@router.get(
    "/stix",
    response_class=JSONResponse,
    responses={
        200: {"description": "A bundle", "content": {_STIX: {"schema": {"type": "object"}}}}
    },
)
def export_stix(
    request: Request,
    desk: OfDesk,
    reader: Reader,
    environment: Environment = None,
    detector: Detector = None,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    limit: Limit = _PAGE,
    after: Annotated[str | None, Query(max_length=128, description="See the header `Link`")] = None,
) -> Response:
    """Sightings of the attacks that analysts confirmed, as a STIX 2.1 bundle.

    `limit` counts the judged alerts that are looked at; the header `Link` leads to the next ones.
    """
    judged = desk.cases.alerts(
        None,
        detector,
        "judged",
        limit,
        after,
        within=readable(reader, environment),
        days=days_of(first_day, last_day),
    )
    decisions = [decision for alert in judged if (decision := decide(alert)) is not None]
    confirmed = [each for each in decisions if each.value is VerdictValue.TRUE_POSITIVE]
    _audit(desk, reader, "stix", environment)
    content = stix.bundle(definitions(desk.settings), confirmed)
    response = JSONResponse(content, HTTPStatus.OK, media_type=_STIX)
    link(request, response, judged[-1].alert_id if len(judged) == limit else None)
    return response


@router.get("/sigma", response_class=PlainTextResponse, responses=_as(_YAML, "A document a rule"))
def export_sigma(
    desk: OfDesk,
    reader: Reader,
    environment: Environment = None,
    detector: Detector = None,
    confirmed: Annotated[
        int, Query(ge=2, le=1000, description="Confirmed alerts that make a pattern stable")
    ] = 3,
) -> Response:
    """Sigma rules for stable patterns: confirmed so often, and never found harmless.

    A rule says what the alerts of its pattern have in common, as far as Sigma has words for it; it
    finds less than the detector does. What cannot be said stands as a comment at the end.
    """
    _audit(desk, reader, "sigma", environment)
    patterns = stable_patterns(desk.cases, readable(reader, environment), detector, confirmed)
    return Response(sigma.rules(definitions(desk.settings), patterns), media_type=_YAML)


def _walk(
    desk: Desk,
    within: frozenset[str] | None,
    detector: str | None,
    state: State | None,
    days: tuple[date, date],
) -> Iterator[Alert]:
    after: str | None = None
    while True:
        page = desk.cases.alerts(None, detector, state, _PAGE, after, within=within, days=days)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].alert_id


def _audit(desk: Desk, reader: Principal, kind: str, environment: str | None) -> None:
    details = {"format": kind, "environment": environment or "all"}
    desk.trail.append(reader.name, "export", "over the API", details)
