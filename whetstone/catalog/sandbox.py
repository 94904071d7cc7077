"""The database that looks at definitions: it parses and binds them and never runs them.

It reaches no file, no network and no extension, folds no constants, and nests no deeper than
what reads its parse trees can follow.
"""

import json
import threading
from functools import lru_cache
from typing import Any

import duckdb

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "256MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
}
_SETTINGS = (
    "SET max_expression_depth = 200",
    # Folding a constant is running it: printf('%999999999d', 1) would.
    "PRAGMA disable_optimizer",
    "SET lock_configuration = true",
)
_THREAD = threading.local()


def parse_tree(sql: str) -> dict[str, Any]:
    """DuckDB's parse tree of a text: `statements`, or `error` and `error_message`."""
    row = _connection().execute("SELECT json_serialize_sql($1::VARCHAR)", [sql]).fetchone()
    tree: dict[str, Any] = json.loads(row[0]) if row else {}
    return tree


@lru_cache(maxsize=10_000)
def binding_problem(query: str) -> str | None:
    """Why a query cannot be planned (names, types, patterns); None when it can."""
    try:
        _connection().execute(f"EXPLAIN {query}").fetchall()
    except duckdb.Error as error:
        return str(error).split("\n")[0]
    return None


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """The IANA names of time zones that mean the same to every engine: UTC and areas."""
    rows = _connection().execute("SELECT name FROM pg_timezone_names()").fetchall()
    return frozenset(name for (name,) in rows if name == "UTC" or "/" in name)


def _connection() -> duckdb.DuckDBPyConnection:
    """One connection a thread; opening one costs more than checking a source."""
    connection: duckdb.DuckDBPyConnection | None = getattr(_THREAD, "connection", None)
    if connection is None:
        connection = duckdb.connect(config=_CONFIG)
        for setting in _SETTINGS:
            connection.execute(setting)
        _THREAD.connection = connection
    return connection
