"""`/settings`: how the desk looks to who uses it, their views, and the way to the rest."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from triage.access import Permission, Principal, needs
from triage.desk import OfDesk
from triage.pages.rendering import THEMES, page
from triage.queue.views import Views

router = APIRouter()
Reader = Annotated[Principal, needs(Permission.READ)]
_YEAR_SECONDS = 365 * 86_400


@router.get("/settings")
def settings_page(request: Request, desk: OfDesk, principal: Reader) -> Response:
    """What one may set oneself, and links to what those set who manage the desk."""
    values = {
        "views": Views(desk.database).of(principal.name),
        "manages": principal.may(Permission.MANAGE),
    }
    return page(request, "settings.html", values)


@router.post("/theme")
def choose_theme(
    _: Reader, theme: Annotated[str, Form()], back: Annotated[str, Form()] = "/"
) -> Response:
    """Keep the theme in a cookie, and go back to where it was chosen."""
    answer = RedirectResponse(here(back), 303)
    if theme in THEMES:
        answer.set_cookie("theme", theme, _YEAR_SECONDS, samesite="strict", httponly=True)
    return answer


def here(path: str) -> str:
    """`path` if it is one of this site, else its front page."""
    plain = path.isascii() and path.isprintable() and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"
