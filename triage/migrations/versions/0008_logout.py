"""ID tokens of sessions, for the logout at the identity provider."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; sessions of before end here only."""
    op.add_column("sessions", sa.Column("id_token", sa.Text()))
