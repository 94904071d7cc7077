"""Verdicts with reason and span, that can be taken back; allow rules; receipts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What a verdict says beyond its value; the tables of rules and receipts."""
    op.add_column("verdicts", sa.Column("reason", sa.String(32)))
    op.add_column("verdicts", sa.Column("span", sa.JSON()))
    op.add_column("verdicts", sa.Column("batch_id", sa.String(200)))
    op.add_column("verdicts", sa.Column("retracted", sa.DateTime()))
    op.add_column("verdicts", sa.Column("retracted_by", sa.String(200)))
    op.create_index("ix_verdicts_batch_id", "verdicts", ["batch_id"])
    _rules()
    _receipts()


def _rules() -> None:
    op.create_table(
        "allow_rules",
        sa.Column("rule_id", sa.String(64), primary_key=True),
        sa.Column("environment", sa.String(200), nullable=False),
        sa.Column("detector", sa.String(200), nullable=False),
        sa.Column("pattern", sa.String(64)),
        sa.Column("entity", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("proposed_by", sa.String(200), nullable=False),
        sa.Column("proposed_at", sa.DateTime(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime()),
        sa.Column("reviewed_by", sa.String(200)),
        sa.Column("reviewed_at", sa.DateTime()),
        sa.Column("stopped_by", sa.String(200)),
        sa.Column("stopped_at", sa.DateTime()),
        sa.Column("stopped_for", sa.Text()),
    )
    op.create_index("allow_rules_in_force", "allow_rules", ["environment", "detector", "state"])
    op.create_table(
        "rule_checks",
        sa.Column("alert_id", sa.String(128), sa.ForeignKey("alerts.alert_id"), primary_key=True),
        sa.Column("rule_id", sa.String(64), sa.ForeignKey("allow_rules.rule_id"), nullable=False),
    )
    op.create_index("ix_rule_checks_rule_id", "rule_checks", ["rule_id"])


def _receipts() -> None:
    op.create_table(
        "receipt_steps",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("learned_from", sa.Integer()),
        sa.Column("version", sa.String(200), nullable=False),
        sa.Column("environment", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
    )
    once = ["name", "kind", "version", "environment", "at"]
    op.create_index("receipt_steps_once", "receipt_steps", once, unique=True)
    op.create_index("receipt_steps_of", "receipt_steps", ["dataset", "learned_from"])
    op.create_table(
        "receipts",
        sa.Column(
            "verdict_id", sa.String(200), sa.ForeignKey("verdicts.verdict_id"), primary_key=True
        ),
        sa.Column("dataset", sa.String(200), primary_key=True),
        sa.Column("heard", sa.Integer(), sa.ForeignKey("receipt_steps.seq"), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("split", sa.String(32), nullable=False),
        sa.Column("gone", sa.Integer(), sa.ForeignKey("receipt_steps.seq")),
    )
