"""Revisions of the case store's tables, carried out by Alembic.

Each revision in `versions/` is frozen: it says what the tables became then. To change a table,
change `triage.schema`, add a revision and set `triage.database.REVISION`; a test compares the two.

Groups and patterns follow from other tables. A revision after which they have to be made anew says
`QUEUE_ANEW = True`: one that changes what is kept of them, or that comes with code that makes them
otherwise.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from triage.queue import rebuild
from whetstone import console


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for a connection within a transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest revision, within the connection's transaction.

    Where the queue has to be made anew, which takes minutes with a million alerts, progress goes to
    standard error.
    """
    config = configuration(connection)
    before = MigrationContext.configure(connection).get_current_revision()
    command.upgrade(config, "head")
    done = ScriptDirectory.from_config(config).iterate_revisions("head", before or "base")
    if any(getattr(revision.module, "QUEUE_ANEW", False) for revision in done):
        rebuild(connection, console.say)
