"""What scorers report, and the scorers themselves."""

from sqlalchemy import JSON, Column, DateTime, Index, Integer, String, Table

from triage.schema.base import metadata

# What scorers report, the latest revision of each record.
records = Table(
    "scorer_records",
    metadata,
    # Champion and challenger may find the same alert.
    Column("record_id", String(128), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("alert_id", String(128), index=True),
    Column("environment", String(200), nullable=False),
    Column("detector", String(200)),
    Column("kind", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", String(16)),
    Column("at", DateTime, nullable=False),
    # By the platform's clock, which retention goes by.
    Column("received", DateTime, nullable=False),
    # The same of the first revision; null in records of an earlier release.
    Column("raised", DateTime),
    Column("record", JSON, nullable=False),
    Index("scorer_records_newest", "role", "at"),
    Index("scorer_records_received", "role", "received"),
)

scorers = Table(
    "scorers",
    metadata,
    Column("environment", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("heard", DateTime, nullable=False),
    Column("digest", JSON, nullable=False),
)
