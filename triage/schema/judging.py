"""Rules that take expected alerts out of the queue, and what became of verdicts."""

from sqlalchemy import JSON, Column, DateTime, ForeignKey, Index, Integer, String, Table, Text

from triage.schema.base import metadata

# What analysts expect to see for a time, see `triage.judging.rules`.
rules = Table(
    "allow_rules",
    metadata,
    Column("rule_id", String(64), primary_key=True),
    Column("environment", String(200), nullable=False),
    Column("detector", String(200), nullable=False),
    # Null: whatever it looks like.
    Column("pattern", String(64)),
    # Column of the entity -> value or network; empty: whoever it is about.
    Column("entity", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    # `proposed`, `approved`, `suspended` or `ended`.
    Column("state", String(16), nullable=False),
    Column("proposed_by", String(200), nullable=False),
    Column("proposed_at", DateTime, nullable=False),
    # For how many days it is asked for.
    Column("days", Integer, nullable=False),
    # Null until it is approved; who looks at what it hid, and prolongs it, moves it.
    Column("until", DateTime),
    Column("reviewed_by", String(200)),
    Column("reviewed_at", DateTime),
    # Who ended or suspended it and why: a true positive among what it hides does so, too.
    Column("stopped_by", String(200)),
    Column("stopped_at", DateTime),
    Column("stopped_for", Text),
    Index("allow_rules_in_force", "environment", "detector", "state"),
)

# Alerts that a rule would hide and that are shown all the same, so that somebody looks.
rule_checks = Table(
    "rule_checks",
    metadata,
    Column("alert_id", ForeignKey("alerts.alert_id"), primary_key=True),
    Column("rule_id", ForeignKey("allow_rules.rule_id"), nullable=False, index=True),
)

# What was made from verdicts, in the order in which it was seen; see `triage.judging.progress`.
receipt_steps = Table(
    "receipt_steps",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    # `dataset`, `model`, `evaluation`, `release` or `served`.
    Column("kind", String(16), nullable=False),
    # The golden dataset of a `dataset`, else the detector.
    Column("name", String(200), nullable=False),
    # The golden dataset that it comes from; empty: of `served`.
    Column("dataset", String(200), nullable=False),
    # Of what was made from a dataset: that step of it.
    Column("learned_from", Integer),
    Column("version", String(200), nullable=False),
    # Of `served` only, else empty.
    Column("environment", String(200), nullable=False),
    Column("at", DateTime, nullable=False),
    # Why it was made, as its run was told.
    Column("cause", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("receipt_steps_once", "name", "kind", "version", "environment", "at", unique=True),
    Index("receipt_steps_of", "dataset", "learned_from"),
)

# From which step to which a golden dataset heard a verdict.
receipts = Table(
    "receipts",
    metadata,
    Column("verdict_id", ForeignKey("verdicts.verdict_id"), primary_key=True),
    Column("dataset", String(200), primary_key=True),
    Column("heard", ForeignKey("receipt_steps.seq"), nullable=False),
    Column("label", String(200), nullable=False),
    Column("split", String(32), nullable=False),
    # The first without it, because it was taken back, overruled or has expired.
    Column("gone", ForeignKey("receipt_steps.seq")),
)
