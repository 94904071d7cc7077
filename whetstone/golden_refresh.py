"""A benign refresh: what production looks like now, for detectors that are about to retrain.

At each trigger of a detector, its golden dataset takes a sample of the units of the days before as
benign training examples; the next trigger replaces it. Nobody looked at these units, so an attack
that went unseen may be among them. What bounds how much of it is learned as benign:

1. Only units that no champion of the dataset's detectors alerted on, and none of the highest
   hundredth of the scores that did not.
2. None that shares an entity value, on that day, with an alert of these detectors or with what
   analysts called an attack, by whatever detector: the quiet rest of a loud attack.
3. Of one entity at most a twentieth of a sample: a single host cannot fill it.
4. No unit whose raw lines anybody labelled; what people said stands (`whetstone.golden_examples`).
5. At most half as many as there are benign training examples that somebody vouches for.

The sample is stratified by environment and by score: a third each from below the median, from
there to the ninth decile, and from above it. It follows from its day and the scores alone.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import GoldenDataset
from whetstone.golden import JudgedUnit
from whetstone.golden_examples import REFRESH
from whetstone.sql import columns, identifier, literal

CONTRIBUTOR = "production"

_MEDIAN, _DECILE, _DOUBTFUL = 0.5, 0.9, 0.99
_OF_AN_ENTITY = 20


@dataclass(frozen=True)
class Flagged:
    """An entity value that is under suspicion from a time to a time (UTC), in an environment."""

    environment: str
    value: str
    first: datetime
    last: datetime


def days_before(dataset: GoldenDataset, day: date) -> list[str]:
    """The days that a refresh of a trigger's day looks at: whole ones, so without that day."""
    return [(day - timedelta(n)).isoformat() for n in range(dataset.refresh.days, 0, -1)]


def sample_benign(
    connection: duckdb.DuckDBPyConnection,
    dataset: GoldenDataset,
    entity: Sequence[str],
    day: date,
    scores: Mapping[str, Sequence[Path]],
    flagged: Iterable[Flagged],
) -> list[JudgedUnit]:
    """Draw the sample of a trigger's day.

    Args:
        connection: an engine that may read the lake.
        dataset: with `refresh`.
        entity: the columns that name a unit.
        day: of the trigger.
        scores: by detector, the scored units of `days_before`; none for one without scores.
        flagged: what analysts called an attack, and canaries.

    Returns:
        At most `refresh.units` of each environment, in a fixed order.
    """
    parts = [
        f"SELECT {literal(detector)} AS detector, environment, {columns(list(entity))}, unit,"
        " unit_start, event_timestamp, score, is_alert FROM read_parquet("
        f"[{', '.join(literal(str(path)) for path in paths)}], hive_partitioning = false)"
        for detector, paths in sorted(scores.items())
        if paths
    ]
    if not parts:
        return []
    connection.execute(f"CREATE OR REPLACE TEMP TABLE scored AS {' UNION ALL '.join(parts)}")
    connection.register("named", _table(flagged))
    drawn = connection.execute(_sql(dataset, entity, day)).fetchall()
    connection.unregister("named")
    return [
        JudgedUnit(
            origin=f"{REFRESH}{day.isoformat()}",
            contributor=CONTRIBUTOR,
            environment=environment,
            entity=tuple(values),
            unit_start=start,
            event_timestamp=end,
            positive=False,
        )
        for environment, start, end, *values in drawn
    ]


def _sql(dataset: GoldenDataset, entity: Sequence[str], day: date) -> str:
    texts = [f"{identifier(name)}::VARCHAR" for name in entity]
    loud = " UNION ALL ".join(
        f"SELECT environment, {text} AS value, date_trunc('day', unit_start) AS first,"
        " date_trunc('day', event_timestamp) + INTERVAL 1 DAY AS last FROM scored WHERE is_alert"
        for text in texts
    )
    draw = (
        f"md5(concat_ws('|', {literal(f'{dataset.name}|{day.isoformat()}')}, environment, unit,"
        " event_timestamp))"
    )
    units = dataset.refresh.units
    # One entity's part comes first, so that what it may not fill is filled by others.
    return f"""
        WITH flagged AS (FROM named UNION ALL {loud}),
        ranked AS (
            SELECT *, percent_rank() OVER same AS rank, cume_dist() OVER same AS up_to
            FROM scored
            WINDOW same AS (PARTITION BY detector, environment, is_alert ORDER BY score)),
        quiet AS (
            SELECT environment, {columns(list(entity))}, unit, unit_start, event_timestamp,
                   max(rank) AS rank, {draw} AS draw
            FROM ranked GROUP BY ALL
            HAVING NOT bool_or(is_alert OR (up_to > {_DOUBTFUL} AND rank > {_MEDIAN}))),
        clear AS (
            SELECT * FROM quiet WHERE NOT EXISTS (
                FROM flagged WHERE flagged.environment = quiet.environment
                AND flagged.value IN ({", ".join(f"quiet.{text}" for text in texts)})
                AND quiet.unit_start <= flagged.last AND quiet.event_timestamp >= flagged.first)
            QUALIFY row_number() OVER (
                PARTITION BY environment, {columns(list(entity))} ORDER BY draw)
                <= {max(1, units // _OF_AN_ENTITY)}),
        banded AS (
            SELECT *, (rank > {_MEDIAN})::INTEGER + (rank > {_DECILE})::INTEGER AS band
            FROM clear),
        turns AS (
            SELECT *, row_number() OVER (PARTITION BY environment, band ORDER BY draw) AS turn
            FROM banded)
        SELECT environment, unit_start, event_timestamp, {", ".join(texts)} FROM turns
        QUALIFY row_number() OVER (PARTITION BY environment ORDER BY turn, band) <= {units}
        ORDER BY environment, draw"""


def _table(flagged: Iterable[Flagged]) -> pa.Table:
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("environment", "value")),
            *((name, pa.timestamp("us")) for name in ("first", "last")),
        ]
    )
    rows = [
        {"environment": f.environment, "value": f.value, "first": f.first, "last": f.last}
        for f in flagged
    ]
    return pa.Table.from_pylist(rows, schema)
