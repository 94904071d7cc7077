"""What the assets that write reports show of them in the UI."""

from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from whetstone.settings import Settings


def link(settings: Settings, html: Path) -> dg.UrlMetadataValue:
    """A link to a report's page; browsers refuse links to files."""
    return dg.MetadataValue.url(f"{settings.reports_url}/{html.relative_to(settings.reports)}")


def bullets(reasons: Iterable[str]) -> dg.MarkdownMetadataValue:
    """Reasons as a list, or that there are none.

    They may quote log text, which must not become markup: what Markdown would read is escaped.
    """
    listed = "\n".join(f"- {_plain(reason)}" for reason in reasons)
    return dg.MetadataValue.md(listed or "nothing stands out")


def _plain(text: str) -> str:
    marks = "\\`*_{}[]<>()#!|"
    return "".join(f"\\{character}" if character in marks else character for character in text)
