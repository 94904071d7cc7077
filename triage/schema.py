"""The case store's tables, and connections on which a commit is durable."""

from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.schema import CreateIndex, CreateTable

from whetstone.errors import InputError

BUSY_SECONDS = 60
metadata = MetaData()

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(128), primary_key=True),
    Column("day", Date, nullable=False),
    Column("detector", String(200), nullable=False),
    Column("model_version", String(200), nullable=False),
    Column("environment", String(200), nullable=False),
    Column("source", String(200), nullable=False),
    Column("unit", Text, nullable=False),
    Column("entity", JSON, nullable=False),
    Column("unit_start", DateTime, nullable=False),
    Column("event_timestamp", DateTime, nullable=False),
    Column("score", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("explanation", JSON, nullable=False),
    Column("per_day", Float),
    # Fired when its day was last scored. The state follows from this, `status` and the verdicts.
    Column("firing", Boolean, nullable=False),
    # What a scorer said last of it (`RecordStatus`); null if none ever did.
    Column("status", String(16)),
    Index("alerts_by_day", "detector", "day"),
    Index("alerts_queue", "day", "score"),
)

verdicts = Table(
    "verdicts",
    metadata,
    # Order in which verdicts on one alert were acknowledged; clocks may jump.
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("verdict_id", String(200), nullable=False, unique=True),
    Column("alert_id", ForeignKey("alerts.alert_id"), nullable=False, index=True),
    Column("value", String(32), nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", DateTime, nullable=False, index=True),
    Column("note", Text, nullable=False),
)

# What scorers report, the latest revision of each record.
records = Table(
    "scorer_records",
    metadata,
    # Champion and challenger may find the same alert.
    Column("record_id", String(128), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("alert_id", String(128), index=True),
    Column("environment", String(200), nullable=False),
    Column("detector", String(200)),
    Column("kind", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", String(16)),
    Column("at", DateTime, nullable=False),
    # By the platform's clock, which retention goes by.
    Column("received", DateTime, nullable=False),
    # The same of the first revision; null in records of an earlier release.
    Column("raised", DateTime),
    Column("record", JSON, nullable=False),
    Index("scorer_records_newest", "role", "at"),
    Index("scorer_records_received", "role", "received"),
)

scorers = Table(
    "scorers",
    metadata,
    Column("environment", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("heard", DateTime, nullable=False),
    Column("digest", JSON, nullable=False),
)

# What calls for a retraining apart from data.
triggers = Table(
    "triggers",
    metadata,
    # Follows from what it is about: to store it again changes nothing.
    Column("trigger_id", String(400), primary_key=True),
    Column("detector", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", DateTime, nullable=False),
    Column("day", Date),
    Index("triggers_newest", "detector", "at"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("pause_id", Integer, primary_key=True, autoincrement=True),
    # `*`: all detectors.
    Column("detector", String(200), nullable=False, index=True),
    Column("by", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", DateTime, nullable=False),
    Column("until", DateTime),
    Column("resumed", DateTime),
    Column("resumed_by", String(200)),
)


def connect(url: str) -> Engine:
    """An engine for the case store at `url`, its tables created if need be.

    Any number of processes may do this at once. On SQLite a transaction of the execution option
    `writes=True` holds the write lock from its start, so that what it read is still so when it
    writes.

    Raises:
        InputError: The URL is neither SQLite nor Postgres.
    """
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"case store URL {url!r}: {error}; set WHETSTONE_CASE_STORE_URL to sqlite:///… "
            "or postgresql+<driver>://…"
        ) from error
    dialect = engine.dialect.name
    if dialect not in ("sqlite", "postgresql"):
        raise InputError(f"case store on {dialect}: only SQLite and Postgres are supported")
    if dialect == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _durable)
        event.listen(engine, "begin", _begin)
    _create(engine)
    return engine


def _durable(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, and too late: see _begin.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _create(engine: Engine) -> None:
    """Create what is missing. Who loses a race against another creator finds it all there."""
    for attempt in range(5):
        try:
            with engine.execution_options(writes=True).begin() as connection:
                for table in metadata.sorted_tables:
                    connection.execute(CreateTable(table, if_not_exists=True))
                    _add_columns(connection, table)
                    for index in sorted(table.indexes, key=lambda index: str(index.name)):
                        connection.execute(CreateIndex(index, if_not_exists=True))
            return
        except DBAPIError:
            if attempt == 4:
                raise


def _add_columns(connection: Connection, table: Table) -> None:
    """Add what a store of an earlier release lacks; only columns that may be empty come later."""
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in there:
            name, kind = column.name, column.type.compile(connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {name} {kind}")
