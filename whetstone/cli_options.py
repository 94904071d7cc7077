"""Options that several commands share."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from whetstone.errors import InputError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Day = Annotated[
    str | None,
    typer.Option(help="Day the file was landed on, YYYY-MM-DD; gives year-less clocks their year."),
]

ReleaseDirectory = Annotated[
    Path | None, typer.Option("--repository", help="Release repository; default: the home's.")
]


def day_of(text: str | None) -> date:
    """A day option's value; today (UTC) when it was not given."""
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--day {text}: write YYYY-MM-DD") from error


def trusted_root(file: Path | None) -> bytes | None:
    """A `--root` option's value: root metadata of a release repository.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    if file is None:
        return None
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Root  # pyright: ignore[reportPrivateImportUsage]

    remedy = "give the platform's metadata/1.root.json, brought here by a way you trust"
    try:
        content = file.read_bytes()
        Metadata[Root].from_bytes(content)
    except OSError as error:
        raise InputError(f"--root {file}: {error.strerror}; {remedy}") from error
    except RepositoryError as error:
        raise InputError(f"--root {file}: is no root metadata ({error}); {remedy}") from error
    return content
