"""Ideas for features: checked at once, tried by `whetstone idea`, their findings kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Row, select

from triage import schema
from triage.desk import Desk
from triage.intake.jobs import Job, JobKind, Jobs, add_job, jobs_by_id
from triage.texts import checked_text
from whetstone.catalog.loading import read_catalog
from whetstone.errors import CatalogError, InputError
from whetstone.ideas import read_idea

MOST_CHARACTERS = 100_000
_LISTED = 50
_FILE = "idea.textproto"
_I = schema.ideas.c
_J = schema.jobs.c


@dataclass(frozen=True)
class TriedIdea:
    """An idea that is tried, or was.

    Attributes:
        definition: an `Idea` in text format.
        job: `job.found` is what `whetstone idea --json` prints.
    """

    idea_id: str
    name: str
    definition: str
    job: Job


class Ideas:
    """The ideas of an installation."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def propose(self, definition: str, by: str) -> str:
        """Check an idea and have it tried; its id.

        Raises:
            InputError: it is not valid; a line for each problem, `idea:line: field: problem`.
        """
        checked_text("definition", definition, MOST_CHARACTERS, required=True)
        name = self._checked(definition)
        with self._desk.database.writing() as connection:
            idea_id = add_job(connection, JobKind.IDEA, by)
            values = {"idea_id": idea_id, "name": name, "definition": definition}
            connection.execute(schema.ideas.insert(), values)
        return idea_id

    def listed(self) -> list[TriedIdea]:
        """The newest ideas."""
        query = select(schema.ideas).join(schema.jobs).order_by(_J.at.desc()).limit(_LISTED)
        with self._desk.database.reading() as connection:
            return _ideas(connection, query)

    def idea(self, idea_id: str) -> TriedIdea | None:
        """The idea of this id; None: there is none."""
        with self._desk.database.reading() as connection:
            query = select(schema.ideas).where(_I.idea_id == idea_id)
            return next(iter(_ideas(connection, query)), None)

    def stop(self, idea_id: str) -> None:
        """Try it no longer; what is over stays as it is."""
        Jobs(self._desk.database).stop(idea_id)

    def page_of(self, idea: TriedIdea) -> str | None:
        """URL of the page that was written; None: there is none."""
        written = Path(str((idea.job.found or {}).get("page", "")))
        reports = self._desk.settings.reports
        if not written.is_relative_to(reports):
            return None
        return f"{self._desk.settings.reports_url.rstrip('/')}/{written.relative_to(reports)}"

    def _checked(self, definition: str) -> str:
        settings = self._desk.settings
        with TemporaryDirectory(prefix="whetstone-idea-") as directory:
            file = Path(directory) / _FILE
            file.write_text(definition, encoding="utf-8")
            try:
                found = read_idea(file, read_catalog(settings.catalog), settings.engine)
            except CatalogError as error:
                raise InputError(str(error).replace(str(file), "idea")) from error
        return found.idea.name


def idea_command(desk: Desk, idea_id: str) -> list[str]:
    """The command that tries an idea."""
    idea = Ideas(desk).idea(idea_id)
    assert idea is not None
    file = desk.settings.home / "ideas" / idea_id / _FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(idea.definition, encoding="utf-8")
    return ["idea", str(file), "--json"]


def _ideas(connection: Connection, query: Any) -> list[TriedIdea]:
    rows: Sequence[Row[Any]] = connection.execute(query).all()
    jobs = jobs_by_id(connection, [row.idea_id for row in rows])
    return [TriedIdea(**row._mapping, job=jobs[row.idea_id]) for row in rows]
