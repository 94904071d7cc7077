"""People, their sessions, and tokens."""

from sqlalchemy import JSON, Column, DateTime, ForeignKey, String, Table, Text, UniqueConstraint

from triage.schema.base import metadata

people = Table(
    "people",
    metadata,
    # What verdicts and audit entries bear.
    Column("name", String(100), primary_key=True),
    # argon2id in PHC format; null: the identity provider says who it is.
    Column("password", Text),
    # Who that is to the identity provider; null: known here only.
    Column("issuer", String(400)),
    Column("subject", String(255)),
    Column("created", DateTime, nullable=False),
    UniqueConstraint("issuer", "subject", name="people_of_issuer"),
)

grants = Table(
    "grants",
    metadata,
    Column("name", ForeignKey("people.name"), primary_key=True),
    # `*`: all of them.
    Column("environment", String(200), primary_key=True),
    Column("role", String(16), nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    # SHA-256 of the cookie: who reads the table can be nobody.
    Column("hash", String(64), primary_key=True),
    Column("name", ForeignKey("people.name"), nullable=False, index=True),
    Column("created", DateTime, nullable=False),
    Column("seen", DateTime, nullable=False),
    # Of the identity provider, for the logout there; under a key that follows from the cookie.
    Column("id_token", Text),
)

login_attempts = Table(
    "login_attempts",
    metadata,
    # SHA-256 of `state`, which the identity provider sends back.
    Column("hash", String(64), primary_key=True),
    # The browser that began it.
    Column("visitor", String(64), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("verifier", String(128), nullable=False),
    Column("back", Text, nullable=False),
    Column("created", DateTime, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("token_id", String(16), primary_key=True),
    # SHA-256 of the token.
    Column("hash", String(64), nullable=False, unique=True),
    Column("label", String(100), nullable=False),
    # Nobody's token may more than its owner may now; null: made on the machine itself.
    Column("owner", ForeignKey("people.name"), index=True),
    Column("by", String(200), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("environments", JSON, nullable=False),
    Column("created", DateTime, nullable=False),
    Column("expires", DateTime, nullable=False),
    Column("used", DateTime),
)

access_secrets = Table(
    "access_secrets",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("secret", String(64), nullable=False),
)
