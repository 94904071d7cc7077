"""The overview as one HTML page: opens from a file, loads nothing, runs only its own script."""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from monitoring.overview import LEVELS, Level, Overview
from monitoring.overview.sparkline import sparkline
from monitoring.plain import plain

FILE = "overview.html"
_SIGNS: dict[Level, str] = {"bad": "✕", "warn": "!", "ok": "✓", "waiting": "…"}


def page(overview: Overview, dashboard: str = "") -> str:
    """The page's HTML.

    Args:
        overview: what it shows.
        dashboard: URL of the dashboard of all detectors; empty: no link.
    """
    template = _templates().get_template(FILE)
    return template.render(
        overview=overview,
        counts=overview.counts,
        levels=LEVELS,
        signs=_SIGNS,
        dashboard=dashboard,
        nonce=secrets.token_urlsafe(16),
    )


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Whatever a template shows has passed here, so that none can forget it.
        finalize=_shown,
    )
    environment.globals["sparkline"] = sparkline
    environment.filters["number"] = _number
    environment.filters["share"] = _share
    environment.filters["day"] = lambda text: text[:10]
    environment.filters["age"] = _age
    return environment


def _shown(value: object) -> object:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _number(value: float | None) -> str:
    """Three digits at least, none that mean nothing."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _age(since: str, now: datetime) -> str:
    """How long ago an instant was, in its largest unit; a naive one means UTC."""
    then = datetime.fromisoformat(since)
    seconds = (now - (then if then.tzinfo else then.replace(tzinfo=now.tzinfo))).total_seconds()
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if (count := int(seconds // length)) >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "a moment"
