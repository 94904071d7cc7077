"""An index that tells whether a detector has few groups on some days."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the index."""
    columns = ["detector", "day", "environment", "group_id"]
    op.create_index("alert_groups_by_detector", "alert_groups", columns)
