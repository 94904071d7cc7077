"""Two tables of the same things, cell by cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from whetstone.sql import columns, identifier, literal

_EXAMPLES = 3


@dataclass(frozen=True)
class Example:
    """A pair of values, how often it occurs, and where first."""

    before: str | None
    after: str | None
    count: int
    first: str


@dataclass(frozen=True)
class ColumnChange:
    """How many of the common rows have another value in a column."""

    column: str
    changed: int
    of: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class TableChange:
    """Rows of both tables, rows of only one, changed columns, and columns of only one.

    `appeared` and `vanished` map a column to the number of its values that are not NULL.
    """

    common: int
    only_before: int
    only_after: int
    changed: tuple[ColumnChange, ...]
    appeared: dict[str, int]
    vanished: dict[str, int]

    @property
    def equal(self) -> bool:
        """Nothing differs."""
        return not (
            self.only_before or self.only_after or self.changed or self.appeared or self.vanished
        )


@dataclass(frozen=True)
class Side:
    """A table, and those of its columns that are compared."""

    table: str
    columns: Sequence[str]


def compare_tables(
    connection: duckdb.DuckDBPyConnection,
    before: Side,
    after: Side,
    key: Sequence[str],
    order: str,
    place: str,
) -> TableChange:
    """Compare two tables.

    Args:
        connection: where they are.
        before: the one.
        after: the other.
        key: columns that say which rows belong together.
        order: column that tells rows of one key apart.
        place: SQL over the key that says to people which row it is.
    """
    common = [name for name in after.columns if name in before.columns]
    selected = "".join(
        f", b.{identifier(name)}::VARCHAR AS b{n}, a.{identifier(name)}::VARCHAR AS a{n}"
        for n, name in enumerate(common)
    )
    joined = " AND ".join(
        f"b.{identifier(name)} IS NOT DISTINCT FROM a.{identifier(name)}" for name in (*key, "_nth")
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE pairs AS
            WITH b AS ({_numbered(before.table, key, order, place)}),
                 a AS ({_numbered(after.table, key, order, place)})
            SELECT coalesce(a._place, b._place) AS _place,
                   b._nth IS NOT NULL AS in_before, a._nth IS NOT NULL AS in_after{selected}
            FROM b FULL JOIN a ON {joined}"""
    )
    counts = "".join(
        f", count(*) FILTER (in_before AND in_after AND b{n} IS DISTINCT FROM a{n})"
        for n in range(len(common))
    )
    row = connection.execute(
        f"""SELECT count(*) FILTER (in_before AND in_after),
                   count(*) FILTER (NOT in_after), count(*) FILTER (NOT in_before){counts}
            FROM pairs"""
    ).fetchone()
    both, only_before, only_after, *changed = row or (0, 0, 0)
    return TableChange(
        both,
        only_before,
        only_after,
        tuple(
            ColumnChange(name, changed[n], both, _examples(connection, n))
            for n, name in enumerate(common)
            if changed[n]
        ),
        _filled(connection, after, before),
        _filled(connection, before, after),
    )


def _numbered(table: str, key: Sequence[str], order: str, place: str) -> str:
    return f"""SELECT *, {place} AS _place,
                      row_number() OVER (PARTITION BY {columns(key)} ORDER BY {order}) AS _nth
               FROM {table}"""


def _examples(connection: duckdb.DuckDBPyConnection, column: int) -> tuple[Example, ...]:
    found = connection.execute(
        f"""SELECT b{column}, a{column}, count(*), min(_place) FROM pairs
            WHERE in_before AND in_after AND b{column} IS DISTINCT FROM a{column}
            GROUP BY ALL ORDER BY count(*) DESC, 4 LIMIT {_EXAMPLES}"""
    ).fetchall()
    return tuple(Example(*row) for row in found)


def _filled(connection: duckdb.DuckDBPyConnection, side: Side, other: Side) -> dict[str, int]:
    """The columns that the other table has not, with the number of their values."""
    own = [name for name in side.columns if name not in other.columns]
    if not own:
        return {}
    counts = ", ".join(f"count({identifier(name)}) AS {identifier(name)}" for name in own)
    row = connection.execute(f"SELECT {counts} FROM {side.table}").fetchone()
    return dict(zip(own, row or (), strict=True))


def place_of_record() -> str:
    """Which record: file and line."""
    return f"raw_file || {literal(':')} || raw_line"
