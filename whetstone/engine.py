"""DuckDB as the engine: one in-memory connection a piece of work, bounded and closed."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from whetstone.settings import settings


@contextmanager
def open_engine(lake: Path | None = None) -> Generator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB within the memory limit of the settings, in UTC.

    Definitions are hostile input: the connection reaches no file but those below `lake`, no
    network and no extension, and its configuration cannot be changed any more.
    """
    with TemporaryDirectory(prefix="whetstone-duckdb-") as spill:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": settings().memory_limit,
            "temp_directory": spill,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if settings().threads:
            config["threads"] = settings().threads
        connection = duckdb.connect(config=config)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            if lake is not None:
                connection.execute("SET allowed_directories = $1", [[f"{lake}/"]])
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
        finally:
            connection.close()


def only_row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The one row of a query that has one; fetches all, so that the connection is free again."""
    (row,) = connection.execute(sql).fetchall()
    return row
