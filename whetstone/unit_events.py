"""The events that units are made of."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from dataclasses import dataclass
from datetime import timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.catalog.validation import entity_columns
from whetstone.sql import identifier

_LINES = 10


@dataclass(frozen=True)
class Line:
    """Where an event lies: a raw file's name, and the number of its line from 1."""

    file: str
    line: int


@dataclass(frozen=True)
class Evidence:
    """The events of a unit.

    Attributes:
        events: how many there are.
        lines: where the oldest of them lie, at most 10.
    """

    events: int
    lines: list[Line]


def evidence_of(
    connection: duckdb.DuckDBPyConnection, events: str, view: FeatureView, units: pa.Table
) -> list[Evidence]:
    """The events of each unit, in the order of the units.

    Args:
        connection: an engine that can read the events.
        events: SQL of their relation; the events of one source, or of one day of it.
        view: what the units are units of.
        units: with `environment`, `unit_start`, `event_timestamp` and the entity's columns.
    """
    numbered = with_end(units, view).append_column("number", pa.array(range(units.num_rows)))
    connection.register("numbered", numbered)
    same = "".join(
        f" AND numbered.{name} = event.{name}" for name in map(identifier, entity_columns(view))
    )
    within = (
        "event.event_time = numbered.unit_start"
        if view.WhichOneof("unit") == "event"
        else "event.event_time >= numbered.unit_start AND event.event_time < numbered.until"
    )
    found = connection.execute(
        f"""SELECT numbered.number, count(*),
                   list([event.raw_file, event.raw_line::VARCHAR]
                        ORDER BY event.event_time, event.raw_line)[:{_LINES}]
            FROM numbered JOIN {events} event
              ON numbered.environment = event.environment{same} AND {within} GROUP BY ALL"""
    )
    by_number = {
        number: Evidence(count, [Line(file, int(line)) for file, line in places])
        for number, count, places in found.fetchall()
    }
    connection.unregister("numbered")
    return [by_number.get(number, Evidence(0, [])) for number in range(units.num_rows)]


def with_end(units: pa.Table, view: FeatureView) -> pa.Table:
    """Units with `until`, the time at which they are over, which a window's last moment is not."""
    if "until" in units.column_names:
        return units
    end = units["event_timestamp"]
    if view.WhichOneof("unit") != "window":
        end = pc.call_function("add", [end, pa.scalar(timedelta(microseconds=1))])
    return units.append_column("until", end)
