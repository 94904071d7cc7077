"""From a template and values to a page."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from triage.access import Permission
from triage.pages.statics import static_url
from triage.pages.techniques import titled
from triage.pages.text import seen, shown
from triage.records import REASONS

THEMES = ("auto", "light", "dark")
_PAGES = (
    ("/", "Queue", Permission.READ),
    ("/label", "Label next", Permission.JUDGE),
    ("/rules", "Rules", Permission.READ),
    ("/receipts", "Receipts", Permission.READ),
    ("/contribute", "Contribute", Permission.CONTRIBUTE),
    ("/ideas", "Ideas", Permission.IDEA),
    ("/audit", "Audit", Permission.AUDIT),
    ("/settings", "Settings", Permission.READ),
)


def page(
    request: Request, template: str, values: Mapping[str, Any], status: int = 200
) -> HTMLResponse:
    """A page, or a part of one for htmx.

    Args:
        request: whose principal the page greets.
        template: below `templates/`; whole pages extend `base.html`.
        values: what the template names besides what every page knows: `request`, `principal`
            (None where nobody is known yet), `has_session` (whether that one can log out),
            `csrf`, `theme`, `pages`.
        status: of HTTP.
    """
    principal = getattr(request.state, "principal", None)
    theme = request.cookies.get("theme", "")
    known = {
        "request": request,
        "principal": principal,
        "csrf": getattr(request.state, "csrf", ""),
        "has_session": getattr(request.state, "session", None) is not None,
        "theme": theme if theme in THEMES else THEMES[0],
        "pages": [
            (path, title)
            for path, title, permission in _PAGES
            if principal is not None and principal.may(permission)
        ],
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render({**known, **values}), status)


def is_part(request: Request) -> bool:
    """Whether htmx asks, for a part of a page; else a browser does, for a whole one."""
    return request.headers.get("hx-request") == "true"


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Whatever a template shows has passed here, so that none can forget it.
        finalize=_seen,
    )
    environment.filters |= {"shown": shown, "count": _count, "figure": _figure, "words": _words}
    environment.filters |= {"instant": _instant, "iso": _iso, "technique": titled}
    environment.globals |= {"themes": THEMES, "static": static_url}
    environment.globals["verdict_reasons"] = REASONS
    return environment


def _seen(value: object) -> object:
    return seen(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _count(value: int | None) -> str:
    """A number of things: `12,345`; unknown: a dash."""
    return "–" if value is None else f"{value:,}"


def _figure(value: float | None) -> str:
    """A measure in three digits; unknown: a dash."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _words(name: str) -> str:
    """A name of the platform as words: `benign_expected` is benign expected."""
    return name.replace("_", " ")


def _instant(at: datetime, pattern: str = "%Y-%m-%d %H:%M") -> str:
    return at.strftime(pattern)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds") + "Z"


_TEMPLATES = _templates()
