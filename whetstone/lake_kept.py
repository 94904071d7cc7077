"""Rows that outlive their day: what units are made of that alerts are about.

An analyst may judge an alert a year after it was raised, and a golden dataset takes the events of
judged units from production each time it is built. They are few. Before a day's rows go, those of
such units are copied to `kept.parquet` beside them.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from whetstone.catalog.catalog_pb2 import Source
from whetstone.catalog.validation import event_columns
from whetstone.durable import flush
from whetstone.engine import only_row, open_engine
from whetstone.lake import KEPT, PART, TEMPORARY, Lake, Place
from whetstone.sql import identifier, literal

_TIMES = {"parsed": "event_time", "features": "event_timestamp"}


@dataclass(frozen=True)
class Wanted:
    """Rows of an entity that are still needed: those from `first` to `last`, UTC, both included.

    `entity` are columns and their values.
    """

    environment: str
    entity: Mapping[str, str]
    first: datetime
    last: datetime


def keep(lake: Lake, place: Place, wanted: Sequence[Wanted]) -> int:
    """Copy what is wanted of a day's rows beside them; returns how many rows.

    What was kept before is replaced; nothing is left where nothing is wanted.
    """
    directory = lake.directory(place)
    kept = directory / KEPT
    hidden = directory / f"{KEPT}.{uuid.uuid4().hex}{TEMPORARY}"
    try:
        rows = _copy(lake, directory / PART, hidden, _TIMES[place.layer], wanted)
        if not rows:
            kept.unlink(missing_ok=True)
            return 0
        flush(hidden)
        hidden.replace(kept)
        flush(directory)
    finally:
        hidden.unlink(missing_ok=True)
    return rows


def kept_file(lake: Lake, place: Place) -> Path | None:
    """What was kept of an expired day's rows; None: they are all there, or none was wanted."""
    made = lake.manifest(place)
    path = lake.directory(place) / KEPT
    return path if made is not None and made.expired_at and path.exists() else None


def production(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    source: Source,
    days: Collection[str] | None = None,
) -> str | None:
    """SQL of all events of a source that there are, in the columns that its events have now.

    Of days that were parsed by an older definition, columns that they lack are NULL.

    Args:
        connection: an engine that may read the lake.
        lake: the lake.
        source: the definition.
        days: of landing, YYYY-MM-DD; None: all.

    Returns:
        A query; None: there are none yet.
    """
    made = lake.days("parsed", source.name)
    wanted = set(made) if days is None else {*made} & {*days}
    there = sorted({*lake.days_with_rows("parsed", source.name)} & wanted)
    paths = [lake.part(Place("parsed", source.name, day)) for day in there]
    gone = sorted(wanted - {*there})
    kept = (kept_file(lake, Place("parsed", source.name, day)) for day in gone)
    paths += [path for path in kept if path is not None]
    if not paths:
        return None
    listed = ", ".join(literal(str(path)) for path in paths)
    relation = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
    known = {
        name for (name,) in connection.sql(f"DESCRIBE FROM {relation}").project("#1").fetchall()
    }
    columns = ", ".join(
        f"{f'TRY_CAST({identifier(name)} AS {kind})' if name in known else f'NULL::{kind}'}"
        f" AS {identifier(name)}"
        for name, kind in event_columns(source).items()
    )
    return f"SELECT {columns} FROM {relation}"


def _copy(lake: Lake, part: Path, target: Path, time: str, wanted: Sequence[Wanted]) -> int:
    there = set(pq.read_schema(part).names)
    by_columns: dict[tuple[str, ...], list[Wanted]] = {}
    for each in wanted:
        columns = tuple(sorted(each.entity))
        # What an older definition parsed may lack a column: then none of its rows is meant.
        if there.issuperset(columns):
            by_columns.setdefault(columns, []).append(each)
    if not by_columns:
        return 0
    with open_engine(lake.root) as connection:
        conditions = [
            _condition(connection, f"wanted_{number}", columns, each, time)
            for number, (columns, each) in enumerate(by_columns.items())
        ]
        relation = f"read_parquet({literal(str(part))}, hive_partitioning = false)"
        connection.execute(
            f"COPY (SELECT * FROM {relation} found WHERE {' OR '.join(conditions)})"
            f" TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"
        )
        (rows,) = only_row(connection, f"SELECT count(*) FROM read_parquet({literal(str(target))})")
    return rows


def _condition(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[str],
    wanted: Sequence[Wanted],
    time: str,
) -> str:
    names = [("environment", pa.string()), *((name, pa.string()) for name in columns)]
    schema = pa.schema([*names, ("first", pa.timestamp("us")), ("last", pa.timestamp("us"))])
    rows = [
        {**each.entity, "environment": each.environment, "first": each.first, "last": each.last}
        for each in wanted
    ]
    connection.register(table, pa.Table.from_pylist(rows, schema))
    same = " AND ".join(
        f"found.{identifier(name)}::VARCHAR = w.{identifier(name)}"
        for name in ("environment", *columns)
    )
    at = f"found.{identifier(time)}"
    return f"EXISTS (FROM {table} w WHERE {same} AND {at} BETWEEN w.first AND w.last)"
