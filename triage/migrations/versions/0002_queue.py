"""Groups of alerts in the queue, weights of assets, saved views."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
QUEUE_ANEW = True


def upgrade() -> None:
    """What an alert folds and looks like, where it stands, and the tables of the queue."""
    op.add_column("alerts", sa.Column("events", sa.Integer()))
    op.add_column("alerts", sa.Column("pattern", sa.String(64)))
    op.add_column("alerts", sa.Column("group_id", sa.String(64)))
    op.add_column("alerts", sa.Column("probe", sa.Boolean()))
    op.add_column("alerts", sa.Column("rule_id", sa.String(64)))
    op.create_index("ix_alerts_group_id", "alerts", ["group_id"])
    op.create_index("ix_alerts_rule_id", "alerts", ["rule_id"])
    op.create_index("alerts_by_pattern", "alerts", ["environment", "pattern"])
    _create_groups()
    _create_patterns()
    op.create_table(
        "assets",
        sa.Column("environment", sa.String(200), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
    )
    op.create_table(
        "saved_views",
        sa.Column("view_id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
    )
    op.create_index("saved_views_by_name", "saved_views", ["owner", "name"], unique=True)


def _create_groups() -> None:
    subject = sa.String(100).with_variant(sa.String(100, collation="C"), "postgresql")
    op.create_table(
        "alert_groups",
        sa.Column("group_id", sa.String(32), primary_key=True),
        sa.Column("environment", sa.String(200), nullable=False),
        sa.Column("detector", sa.String(200), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("entity", sa.JSON(), nullable=False),
        sa.Column("subject", subject, nullable=False),
        sa.Column("pattern", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        *_counts("open", "judged", "allowed", "true_positives", "false_positives"),
        sa.Column("events", sa.BigInteger(), nullable=False),
        *_counts("counted"),
        sa.Column("first", sa.DateTime(), nullable=False),
        sa.Column("last", sa.DateTime(), nullable=False),
        sa.Column("top_alert", sa.String(128), nullable=False),
        *(sa.Column(name, sa.Float(), nullable=False) for name in ("calibrated", "weight", "base")),
        *_counts("detectors"),
        sa.Column("risk", sa.Float(), nullable=False),
    )
    for name, columns in (
        ("queue", ["state", "risk", "group_id", "environment", "detector", "day"]),
        ("by_pattern", ["environment", "pattern", "state", "risk"]),
        ("by_day", ["environment", "pattern", "day", "state"]),
        ("by_subject", ["subject", "environment", "day", "detector"]),
    ):
        op.create_index(f"alert_groups_{name}", "alert_groups", columns)


def _create_patterns() -> None:
    op.create_table(
        "alert_patterns",
        sa.Column("environment", sa.String(200), primary_key=True),
        sa.Column("pattern", sa.String(64), primary_key=True),
        sa.Column("detector", sa.String(200), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        *_counts("groups", "open_groups", "judged_groups", "true_groups", "false_groups"),
        sa.Column("standing", sa.Float(), nullable=False),
        *_counts("open", "judged", "allowed"),
        sa.Column("events", sa.BigInteger(), nullable=False),
        *_counts("counted"),
        sa.Column("risk", sa.Float(), nullable=False),
    )
    op.create_index(
        "alert_patterns_queue",
        "alert_patterns",
        ["state", "risk", "environment", "pattern", "detector"],
    )


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]
