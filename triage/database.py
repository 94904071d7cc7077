"""The database of the case store: connections on which a commit is durable, tables up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from whetstone.errors import InputError

REVISION = "0007"
"""The newest revision in `triage/migrations/versions`."""
BUSY_SECONDS = 60
_LOCK = 0x5768_6574_7374


class Database:
    """SQLite in WAL mode or Postgres; used by any number of threads and processes at once.

    Its tables are brought to `REVISION` first, so that a store of an earlier release goes on.

    Args:
        url: SQLAlchemy URL.

    Raises:
        InputError: the URL is neither SQLite nor Postgres, or a later release has used the store.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._reader = _connect(url)
        self._writer = self._reader.execution_options(writes=True)
        with self._reader.connect() as connection:
            known = _revision(connection)
        if known != REVISION:
            self._migrate()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store."""
        with self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on disk once the block is left.

        On SQLite it holds the write lock from its start, so that what it read is still so when it
        writes.
        """
        with self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections; new ones are opened when it is used again."""
        self._reader.dispose()

    def _migrate(self) -> None:
        # Alembic takes long to import, and is rarely needed.
        from triage.migrations import upgrade

        with self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            known = _revision(connection)
            if known is not None and known > REVISION:
                raise InputError(
                    f"case store {self._reader.url!r}: a later release has used it (revision"
                    f" {known}, this one knows {REVISION}); run that release"
                )
            if known != REVISION:
                upgrade(connection)


def _connect(url: str) -> Engine:
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


def _revision(connection: Connection) -> str | None:
    """The revision of the tables; None: there are none, or of a release before revisions."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
