"""From labelled units to examples: splits, contradictions, duplicates, expiry, a cap on refreshes.

The rules of `whetstone.golden`, as SQL over the temporary table `all_labelled`. Only training
examples ever leave by age or by number; what is held out stays for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from whetstone.catalog.catalog_pb2 import GoldenDataset
from whetstone.catalog.units import seconds_of
from whetstone.catalog.validation import instant_of
from whetstone.engine import only_row
from whetstone.sql import columns, literal

REFRESH = "refresh:"
"""How the origin of a unit begins that nobody labelled: production, taken for benign."""
MOST_REFRESHED = 0.5
"""Units of production for each benign training example that somebody vouches for."""

_HASH_SHARE = "(md5_number_lower({key}) >> 11)::DOUBLE / 9007199254740992"
_REFRESHED = f"starts_with(origin, {literal(REFRESH)})"


@dataclass(frozen=True)
class Left:
    """What was left out on the way to the examples.

    Attributes:
        conflicts: units (or equal raw lines) that carry both labels.
        duplicates: units whose raw lines occur elsewhere.
        expired: training examples that were too old, by `positive` and `negative`.
        over_cap: units of the refresh beyond its share.
    """

    conflicts: int
    duplicates: int
    expired: dict[str, int]
    over_cap: int


def make_examples(
    connection: duckdb.DuckDBPyConnection, dataset: GoldenDataset, entity: Sequence[str]
) -> Left:
    """Make the temporary tables `examples`, and `conflicts` (units with both labels).

    Args:
        connection: has the table `all_labelled`.
        dataset: the definition.
        entity: the columns that name a unit.
    """
    _split(connection, dataset, entity)
    conflicts, duplicates = _remove_conflicts_and_duplicates(connection)
    expired = _expire(connection, seconds_of(dataset.expires_after))
    return Left(conflicts, duplicates, expired, _cap_refresh(connection))


def _split(
    connection: duckdb.DuckDBPyConnection, dataset: GoldenDataset, entity: Sequence[str]
) -> None:
    if dataset.holdout.WhichOneof("by") == "group":
        group = dataset.holdout.group
        key = f"concat_ws('|', {literal(dataset.name)}, {columns(list(group.keys))})"
        draw = _HASH_SHARE.format(key=key)
        test = f"{draw} < {group.test_share}"
        validation = f"{draw} < {group.test_share + group.validation_share}"
    else:
        time = dataset.holdout.time
        test = f"event_timestamp >= {_timestamp(time.test_from)}"
        validation = f"event_timestamp >= {_timestamp(time.validation_from)}"
    # What nobody labelled comes from groups that train anyway, and yields to what people said.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE candidates AS
            SELECT environment, {columns(list(entity))}, unit, unit_start, event_timestamp,
                   unit_hash, label, positive,
                   CASE WHEN NOT ({validation}) THEN 'train'
                        WHEN origin LIKE 'verdict:%' THEN 'verdicts'
                        WHEN {test} THEN 'test' ELSE 'validation' END AS split,
                   origin, contributor
            FROM all_labelled
            WHERE NOT {_REFRESHED} OR (NOT ({validation}) AND unit_hash NOT IN (
                SELECT unit_hash FROM all_labelled WHERE NOT {_REFRESHED}))"""
    )


def _timestamp(text: str) -> str:
    return f"TIMESTAMP {literal(str(instant_of(text)))}"


def _remove_conflicts_and_duplicates(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE conflicts AS
           SELECT * FROM candidates
           QUALIFY count(DISTINCT positive) OVER (PARTITION BY unit_hash) > 1
           ORDER BY unit_hash, origin, environment, unit, event_timestamp, label"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE examples AS
           SELECT * EXCLUDE (unit_hash) FROM candidates
           WHERE unit_hash NOT IN (SELECT unit_hash FROM conflicts)
           QUALIFY row_number() OVER (
               PARTITION BY unit_hash
               ORDER BY split <> 'test', origin, environment, unit, event_timestamp, label) = 1
           ORDER BY environment, unit, event_timestamp"""
    )
    conflicts, duplicates = only_row(
        connection,
        """SELECT (SELECT count(DISTINCT unit_hash) FROM conflicts),
                  (SELECT count(*) FROM candidates) - (SELECT count(*) FROM conflicts)
                  - (SELECT count(*) FROM examples)""",
    )
    return conflicts, duplicates


def _expire(connection: duckdb.DuckDBPyConnection, seconds: int | None) -> dict[str, int]:
    """Take old training examples out; counted from the newest example, so that no clock matters.

    A sign that would have no training example left keeps all: a detector must be able to train.
    """
    if seconds is None:
        return {}
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE expired AS
            SELECT * FROM examples
            WHERE split = 'train' AND event_timestamp
                  < (SELECT max(event_timestamp) FROM examples) - INTERVAL {seconds} SECOND
            AND positive IN (
                SELECT positive FROM examples WHERE split = 'train' GROUP BY positive
                HAVING max(event_timestamp)
                       >= (SELECT max(event_timestamp) FROM examples) - INTERVAL {seconds} SECOND)
        """
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE examples AS
           SELECT * FROM examples ANTI JOIN expired USING (environment, unit, event_timestamp)
           ORDER BY environment, unit, event_timestamp"""
    )
    return _signed(connection, "expired")


def _cap_refresh(connection: duckdb.DuckDBPyConnection) -> int:
    """Leave units of production out that outnumber what people vouch for; those drawn last."""
    before, vouched, refreshed = only_row(
        connection,
        f"""SELECT count(*),
                   count(*) FILTER (split = 'train' AND NOT positive AND NOT {_REFRESHED}),
                   count(*) FILTER ({_REFRESHED})
            FROM examples""",
    )
    if not refreshed:
        return 0
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE examples AS
            SELECT * EXCLUDE (turn) FROM (
                SELECT *, CASE WHEN {_REFRESHED} THEN row_number() OVER (
                    PARTITION BY {_REFRESHED}, environment
                    ORDER BY md5(concat_ws('|', origin, unit, event_timestamp))) END AS turn
                FROM examples)
            QUALIFY turn IS NULL OR row_number() OVER (
                PARTITION BY turn IS NULL ORDER BY turn, environment)
                <= {int(vouched * MOST_REFRESHED)}
            ORDER BY environment, unit, event_timestamp"""
    )
    (after,) = only_row(connection, "SELECT count(*) FROM examples")
    return before - after


def _signed(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, int]:
    """Rows by sign; a sign without rows is left out."""
    counts = connection.execute(
        f"SELECT positive, count(*) FROM {table} GROUP BY positive ORDER BY positive DESC"
    ).fetchall()
    return {"positive" if positive else "negative": count for positive, count in counts}
