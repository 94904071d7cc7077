"""What analysts are asked about."""

from sqlalchemy import Column, Date, DateTime, Float, ForeignKey, Index, Integer, String, Table

from triage.schema.base import metadata

# Of which alerts a random slice was drawn: those of a detector in an environment on a day.
slices = Table(
    "slices",
    metadata,
    Column("environment", String(200), primary_key=True),
    Column("detector", String(200), primary_key=True),
    Column("day", Date, primary_key=True),
    # Drawn at random: whoever writes logs cannot know which alerts are in the slice.
    Column("salt", String(32), nullable=False),
    # How many alerts it was drawn from, and when that was last.
    Column("alerts", Integer, nullable=False),
    Column("drawn", DateTime, nullable=False),
)

slice_members = Table(
    "slice_members",
    metadata,
    Column("alert_id", ForeignKey("alerts.alert_id"), primary_key=True),
    Column("environment", String(200), nullable=False),
    Column("detector", String(200), nullable=False),
    Column("day", Date, nullable=False),
    # Its number in the lot, between 0 and 1: the members have the smallest ones.
    Column("lot", Float, nullable=False),
    Index("slice_members_of", "detector", "day"),
)
