"""Units that analysts are asked about, random slices."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "slices",
        sa.Column("environment", sa.String(200), primary_key=True),
        sa.Column("detector", sa.String(200), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column("drawn", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "slice_members",
        sa.Column("alert_id", sa.String(128), sa.ForeignKey("alerts.alert_id"), primary_key=True),
        sa.Column("environment", sa.String(200), nullable=False),
        sa.Column("detector", sa.String(200), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("lot", sa.Float(), nullable=False),
    )
    op.create_index("slice_members_of", "slice_members", ["detector", "day"])
