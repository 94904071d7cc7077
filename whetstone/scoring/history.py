"""The history that units of the past are joined with: windows of the lake, or of a file's own logs.

Each window comes with the day on which its events landed. Where events of one window landed on two
days, the window of the day that it belongs to counts, else that of the later day.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.catalog.hashes import view_hash
from whetstone.catalog.slow import Slow
from whetstone.features import features_sql
from whetstone.lake import Lake, Place
from whetstone.lake_kept import kept_file
from whetstone.scoring.slow import ARROW_TYPES, Nothing
from whetstone.sql import columns, identifier, literal

LANDED = "landed"
_UNITS = "units_with_history"
_ROW = "row number"


@dataclass(frozen=True)
class GoldenFiles:
    """A golden dataset in the lake: its examples, and the events that they were made from."""

    examples: Path
    events: Path


class History:
    """Slow features as of any moment, from SQL relations of windows.

    Args:
        connection: an engine that may read them.
        windows: by `Slow.online`, a query of `slow.keys`, `unit_start`, `event_timestamp`, the
            features and `landed` (the day, or ''); None: there are no windows.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, windows: Mapping[str, str | None]):
        self._connection = connection
        self._windows = windows

    def join(self, slow: Slow, units: pa.Table) -> pa.Table:
        """As in `whetstone.scoring.slow.SlowFeatures`."""
        windows = self._windows[slow.online]
        if windows is None:
            return Nothing().join(slow, units)
        spine = units.select([*slow.keys, "unit_start"])
        numbered = spine.append_column(_ROW, pa.array(np.arange(units.num_rows)))
        self._connection.register(_UNITS, numbered)
        try:
            joined = self._connection.sql(_join_sql(slow, windows)).to_arrow_table()
        finally:
            self._connection.unregister(_UNITS)
        return pa.table(
            {
                name: joined[name].cast(ARROW_TYPES[kind])
                for name, kind in zip(slow.names, slow.types, strict=True)
            }
        )


def own_history(
    connection: duckdb.DuckDBPyConnection, slows: Iterable[Slow], events: str
) -> History:
    """The history that a relation of events holds itself."""
    return History(connection, {slow.online: own_windows(slow, events) for slow in slows})


def lake_history(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    views: Mapping[str, FeatureView],
    slows: Iterable[Slow],
    day: str,
) -> History:
    """The history of the units of a day: windows of that day and of those before it.

    Args:
        connection: an engine that may read the lake.
        lake: the lake.
        views: the views by which its features were made, by name.
        slows: the slow features, by the definitions of whoever scores.
        day: whose units are scored.
    """
    found = {slow.online: lake_windows(lake, views, slow, slow.days(day)) for slow in slows}
    return History(connection, found)


def own_windows(slow: Slow, events: str) -> str:
    """SQL of the windows of a relation of events."""
    windows = features_sql(slow.view, events, slow.features)
    return f"SELECT {_selected(slow)}, '' AS {LANDED} FROM ({windows})"


def lake_windows(
    lake: Lake, views: Mapping[str, FeatureView], slow: Slow, days: Iterable[str]
) -> str | None:
    """SQL of the windows whose events landed on some days; None: nothing landed.

    What is scored must be as it was learned: a day's features that were made by other definitions
    than those of `slow` are computed again from its events. Of days that have expired there are
    those of entities that alerts are about, while the definitions are the same.
    """
    current = views.get(slow.view.name)
    made_by = (
        view_hash(current)
        if current is not None
        and view_hash(current, slow.features) == view_hash(slow.view, slow.features)
        else None
    )
    parts: list[str] = []
    for day in days:
        features, events = (
            Place("features", slow.view.name, day),
            Place("parsed", slow.view.source, day),
        )
        made = lake.manifest(features)
        same = made is not None and made.code_version == made_by
        if made is not None and same and not made.expired_at:
            windows = _parquet(lake.part(features))
        elif (landed := lake.manifest(events)) is not None and not landed.expired_at:
            windows = f"({features_sql(slow.view, _parquet(lake.part(events)), slow.features)})"
        elif same and (kept := kept_file(lake, features)) is not None:
            windows = _parquet(kept)
        else:
            continue
        parts.append(f"SELECT {_selected(slow)}, {literal(day)} AS {LANDED} FROM {windows}")
    return " UNION ALL ".join(parts) or None


def golden_windows(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    views: Mapping[str, FeatureView],
    slow: Slow,
    golden: GoldenFiles,
) -> str:
    """SQL of the windows that the examples of a golden dataset are joined with.

    Those of a contribution are the windows of its own logs; those of a unit that analysts judged
    are the windows of production, for as long as the lake has them.
    """
    examples = f"read_parquet({literal(str(golden.examples))})"
    events = f"read_parquet({literal(str(golden.events))})"
    contributed = f"SELECT environment FROM {examples} WHERE origin LIKE 'contribution:%'"
    own = own_windows(slow, f"(SELECT * FROM {events} WHERE environment IN ({contributed}))")
    judged = f"FROM {examples} WHERE origin LIKE 'verdict:%'"
    found = connection.execute(f"SELECT DISTINCT unit_start::DATE::VARCHAR {judged}").fetchall()
    days = sorted({day for (judged_on,) in found for day in slow.days(judged_on)})
    windows = lake_windows(lake, views, slow, days)
    if windows is None:
        return own
    keys = columns(list(slow.keys))
    return f"{own} UNION ALL FROM ({windows}) SEMI JOIN (SELECT {keys} {judged}) USING ({keys})"


def latest_windows(slow: Slow, windows: str, until: str) -> str:
    """SQL of the latest window of each entity that has ended at a timestamp, an SQL expression."""
    return (
        f"SELECT * FROM ({windows}) WHERE event_timestamp <= {until} QUALIFY row_number() OVER"
        f" (PARTITION BY {columns(list(slow.keys))}"
        f" ORDER BY event_timestamp DESC, {_preferred(slow)}) = 1"
    )


def _join_sql(slow: Slow, windows: str) -> str:
    keys = list(slow.keys)
    same = " AND ".join(f"u.{identifier(key)} = w.{identifier(key)}" for key in keys)
    seconds = slow.max_age // timedelta(seconds=1)
    recent = f"u.unit_start - w.event_timestamp <= INTERVAL {seconds} SECOND"
    values = ", ".join(
        f"CASE WHEN {recent} THEN w.{identifier(feature)} END AS {identifier(name)}"
        for feature, name in zip(slow.features, slow.names, strict=True)
    )
    return f"""
        WITH w AS (
            SELECT * FROM ({windows}) QUALIFY row_number() OVER (
                PARTITION BY {columns(keys)}, event_timestamp ORDER BY {_preferred(slow)}) = 1)
        SELECT {values} FROM {_UNITS} u
        ASOF LEFT JOIN w ON {same} AND u.unit_start >= w.event_timestamp
        ORDER BY u.{identifier(_ROW)}"""


def _preferred(slow: Slow) -> str:
    """The order of rows of one window; the values come last, so that the choice is no chance."""
    own = f"strftime(unit_start, '%Y-%m-%d') = {LANDED} DESC"
    return f"{own}, {LANDED} DESC, {columns(slow.features)}"


def _selected(slow: Slow) -> str:
    return columns([*slow.keys, "unit_start", "event_timestamp", *slow.features])


def _parquet(path: Path) -> str:
    return f"read_parquet({literal(str(path))}, hive_partitioning = false)"
