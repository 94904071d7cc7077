"""The database of the case store: connections on which a commit is durable, tables up to date.

On SQLite one transaction writes at a time, in all processes. On Postgres many do, and each of their
statements sees what the others have committed until then: what a transaction read may not be so any
more when it writes. So a transaction that decides by what it reads says what it decides about, and
is `Alone` with it until its end:

    with database.writing(Alone.PEOPLE) as connection:
        if not taken(connection, name):
            insert(connection, name)

A unique key, or one statement that looks and changes (`UPDATE … WHERE … RETURNING`), needs nobody
to wait, and is better where it says all. Isolation level SERIALIZABLE would not do: half of the
verdicts that four analysts give at once would fail and have to be given again, because all of them
change the same sums, and what stands in the audit trail cannot be taken back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, unique
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from whetstone.errors import InputError

REVISION = "0009"
"""The newest revision in `triage/migrations/versions`."""
BUSY_SECONDS = 60


@unique
class Alone(IntEnum):
    """What one transaction at a time decides about; the numbers are Postgres' advisory locks.

    A transaction waits for them before it changes a row, and for several in this order: so nobody
    waits for one who waits for him, which Postgres would notice after a second (`deadlock_timeout`)
    and end by failing one of the two.
    """

    MIGRATION = 0x5768_6574_7374
    """The tables themselves."""
    DESK = 0x5175_6575_65
    """Alerts, scorers' records, verdicts, allow rules, and the queue that follows from them."""
    SLICES = 0x5768_6574_736C
    """Random slices of a day's alerts."""
    RECEIPTS = 0x5768_6574_7265
    """What was made from verdicts."""
    CHANGES = 0x5768_6574_6368
    """The order of what happened."""
    PEOPLE = 0x5768_6574_7065
    """People, what they may, their sessions and tokens."""
    VIEWS = 0x5768_6574_7669
    """Kept views of the queue."""
    RETRAINING = 0x5768_6574_7274
    """Calls for retrainings, and pauses."""
    UPLOADS = 0x5768_6574_7570
    """Whether uploads are accepted or discarded."""
    NOTICES = 0x5768_6574_6E6F
    """What owners have been told."""


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
    def writing(self, what: Alone | None = None) -> Iterator[Connection]:
        """A transaction that is on disk once the block is left.

        Args:
            what: it decides about this, by what it reads: no other does meanwhile. None: each of
                its statements is right whatever others write.
        """
        with self._writer.begin() as connection:
            if what is not None:
                alone(connection, what)
            yield connection

    def close(self) -> None:
        """Close all connections; new ones are opened when it is used again."""
        self._reader.dispose()

    def _migrate(self) -> None:
        # Alembic takes long to import, and is rarely needed.
        from triage.migrations import upgrade

        with self.writing(Alone.MIGRATION) as connection:
            known = _revision(connection)
            if known is not None and known > REVISION:
                raise InputError(
                    f"case store {self._reader.url!r}: a later release has used it (revision"
                    f" {known}, this one knows {REVISION}); run that release"
                )
            if known != REVISION:
                alone(connection, Alone.DESK)
                upgrade(connection)


def alone(connection: Connection, what: Alone) -> None:
    """Wait until no other transaction is alone with this; then this one is, until its end.

    On SQLite whoever writes is alone already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:what)"), {"what": int(what)})


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
