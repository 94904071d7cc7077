"""Uploads and feature ideas."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("touched", sa.DateTime()),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("found", sa.JSON()),
        sa.Column("problem", sa.Text()),
        sa.Column("ended", sa.DateTime()),
    )
    op.create_index("jobs_newest", "jobs", ["kind", "at"])
    op.create_index("jobs_by_state", "jobs", ["state", "at"])
    job = sa.ForeignKey("jobs.job_id")
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.String(32), job, primary_key=True),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("raw_name", sa.String(255), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decision", sa.String(16)),
        sa.Column("contribution", sa.String(64)),
    )
    op.create_table(
        "ideas",
        sa.Column("idea_id", sa.String(32), sa.ForeignKey("jobs.job_id"), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
    )
