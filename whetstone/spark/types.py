"""Types of DuckDB under their names on Spark, and the types in which values travel between both."""

from typing import Any, cast

from duckdb.sqltypes import DuckDBPyType

from whetstone.sql import identifier

_NAMES = {
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INT",
    "bigint": "BIGINT",
    "utinyint": "SMALLINT",
    "usmallint": "INT",
    "uinteger": "BIGINT",
    "ubigint": "DECIMAL(20,0)",
    "hugeint": "DECIMAL(38,0)",
    "boolean": "BOOLEAN",
    "float": "FLOAT",
    "double": "DOUBLE",
    "varchar": "STRING",
    "blob": "BINARY",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ",
    "timestamp with time zone": "TIMESTAMP",
    # A literal NULL; any type does.
    "null": "STRING",
}
_CARRIED = {
    "utinyint": "SMALLINT",
    "usmallint": "INTEGER",
    "uinteger": "BIGINT",
    "ubigint": "DECIMAL(20,0)",
    "hugeint": "DECIMAL(38,0)",
    "null": "VARCHAR",
}


class NoTypeError(Exception):
    """Spark has no type for these values."""


def named(type_: str) -> DuckDBPyType:
    """The type of a name; that of a literal NULL is text."""
    return DuckDBPyType("VARCHAR" if type_ == '"NULL"' else type_)


def spark_type(type_: DuckDBPyType) -> str:
    """Spark's name of a type.

    Raises:
        NoTypeError: it has none.
    """
    if type_.id in _NAMES:
        return _NAMES[type_.id]
    match type_.id:
        case "decimal":
            precision, scale = (value for _, value in _parts(type_))
            return f"DECIMAL({precision},{scale})"
        case "list":
            return f"ARRAY<{spark_type(_parts(type_)[0][1])}>"
        case "map":
            key, value = (part for _, part in _parts(type_))
            return f"MAP<{spark_type(key)}, {spark_type(value)}>"
        case "struct":
            parts = (f"`{name}`: {spark_type(part)}" for name, part in _parts(type_))
            return f"STRUCT<{', '.join(parts)}>"
        case _:
            raise NoTypeError(f"the type {type_}")


def carried_type(type_: DuckDBPyType) -> str:
    """The DuckDB type in which values travel: one that Arrow and Spark have as well."""
    if is_json(type_):
        return "VARCHAR"
    match type_.id:
        case kind if kind in _CARRIED:
            return _CARRIED[kind]
        case "list":
            return f"{carried_type(_parts(type_)[0][1])}[]"
        case "struct":
            parts = (f"{identifier(name)} {carried_type(part)}" for name, part in _parts(type_))
            return f"STRUCT({', '.join(parts)})"
        case "map":
            key, value = (part for _, part in _parts(type_))
            return f"MAP({carried_type(key)}, {carried_type(value)})"
        case _:
            return str(type_)


def is_json(type_: DuckDBPyType) -> bool:
    """Whether it is text that DuckDB treats as JSON."""
    return str(type_) == "JSON"


def _parts(type_: DuckDBPyType) -> list[tuple[str, Any]]:
    return cast(list[tuple[str, Any]], type_.children)
