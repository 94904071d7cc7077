"""The tables of before revisions: stores of that time have them, but not all of their columns."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_LATE = (
    ("alerts", sa.Column("per_day", sa.Float())),
    ("alerts", sa.Column("status", sa.String(16))),
    ("scorer_records", sa.Column("raised", sa.DateTime())),
)


def upgrade() -> None:
    """Make what is missing."""
    _create()
    inspector = sa.inspect(op.get_bind())
    for table, column in _LATE:
        if column.name not in {there["name"] for there in inspector.get_columns(table)}:
            op.add_column(table, column)


def _create() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(length=128), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("detector", sa.String(length=200), nullable=False),
        sa.Column("model_version", sa.String(length=200), nullable=False),
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("entity", sa.JSON(), nullable=False),
        sa.Column("unit_start", sa.DateTime(), nullable=False),
        sa.Column("event_timestamp", sa.DateTime(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("explanation", sa.JSON(), nullable=False),
        sa.Column("per_day", sa.Float()),
        sa.Column("firing", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16)),
        sa.PrimaryKeyConstraint("alert_id"),
        if_not_exists=True,
    )
    op.create_index("alerts_by_day", "alerts", ["detector", "day"], if_not_exists=True)
    op.create_index("alerts_queue", "alerts", ["day", "score"], if_not_exists=True)
    op.create_table(
        "conditions",
        sa.Column("condition_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("began", sa.DateTime(), nullable=False),
        sa.Column("ended", sa.DateTime()),
        sa.PrimaryKeyConstraint("condition_id"),
        if_not_exists=True,
    )
    op.create_index("ix_conditions_ended", "conditions", ["ended"], if_not_exists=True)
    op.create_table(
        "pauses",
        sa.Column("pause_id", sa.Integer(), nullable=False),
        sa.Column("detector", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime()),
        sa.Column("resumed", sa.DateTime()),
        sa.Column("resumed_by", sa.String(length=200)),
        sa.PrimaryKeyConstraint("pause_id"),
        if_not_exists=True,
    )
    op.create_index("ix_pauses_detector", "pauses", ["detector"], if_not_exists=True)
    op.create_table(
        "scorer_records",
        sa.Column("record_id", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("alert_id", sa.String(length=128)),
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("detector", sa.String(length=200)),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16)),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("received", sa.DateTime(), nullable=False),
        sa.Column("raised", sa.DateTime()),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "role"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_scorer_records_alert_id", "scorer_records", ["alert_id"], if_not_exists=True
    )
    op.create_index("scorer_records_newest", "scorer_records", ["role", "at"], if_not_exists=True)
    op.create_index(
        "scorer_records_received", "scorer_records", ["role", "received"], if_not_exists=True
    )
    op.create_table(
        "scorers",
        sa.Column("environment", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("heard", sa.DateTime(), nullable=False),
        sa.Column("digest", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "name"),
        if_not_exists=True,
    )
    op.create_table(
        "triggers",
        sa.Column("trigger_id", sa.String(length=400), nullable=False),
        sa.Column("detector", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("day", sa.Date()),
        sa.PrimaryKeyConstraint("trigger_id"),
        if_not_exists=True,
    )
    op.create_index("triggers_newest", "triggers", ["detector", "at"], if_not_exists=True)
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("condition_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["condition_id"], ["conditions.condition_id"]),
        sa.PrimaryKeyConstraint("delivery_id"),
        if_not_exists=True,
    )
    op.create_index("deliveries_due", "deliveries", ["state", "next_at"], if_not_exists=True)
    op.create_index(
        "ix_deliveries_condition_id", "deliveries", ["condition_id"], if_not_exists=True
    )
    op.create_table(
        "verdicts",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("verdict_id", sa.String(length=200), nullable=False),
        sa.Column("alert_id", sa.String(length=128), nullable=False),
        sa.Column("value", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"]),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("verdict_id"),
        if_not_exists=True,
    )
    op.create_index("ix_verdicts_alert_id", "verdicts", ["alert_id"], if_not_exists=True)
    op.create_index("ix_verdicts_at", "verdicts", ["at"], if_not_exists=True)
