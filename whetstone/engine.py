"""DuckDB as the engine: one in-memory connection a piece of work, bounded and closed."""

import fcntl
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import duckdb

from whetstone.settings import settings

_SPILL = "whetstone-duckdb-"
_LOCK = "in-use"
# Between making its directory and locking it, a process lives shorter than that.
_YOUNG_SECONDS = 60


@contextmanager
def open_engine(
    lake: Path | None = None, threads: int = 0, memory_limit: str = ""
) -> Generator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB within the limits given, else those of the settings, in UTC.

    Definitions are hostile input: the connection reaches no file but those below `lake`, no
    network and no extension, and its configuration cannot be changed any more.
    """
    with _spill_directory() as spill:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit or settings().memory_limit,
            "temp_directory": spill,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if threads := threads or settings().threads:
            config["threads"] = threads
        connection = duckdb.connect(config=config)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            # It moves a part that occurs twice out of the TRY around it: its errors stop the query.
            connection.execute("SET disabled_optimizers = 'common_subexpressions'")
            if lake is not None:
                connection.execute("SET allowed_directories = $1", [[f"{lake}/"]])
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
        finally:
            connection.close()


@contextmanager
def _spill_directory() -> Generator[str]:
    """A directory for what does not fit in memory; those of killed processes are removed."""
    for path in Path(gettempdir()).glob(f"{_SPILL}*"):
        _remove_if_abandoned(path)
    with TemporaryDirectory(prefix=_SPILL) as spill, (Path(spill) / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield spill


def _remove_if_abandoned(spill: Path) -> None:
    try:
        if time.time() - spill.stat().st_mtime < _YOUNG_SECONDS:
            return
        with (spill / _LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(spill, ignore_errors=True)
    except OSError:  # in use, somebody else's, or removed at this moment
        return


def only_row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The one row of a query that has one; fetches all, so that the connection is free again."""
    (row,) = connection.execute(sql).fetchall()
    return row
