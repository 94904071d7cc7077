"""What the statements over scorers' records have in common."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, or_
from sqlalchemy.dialects import postgresql, sqlite

from triage import schema

ERASED = "erased"
"""Status of a record whose subject was erased; nothing that is sent later replaces it."""
_R = schema.records.c


def not_erased() -> ColumnElement[bool]:
    """Whether a record still says something."""
    return or_(_R.status.is_(None), _R.status != ERASED)


def dialect_of(connection: Connection) -> Any:
    """What knows how this database inserts or updates."""
    return sqlite if connection.dialect.name == "sqlite" else postgresql
