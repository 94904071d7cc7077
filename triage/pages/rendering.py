"""From a template and values to a page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

STATIC = Path(__file__).parent / "static"
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    request: Request, template: str, values: Mapping[str, Any], status: int = 200
) -> HTMLResponse:
    """A page, or a part of one for htmx.

    Args:
        request: whose principal the page greets.
        template: below `templates/`; whole pages extend `base.html`.
        values: what the template names besides `request` and `principal`.
        status: of HTTP.
    """
    known = {"request": request, "principal": request.state.principal}
    return HTMLResponse(_TEMPLATES.get_template(template).render({**known, **values}), status)
