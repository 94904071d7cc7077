"""What owners have been told."""

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Index, Integer, String, Table, Text

from triage.schema.base import metadata

conditions = Table(
    "conditions",
    metadata,
    Column("condition_id", Integer, primary_key=True, autoincrement=True),
    Column("subject", String(200), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("began", DateTime, nullable=False),
    # Null while it stands.
    Column("ended", DateTime, index=True),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Integer, primary_key=True, autoincrement=True),
    Column("condition_id", ForeignKey("conditions.condition_id"), nullable=False, index=True),
    # `<owner>#<place>`: the address itself, which is a secret, stands in the settings only.
    Column("address", String(200), nullable=False),
    Column("over", Boolean, nullable=False),
    # `waiting`, `sent`, `dropped` (it was over before it was sent) or `given up`.
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", DateTime, nullable=False),
    Column("created", DateTime, nullable=False),
    Index("deliveries_due", "state", "next_at"),
)
_C, _D = conditions.c, deliveries.c
