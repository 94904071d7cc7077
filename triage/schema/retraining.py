"""What calls for retrainings, and what holds them back."""

from sqlalchemy import Column, Date, DateTime, Index, Integer, String, Table, Text

from triage.schema.base import metadata

# What calls for a retraining apart from data.
triggers = Table(
    "triggers",
    metadata,
    # Follows from what it is about: to store it again changes nothing.
    Column("trigger_id", String(400), primary_key=True),
    Column("detector", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", DateTime, nullable=False),
    Column("day", Date),
    Index("triggers_newest", "detector", "at"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("pause_id", Integer, primary_key=True, autoincrement=True),
    # `*`: all detectors.
    Column("detector", String(200), nullable=False, index=True),
    Column("by", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", DateTime, nullable=False),
    Column("until", DateTime),
    Column("resumed", DateTime),
    Column("resumed_by", String(200)),
)
