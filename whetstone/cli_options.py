"""Options that several commands share."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from whetstone.errors import InputError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Day = Annotated[
    str | None,
    typer.Option(help="Day the file was landed on, YYYY-MM-DD; gives year-less clocks their year."),
]


def day_of(text: str | None) -> date:
    """A day option's value; today (UTC) when it was not given."""
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--day {text}: write YYYY-MM-DD") from error
