"""Revisions of the case store's tables, carried out by Alembic.

Each revision in `versions/` is frozen: it says what the tables became then. To change a table,
change `triage.schema`, add a revision and set `triage.database.REVISION`; a test compares the two.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from triage.queue.refresh import rebuild


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for a connection within a transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest revision, within the connection's transaction.

    What follows from other tables is made anew: stores of before have alerts, but no groups.
    """
    command.upgrade(configuration(connection), "head")
    rebuild(connection)
