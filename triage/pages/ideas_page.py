"""`/ideas`: paste the definition of a feature, see what it would bring."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from triage.access import Permission, Principal, needs
from triage.definitions import definitions
from triage.desk import Desk, OfDesk
from triage.intake.ideas import MOST_CHARACTERS, Ideas, TriedIdea
from triage.pages.rendering import is_part, page
from whetstone.errors import InputError

router = APIRouter()
Proposer = Annotated[Principal, needs(Permission.IDEA)]
IdeaId = Annotated[str, Path(max_length=32)]
_EXAMPLE = """\
name: "night_share"
description: "People who log in at night may be somebody else."
feature_view: "{view}"
features {{
  name: "night_share"
  display_name: "Share at night"
  data_type: "DOUBLE"
  definition: "avg(CASE WHEN hour(event_time) < 6 THEN 1.0 ELSE 0.0 END)"
}}
"""


@router.get("/ideas")
def ideas_page(request: Request, desk: OfDesk, _: Proposer) -> Response:
    """What was tried, and a form to try more."""
    return _listed(request, desk)


@router.post("/ideas")
def propose(
    request: Request,
    desk: OfDesk,
    principal: Proposer,
    definition: Annotated[str, Form(max_length=MOST_CHARACTERS)],
) -> Response:
    """Check an idea at once, and have it tried."""
    # Forms end lines as HTTP does.
    text = definition.replace("\r\n", "\n")
    try:
        idea_id = Ideas(desk).propose(text, principal.name)
    except InputError as error:
        return _listed(request, desk, text, str(error))
    return RedirectResponse(f"/ideas/{idea_id}", HTTPStatus.SEE_OTHER)


@router.get("/ideas/{idea_id}")
def idea_page(request: Request, desk: OfDesk, _: Proposer, idea_id: IdeaId) -> Response:
    """What came of an idea; as a part for htmx while that is not known yet."""
    idea = _known(desk, idea_id)
    template = "parts/idea.html" if is_part(request) else "idea.html"
    return page(request, template, {"idea": idea, "report": Ideas(desk).page_of(idea)})


@router.post("/ideas/{idea_id}/stop")
def stop(desk: OfDesk, _: Proposer, idea_id: IdeaId) -> Response:
    """Try it no longer."""
    _known(desk, idea_id)
    Ideas(desk).stop(idea_id)
    return RedirectResponse(f"/ideas/{idea_id}", HTTPStatus.SEE_OTHER)


def _listed(request: Request, desk: Desk, definition: str = "", problem: str = "") -> Response:
    views = definitions(desk.settings).feature_views
    values = {
        "ideas": Ideas(desk).listed(),
        "views": sorted(views),
        "definition": definition or _EXAMPLE.format(view=next(iter(sorted(views)), "")),
        "problem": problem,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return page(request, "ideas.html", values, status)


def _known(desk: Desk, idea_id: str) -> TriedIdea:
    idea = Ideas(desk).idea(idea_id)
    if idea is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such idea")
    return idea
