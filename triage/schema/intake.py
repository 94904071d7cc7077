"""Uploads and feature ideas that are being tried."""

from sqlalchemy import JSON, Column, Date, DateTime, ForeignKey, Index, String, Table, Text

from triage.schema.base import metadata

# Work that takes longer than a page may.
jobs = Table(
    "jobs",
    metadata,
    Column("job_id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", DateTime, nullable=False),
    # `waiting`, `running`, `done`, `failed` or `stopped`.
    Column("state", String(16), nullable=False),
    # When whoever runs it last said so; long ago: that one is gone, and it waits again.
    Column("touched", DateTime),
    Column("progress", Text, nullable=False),
    Column("found", JSON),
    Column("problem", Text),
    Column("ended", DateTime),
    Index("jobs_newest", "kind", "at"),
    Index("jobs_by_state", "state", "at"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("upload_id", ForeignKey("jobs.job_id"), primary_key=True),
    Column("dataset", String(200), nullable=False),
    # The day that the raw log was written on or before.
    Column("day", Date, nullable=False),
    Column("raw_name", String(255), nullable=False),
    Column("note", Text, nullable=False),
    # `accepted` or `discarded`; null while nobody has decided.
    Column("decision", String(16)),
    Column("contribution", String(64)),
)

ideas = Table(
    "ideas",
    metadata,
    Column("idea_id", ForeignKey("jobs.job_id"), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("definition", Text, nullable=False),
)
