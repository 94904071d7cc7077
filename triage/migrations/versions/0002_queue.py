"""Groups of alerts in the queue, saved views."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """What an alert folds and looks like, and where it stands."""
    op.add_column("alerts", sa.Column("events", sa.Integer()))
    op.add_column("alerts", sa.Column("pattern", sa.String(64)))
    op.add_column("alerts", sa.Column("group_id", sa.String(64)))
    op.add_column("alerts", sa.Column("probe", sa.Boolean()))
    op.add_column("alerts", sa.Column("rule_id", sa.String(64)))
    op.create_index("ix_alerts_group_id", "alerts", ["group_id"])
    op.create_index("ix_alerts_rule_id", "alerts", ["rule_id"])
    op.create_index("alerts_by_pattern", "alerts", ["environment", "pattern"])
