"""What landed of a source: events by environment and hour, rejects by environment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from monitoring.quality.blindness import Traffic
from whetstone.sql import literal

_EVENTS = """
    SELECT environment, hour(event_time) AS hour, count(*)
    FROM read_parquet({file}) WHERE event_time IS NOT NULL GROUP BY ALL"""
_REJECTS = "SELECT environment, count(*) FROM read_parquet({file}) GROUP BY ALL"


def traffic_of(
    connection: duckdb.DuckDBPyConnection,
    events: Mapping[str, Path],
    rejects: Mapping[str, Path],
) -> Sequence[Traffic]:
    """What landed, by environment and day.

    Args:
        connection: an engine that may read the files.
        events: the Parquet file of a day's events, by day.
        rejects: that of its rejects, by day, as far as they are there.
    """
    hours: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 24)
    lost: dict[tuple[str, str], int] = {}
    for day, file in events.items():
        rows = connection.execute(_EVENTS.format(file=literal(str(file)))).fetchall()
        for environment, hour, count in rows:
            hours[environment, day][hour] = count
    for day, file in rejects.items():
        rows = connection.execute(_REJECTS.format(file=literal(str(file)))).fetchall()
        lost |= {(environment, day): count for environment, count in rows}
    return [
        Traffic(
            environment,
            day,
            tuple(hours[environment, day]),
            lost.get((environment, day), 0) if day in rejects else None,
        )
        for environment, day in sorted({*hours, *lost})
    ]
