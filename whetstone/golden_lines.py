"""The raw lines behind examples of a golden dataset, for people who look them over."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.catalog.units import entity_columns
from whetstone.contributions import Contribution
from whetstone.event_lines import in_words, records_at
from whetstone.features.compile import unit_sql
from whetstone.sql import literal

MOST_LINES = 3
"""Of a unit that are shown."""
MOST_CHARACTERS = 400

_CONTRIBUTION = "contribution-"


class UnitKey(NamedTuple):
    """What names a unit; times are naive UTC."""

    environment: str
    unit: str
    unit_start: datetime
    event_timestamp: datetime


def raw_lines(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    view: FeatureView,
    events: Path,
    units: Sequence[UnitKey],
    contributions: Mapping[str, Contribution],
    max_line_bytes: int,
) -> dict[UnitKey, list[str]]:
    """The first lines of units: as contributed, or what was parsed of them in production.

    Production may be pseudonymised, and what was landed is not: its raw files are not looked at.

    Args:
        connection: an engine that may read the lake.
        source: of the raw logs.
        view: whose units they are.
        events: the dataset's `golden_events` as Parquet.
        units: whose lines are wanted.
        contributions: by id; of one that is not among them, what was parsed is shown.
        max_line_bytes: as in `read_records`.
    """
    rows = _events(connection, view, events, units)
    wanted: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        identity = str(row["environment"]).removeprefix(_CONTRIBUTION)
        if identity in contributions:
            wanted[identity].add(row["raw_line"])
    texts = {
        identity: records_at(source, contributions[identity].raw, numbers, max_line_bytes)
        for identity, numbers in wanted.items()
    }
    found: dict[UnitKey, list[str]] = defaultdict(list)
    for row in rows:
        identity = str(row["environment"]).removeprefix(_CONTRIBUTION)
        raw = texts.get(identity, {}).get(row["raw_line"])
        key = UnitKey(row["environment"], row["_unit"], row["_start"], row["_end"])
        found[key].append((raw if raw is not None else in_words(row))[:MOST_CHARACTERS])
    return dict(found)


def _events(
    connection: duckdb.DuckDBPyConnection,
    view: FeatureView,
    events: Path,
    units: Sequence[UnitKey],
) -> list[dict[str, Any]]:
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("environment", "_unit")),
            *((name, pa.timestamp("us")) for name in ("_start", "_end")),
        ]
    )
    keys = [dict(zip(schema.names, unit, strict=True)) for unit in units]
    connection.register("wanted_units", pa.Table.from_pylist(keys, schema))
    before_end = "<" if view.WhichOneof("unit") == "window" else "<="
    present = " AND ".join(f'events."{name}" IS NOT NULL' for name in entity_columns(view))
    rows = connection.sql(
        f"""SELECT events.*, _unit, _start, _end
            FROM read_parquet({literal(str(events))}) events JOIN wanted_units wanted
              ON events.environment = wanted.environment AND {unit_sql(view)} = _unit
             AND events.event_time >= _start AND events.event_time {before_end} _end
            WHERE {present}
            QUALIFY row_number() OVER (
                PARTITION BY events.environment, _unit, _start, _end
                ORDER BY event_time, raw_file, raw_line) <= {MOST_LINES}
            ORDER BY events.environment, _unit, _start, event_time, raw_file, raw_line"""
    ).to_arrow_table()
    connection.unregister("wanted_units")
    return rows.to_pylist()
