"""Groups of alerts, and views of the queue that people keep.

Groups and patterns follow from alerts, verdicts and assets; `triage.queue.refresh` keeps them.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    DateTime,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from triage.schema.base import metadata

# The same in every locale, so that what begins with a text lies side by side.
_PLAIN = String(100).with_variant(String(100, collation="C"), "postgresql")

# Alerts of a detector about a subject that look alike on a day.
groups = Table(
    "alert_groups",
    metadata,
    Column("group_id", String(32), primary_key=True),
    Column("environment", String(200), nullable=False),
    Column("detector", String(200), nullable=False),
    # The unit and the entity, if it is the same of all alerts; else the subject alone.
    Column("unit", Text, nullable=False),
    Column("entity", JSON, nullable=False),
    # Whom the alerts are about, in lower case: the first value of their entities.
    Column("subject", _PLAIN, nullable=False),
    Column("pattern", String(64), nullable=False),
    Column("day", Date, nullable=False),
    # `open` with an open alert; else `judged` with a judged one; else `allowed`.
    Column("state", String(16), nullable=False),
    # Alerts that are open, judged, or held by an allow rule; others count nowhere.
    Column("open", Integer, nullable=False),
    Column("judged", Integer, nullable=False),
    Column("allowed", Integer, nullable=False),
    # Of the judged ones, what analysts decided; the others are unsure, or in conflict.
    Column("true_positives", Integer, nullable=False),
    Column("false_positives", Integer, nullable=False),
    # Raw events of all of them as far as known, and how many alerts tell theirs.
    Column("events", BigInteger, nullable=False),
    Column("counted", Integer, nullable=False),
    Column("first", DateTime, nullable=False),
    Column("last", DateTime, nullable=False),
    Column("top_alert", String(128), nullable=False),
    # The factors of the risk; see `triage.queue.risk`.
    Column("calibrated", Float, nullable=False),
    Column("weight", Float, nullable=False),
    Column("base", Float, nullable=False),
    Column("detectors", Integer, nullable=False),
    Column("risk", Float, nullable=False),
    # All that the queue filters by stands behind its order: what does not fit is passed over
    # within the index.
    Index("alert_groups_queue", "state", "risk", "group_id", "environment", "detector", "day"),
    Index("alert_groups_by_pattern", "environment", "pattern", "state", "risk"),
    Index("alert_groups_by_day", "environment", "pattern", "day", "state"),
    Index("alert_groups_by_subject", "subject", "environment", "day", "detector"),
    Index("alert_groups_by_detector", "detector", "day", "environment", "group_id"),
)

# What looks alike in an environment.
patterns = Table(
    "alert_patterns",
    metadata,
    Column("environment", String(200), primary_key=True),
    Column("pattern", String(64), primary_key=True),
    Column("detector", String(200), nullable=False),
    Column("title", Text, nullable=False),
    Column("state", String(16), nullable=False),
    # Sums over its groups; `open_groups` and so on are groups by state.
    Column("groups", Integer, nullable=False),
    Column("open_groups", Integer, nullable=False),
    Column("judged_groups", Integer, nullable=False),
    # Groups in which analysts found an attack, and groups in which they found none.
    Column("true_groups", Integer, nullable=False),
    Column("false_groups", Integer, nullable=False),
    # What they say about its other groups; see `triage.queue.risk`.
    Column("standing", Float, nullable=False),
    Column("open", Integer, nullable=False),
    Column("judged", Integer, nullable=False),
    Column("allowed", Integer, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("counted", Integer, nullable=False),
    # The highest risk among its groups of its own state.
    Column("risk", Float, nullable=False),
    Index("alert_patterns_queue", "state", "risk", "environment", "pattern", "detector"),
)

# What things weigh, as the catalog says.
assets = Table(
    "assets",
    metadata,
    Column("environment", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("values", JSON, nullable=False),
    Column("weight", Float, nullable=False),
)

views = Table(
    "saved_views",
    metadata,
    Column("view_id", String(32), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("name", String(200), nullable=False),
    # The part of the queue's address behind `?`.
    Column("query", Text, nullable=False),
    Column("created", DateTime, nullable=False),
    Index("saved_views_by_name", "owner", "name", unique=True),
)
