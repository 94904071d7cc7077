"""What happens on the desk, who is told of it, and requests that were answered already."""

from sqlalchemy import JSON, Column, DateTime, Integer, String, Table, Text

from triage.schema.base import metadata

changes = Table(
    "changes",
    metadata,
    # `<kind>/<subject>`, or with an occasion behind it: to tell of it again changes nothing.
    Column("change_id", String(500), primary_key=True),
    # Order for readers. Given after the commit: a change that commits late comes late.
    Column("place", Integer, unique=True),
    Column("kind", String(64), nullable=False),
    # `*`: it is about all of them.
    Column("environment", String(200), nullable=False),
    # Id of the alert, verdict or rule; name of the detector that was released.
    Column("subject", String(200), nullable=False),
    Column("at", DateTime, nullable=False),
    Column("detail", JSON, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", String(32), primary_key=True),
    Column("environment", String(200), nullable=False),
    Column("url", Text, nullable=False),
    Column("kinds", JSON, nullable=False),
    # Key of the signatures, encrypted: whoever knows it can sign as this platform.
    Column("secret", String(200), nullable=False),
    Column("by", String(200), nullable=False),
    Column("created", DateTime, nullable=False),
    # Of the last change that was delivered or passed over: the queue is what stands behind it.
    Column("place", Integer, nullable=False),
    Column("delivered", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("missed", Integer, nullable=False),
    # Since the last success; 0: the receiver is well.
    Column("failures", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    # Nothing is sent before; whoever sends moves it on, so that nobody else does meanwhile.
    Column("next_at", DateTime, nullable=False),
)

answered_requests = Table(
    "answered_requests",
    metadata,
    Column("principal", String(200), primary_key=True),
    Column("key", String(200), primary_key=True),
    # Hash of the request.
    Column("digest", String(64), nullable=False),
    Column("claimed", DateTime, nullable=False, index=True),
    # Null while the request is being served.
    Column("answer", JSON(none_as_null=True)),
)
