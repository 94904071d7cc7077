"""Point-in-time joins as SQL: pure text, one statement a feature view.

For every entity row the join finds the feature row with equal keys and the greatest timestamp that
is not after the row's. DuckDB's `ASOF JOIN` does this by one sort of each side, where the usual
inequality join first makes all pairs of an entity row and an earlier feature row.

References:
    DuckDB, AsOf joins: https://duckdb.org/docs/guides/sql_features/asof_join
    Feast, point-in-time joins: https://docs.feast.dev/getting-started/concepts/point-in-time-joins
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from whetstone.sql import identifier

Span = tuple[datetime, datetime]

ENTITY_ROWS = "entity_rows"
ROW = "row number"
_PRUNABLE = {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ViewJoin:
    """What one feature view contributes to a join.

    Columns of the feature rows are called as they are in the file.

    Attributes:
        keys: column of the feature rows -> column of the entity rows; empty: every row matches.
        timestamp: column of the feature rows, the point in time from which they are known.
        created: column that tells when a row was written; of rows with equal keys and timestamp
            the one written last counts. Empty: there is none.
        features: column of the feature rows -> name in the result.
        ttl: a feature row is not used when it is older; None or zero: it never ages.
    """

    keys: Mapping[str, str]
    timestamp: str
    created: str
    features: Mapping[str, str]
    ttl: timedelta | None


def join_sql(
    join: ViewJoin,
    source: str,
    types: Mapping[str, str],
    *,
    event_timestamp: str,
    span: Span | None,
    ties: bool,
    written_by_then: bool,
) -> str:
    """The statement that gives one row of features for each entity row, in their order.

    Args:
        join: what to join.
        source: a table expression, such as `read_parquet([…])`.
        types: DuckDB type of each column of the source.
        event_timestamp: the entity rows' column to look back from.
        span: the first and the last such instant (UTC), by which the source's rows are pruned.
        ties: whether `ties_sql` found any; without, nothing has to be told apart.
        written_by_then: ignore rows whose `created` is after the entity row's instant, so that a
            value that was filled in later does not leak into the past.
    """
    filtered = written_by_then and bool(join.created)
    keys = _keys(join)
    matches = [f"spine.{key} = known.{key}" for key in keys]
    clock = "available" if filtered else "moment"
    matches.append(f"spine.moment >= known.{clock}")
    return (
        f"WITH spine AS ({_spine(join, event_timestamp)}),\n"
        f"seen AS ({_seen(join, source, types, span, filtered)}),\n"
        f"known AS (SELECT * FROM seen{_one_each(join, filtered, ties)})\n"
        f"SELECT {_values(join)}\n"
        f"FROM spine ASOF LEFT JOIN known ON {' AND '.join(matches)}\n"
        f"ORDER BY spine.ordinal"
    )


def ties_sql(join: ViewJoin, source: str, types: Mapping[str, str], span: Span | None) -> str:
    """The query that counts the keys and timestamps that several feature rows share.

    It reads two or three columns, where telling rows apart sorts all of them.
    """
    same = ", ".join([*_keys(join), "moment"])
    return (
        f"WITH seen AS ({_seen(join, source, types, span, False)}) SELECT count(*)"
        f" FROM (SELECT 1 FROM seen GROUP BY {same} HAVING count(*) > 1)"
    )


def _spine(join: ViewJoin, event_timestamp: str) -> str:
    keys = "".join(
        f", {identifier(name)} AS k{number}" for number, name in enumerate(join.keys.values())
    )
    moment = f"CAST({identifier(event_timestamp)} AS TIMESTAMPTZ) AS moment"
    return f"SELECT {identifier(ROW)} AS ordinal, {moment}{keys} FROM {ENTITY_ROWS}"


def _seen(
    join: ViewJoin,
    source: str,
    types: Mapping[str, str],
    span: Span | None,
    filtered: bool,
) -> str:
    timestamp = identifier(join.timestamp)
    columns = [f"CAST({timestamp} AS TIMESTAMPTZ) AS moment"]
    conditions = [f"{timestamp} IS NOT NULL"]
    if join.created:
        created = identifier(join.created)
        columns.append(f"CAST({created} AS TIMESTAMPTZ) AS created")
        if filtered:
            columns.append("greatest(moment, created) AS available")
            conditions.append(f"{created} IS NOT NULL")
    columns += [f"{identifier(name)} AS k{i}" for i, name in enumerate(join.keys)]
    columns += [f"{identifier(name)} AS f{i}" for i, name in enumerate(join.features)]
    conditions += _pruned(timestamp, types[join.timestamp], join.ttl, span)
    return f"SELECT {', '.join(columns)} FROM {source} WHERE {' AND '.join(conditions)}"


def _pruned(timestamp: str, kind: str, ttl: timedelta | None, span: Span | None) -> list[str]:
    """Conditions on the column as it is stored, so that they skip files and row groups."""
    if span is None or kind not in _PRUNABLE:
        return []
    first, last = span
    conditions = [f"{timestamp} <= {_instant(last, kind)}"]
    if ttl and first - _BEGINNING > ttl:
        conditions.append(f"{timestamp} >= {_instant(first - ttl, kind)}")
    return conditions


def _instant(instant: datetime, kind: str) -> str:
    # Without a time zone in the type, UTC is meant.
    text = (instant.replace(tzinfo=None) if kind == "TIMESTAMP" else instant).isoformat(" ")
    return f"CAST('{text}' AS {kind})"


def _one_each(join: ViewJoin, filtered: bool, ties: bool) -> str:
    """One feature row for each key and instant at which something new is known.

    Rows that are equal in key, timestamp and creation are told apart by the hash of their values:
    which one counts is arbitrary, but always the same.
    """
    values = f"hash({', '.join(f'f{number}' for number in range(len(join.features)))})"
    latest = "created DESC NULLS LAST, " if join.created else ""
    if not filtered:
        same = ", ".join([*_keys(join), "moment"])
        order = f"PARTITION BY {same} ORDER BY {latest}{values}"
        return f" QUALIFY row_number() OVER ({order}) = 1" if ties else ""
    # A row that becomes available after one with a later timestamp never counts. What remains
    # rises in `moment` as it rises in `available`, so the last one available is the one to take.
    same = ", ".join([*_keys(join), "available"])
    per_key = f"PARTITION BY {', '.join(_keys(join))} " if join.keys else ""
    so_far = f"{per_key}ORDER BY available RANGE UNBOUNDED PRECEDING"
    return (
        f" QUALIFY row_number() OVER (PARTITION BY {same} ORDER BY moment DESC, {latest}{values})"
        f" = 1 AND moment = max(moment) OVER ({so_far})"
    )


def _keys(join: ViewJoin) -> list[str]:
    return [f"k{number}" for number in range(len(join.keys))]


def _values(join: ViewJoin) -> str:
    columns: list[str] = []
    for number, name in enumerate(join.features.values()):
        value = f"known.f{number}"
        if join.ttl:
            lifetime = f"to_microseconds({join.ttl // timedelta(microseconds=1)})"
            value = f"CASE WHEN known.moment + {lifetime} >= spine.moment THEN {value} END"
        columns.append(f"{value} AS {identifier(name)}")
    return ", ".join(columns)
