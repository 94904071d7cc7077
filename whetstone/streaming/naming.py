"""What the units of a view are called, and by what an engine tells them apart."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.catalog.units import entity_columns
from whetstone.features import present_sql, unit_sql
from whetstone.sql import identifier
from whetstone.streaming.prepared import PreparedQuery

KEY, UNIT = "_key", "unit"


class Naming:
    """Gives events the columns `unit` and `_key`, which only one unit of a bucket has.

    Args:
        connection: of the thread that scores.
        view: a validated definition.
        schema: of the events.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, view: FeatureView, schema: pa.Schema
    ) -> None:
        self._entity = entity_columns(view)
        self._query = None
        if not all(_has_plain_text(schema.field(name).type) for name in self._entity):
            self._query = PreparedQuery(
                connection,
                schema,
                f"SELECT *, {_key_sql(view)} AS {KEY}, {unit_sql(view)} AS {UNIT}"
                f" FROM {{relation}} WHERE {present_sql(view)}",
            )

    def named(self, events: pa.Table) -> pa.Table:
        """The events that belong to a unit, with its key and name."""
        return self._query.run(events) if self._query else _named(events, self._entity)


def _has_plain_text(kind: pa.DataType) -> bool:
    """Whether Arrow writes values of a type as DuckDB does."""
    return pa.types.is_string(kind) or pa.types.is_integer(kind)


def _named(events: pa.Table, entity: Sequence[str]) -> pa.Table:
    """Events that belong to a unit, with its key and name: what the query does, far cheaper."""
    for name in entity:
        if events[name].null_count:
            events = events.filter(events[name].is_valid())
    parts = [events[name].cast(pa.string()) for name in entity]
    unit = key = parts[0]
    if len(parts) > 1:
        unit = pc.binary_join_element_wise(*parts, "|")
        lengths = [pc.binary_length(part).cast(pa.string()) for part in parts]
        pairs = [each for pair in zip(lengths, parts, strict=True) for each in pair]
        key = pc.binary_join_element_wise(*pairs, ":")
    return events.append_column("_key", key).append_column("unit", unit)


def _key_sql(view: FeatureView) -> str:
    """SQL of a text that only one unit of a bucket has."""
    parts = [f"{identifier(name)}::VARCHAR" for name in entity_columns(view)]
    if len(parts) == 1:
        return parts[0]
    return "concat(" + ", ".join(f"strlen({part}), ':', {part}" for part in parts) + ")"
