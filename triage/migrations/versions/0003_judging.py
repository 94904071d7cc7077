"""Verdicts with reason and span, that can be taken back; allow rules; receipts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What a verdict says beyond its value."""
    op.add_column("verdicts", sa.Column("reason", sa.String(32)))
    op.add_column("verdicts", sa.Column("span", sa.JSON()))
    op.add_column("verdicts", sa.Column("batch_id", sa.String(200)))
    op.add_column("verdicts", sa.Column("retracted", sa.DateTime()))
    op.add_column("verdicts", sa.Column("retracted_by", sa.String(200)))
    op.create_index("ix_verdicts_batch_id", "verdicts", ["batch_id"])
