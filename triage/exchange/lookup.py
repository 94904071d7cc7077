"""Where alerts are, which decides who may see and judge them."""

from collections.abc import Collection

from sqlalchemy import select

from triage import schema
from triage.database import Database

_A = schema.alerts.c


def environments_of(database: Database, alert_ids: Collection[str]) -> dict[str, str]:
    """The environment of each alert that there is, by its id."""
    query = select(_A.alert_id, _A.environment).where(_A.alert_id.in_(alert_ids))
    with database.reading() as connection:
        return {row.alert_id: row.environment for row in connection.execute(query)}
