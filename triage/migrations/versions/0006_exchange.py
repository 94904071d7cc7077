"""Webhooks, idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_GIVEN = """
INSERT INTO changes (change_id, kind, environment, subject, at, detail)
SELECT 'verdict.given/' || verdict_id, 'verdict.given', environment, verdict_id, at, '{}'
FROM verdicts JOIN alerts ON alerts.alert_id = verdicts.alert_id
"""


def upgrade() -> None:
    """Make the tables; verdicts that were given before stand at the beginning of the changes."""
    op.create_table(
        "changes",
        sa.Column("change_id", sa.String(500), primary_key=True),
        sa.Column("place", sa.Integer(), unique=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("environment", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
    )
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.String(32), primary_key=True),
        sa.Column("environment", sa.String(200), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("secret", sa.String(200), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "answered_requests",
        sa.Column("principal", sa.String(200), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("claimed", sa.DateTime(), nullable=False),
        sa.Column("answer", sa.JSON()),
    )
    op.create_index("ix_answered_requests_claimed", "answered_requests", ["claimed"])
    op.execute(_GIVEN)
