"""Values of proposed features, and what they cost."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import time
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.catalog.units import entity_columns
from whetstone.engine import only_row
from whetstone.features import features_sql, present_sql
from whetstone.sql import columns, identifier

EVENTS = 200_000
"""Events that leaks and cost are tried on, of many: those of whole entities."""
KEYS = ("environment", "unit", "event_timestamp")
_TIMED_EVENTS = 20_000
_TIMES = 3


@dataclass(frozen=True)
class Cost:
    """CPU time of all cores that features take.

    Attributes:
        events: it was measured on so many.
        units: that they made.
        per_event: microseconds an event that the features add.
        per_unit: microseconds a unit that they add.
        before: microseconds an event that the view takes without them.
    """

    events: int
    units: int
    per_event: float
    per_unit: float
    before: float

    @property
    def share(self) -> float:
        """What they add to the view's time, as a share of it."""
        return self.per_event / self.before if self.before else 0.0


def unit_values(
    connection: duckdb.DuckDBPyConnection, view: FeatureView, relation: str, names: Sequence[str]
) -> pa.Table:
    """The units of events with these features; its keys are `KEYS`."""
    return connection.sql(features_sql(view, relation, names)).to_arrow_table()


def take_events(
    connection: duckdb.DuckDBPyConnection, view: FeatureView, relation: str, table: str
) -> int:
    """Make a temporary table of events with all events of each of its entities; how many.

    Of more than `EVENTS` it takes those of some entities, always the same.
    """
    (events,) = only_row(connection, f"SELECT count(*) FROM {relation} WHERE {present_sql(view)}")
    parts = max(1, -(-events // EVENTS))
    entity = columns(["environment", *entity_columns(view)])
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {identifier(table)} AS SELECT * FROM {relation}"
        f" WHERE {present_sql(view)} AND hash({entity}) % {parts} = 0"
    )
    return only_row(connection, f"SELECT count(*) FROM {identifier(table)}")[0]


def cost_of(
    connection: duckdb.DuckDBPyConnection, view: FeatureView, table: str, names: Sequence[str]
) -> Cost | None:
    """What features add to a view's time, measured on a table of events; None without events.

    Few events are taken several times, as if they were of several environments.
    """
    (events,) = only_row(connection, f"SELECT count(*) FROM {identifier(table)}")
    if not events:
        return None
    times = max(1, _TIMED_EVENTS // events)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE timed_events AS SELECT t.* REPLACE"
        f" (t.environment || '-' || n::VARCHAR AS environment)"
        f" FROM {identifier(table)} t, range({times}) r(n)"
    )
    own = [feature.name for feature in view.features if feature.name not in names]
    units = only_row(connection, f"SELECT count(*) FROM ({features_sql(view, 'timed_events', ())})")
    spent = [_seconds(connection, view, each) for each in (own, [*own, *names])]
    events, added = events * times, max(spent[1] - spent[0], 0.0)
    return Cost(
        events=events,
        units=units[0],
        per_event=added / events * 1e6,
        per_unit=added / max(units[0], 1) * 1e6,
        before=spent[0] / events * 1e6,
    )


def _seconds(
    connection: duckdb.DuckDBPyConnection, view: FeatureView, names: Sequence[str]
) -> float:
    statement = f"CREATE OR REPLACE TEMP TABLE timed AS {features_sql(view, 'timed_events', names)}"
    spent: list[float] = []
    for _ in range(_TIMES):
        began = time.process_time()
        connection.execute(statement)
        spent.append(time.process_time() - began)
    return min(spent)
