"""Alerts and what analysts said of them."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from triage.schema.base import metadata

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(128), primary_key=True),
    Column("day", Date, nullable=False),
    Column("detector", String(200), nullable=False),
    Column("model_version", String(200), nullable=False),
    Column("environment", String(200), nullable=False),
    Column("source", String(200), nullable=False),
    Column("unit", Text, nullable=False),
    Column("entity", JSON, nullable=False),
    Column("unit_start", DateTime, nullable=False),
    Column("event_timestamp", DateTime, nullable=False),
    Column("score", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("explanation", JSON, nullable=False),
    Column("per_day", Float),
    # Fired when its day was last scored. The state follows from this, `status` and the verdicts.
    Column("firing", Boolean, nullable=False),
    # What a scorer said last of it (`RecordStatus`); null if none ever did.
    Column("status", String(16)),
    # Raw events that the unit folds; null: unknown.
    Column("events", Integer),
    # What it looks like, whoever it is about, and the group that it stands in; see `triage.queue`.
    Column("pattern", String(64)),
    Column("group_id", String(64), index=True),
    # Below its threshold: analysts are asked about it, and it is in no queue. Null: an alert.
    Column("probe", Boolean),
    # The allow rule that takes it out of the queue.
    Column("rule_id", String(64), index=True),
    Index("alerts_by_pattern", "environment", "pattern"),
    Index("alerts_by_day", "detector", "day"),
    Index("alerts_queue", "day", "score"),
)

verdicts = Table(
    "verdicts",
    metadata,
    # Order in which verdicts on one alert were acknowledged; clocks may jump.
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("verdict_id", String(200), nullable=False, unique=True),
    Column("alert_id", ForeignKey("alerts.alert_id"), nullable=False, index=True),
    Column("value", String(32), nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", DateTime, nullable=False, index=True),
    Column("note", Text, nullable=False),
    # Why, in a word of `triage.records.REASONS`; null: not said.
    Column("reason", String(32)),
    # The part of the raw lines that tells: `{"line": 3, "start": 10, "end": 24}`.
    Column("span", JSON),
    # Verdicts that were given as one: on a group, or by a rule.
    Column("batch_id", String(200), index=True),
    # A verdict that was taken back counts no more.
    Column("retracted", DateTime),
    Column("retracted_by", String(200)),
)
