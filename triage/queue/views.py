"""Views of the queue that people keep under a name."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, insert, select, update

from triage import schema
from triage.database import Alone, Database
from triage.texts import checked_text
from whetstone.errors import InputError

MOST_VIEWS = 100
"""One person's."""
_W = schema.views.c


@dataclass(frozen=True)
class View:
    """What somebody asks of the queue again and again.

    Attributes:
        query: the part of the queue's address behind `?`.
        created: when its name was first saved; naive UTC.
    """

    view_id: str
    owner: str
    name: str
    query: str
    created: datetime


class Views:
    """The kept views of everybody; each sees their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, owner: str) -> list[View]:
        """Somebody's views by name."""
        query = select(schema.views).where(_W.owner == owner).order_by(_W.name)
        with self._database.reading() as connection:
            return [View(**row._mapping) for row in connection.execute(query)]

    def save(self, owner: str, name: str, query: str) -> View:
        """Keep a view; one of the same name is replaced.

        Raises:
            InputError: the name or the query is missing, too long or not storable, or there are
                `MOST_VIEWS` already.
        """
        name = checked_text("name", name.strip(), 100, required=True)
        query = checked_text("query", query, 2_000, required=False)
        same = (_W.owner == owner, _W.name == name)
        with self._database.writing(Alone.VIEWS) as connection:
            row = connection.execute(select(schema.views).where(*same)).first()
            if row is not None:
                connection.execute(update(schema.views).where(*same).values(query=query))
                return View(**{**row._mapping, "query": query})
            mine = select(func.count()).select_from(schema.views).where(_W.owner == owner)
            if connection.execute(mine).scalar_one() >= MOST_VIEWS:
                raise InputError(f"{MOST_VIEWS} views are kept already: delete one of them")
            now = datetime.now(UTC).replace(tzinfo=None)
            view = View(uuid.uuid4().hex, owner, name, query, now)
            connection.execute(insert(schema.views).values(vars(view)))
            return view

    def delete(self, owner: str, view_id: str) -> None:
        """Forget one of somebody's own views; InputError: there is none of that id."""
        mine = delete(schema.views).where(_W.owner == owner, _W.view_id == view_id)
        with self._database.writing() as connection:
            if not connection.execute(mine).rowcount:
                raise InputError(f"you keep no view {view_id!r}")
