"""A feature view's definition as SQL over events (pure)."""

from collections.abc import Iterable, Sequence

from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.catalog.units import entity_columns, seconds_of
from whetstone.sql import columns, identifier


def features_sql(view: FeatureView, relation: str, features: Sequence[str] | None = None) -> str:
    """SQL that computes features of units from a relation of events.

    Args:
        view: a validated definition.
        relation: name of the relation of events.
        features: the features wanted, by name; None: all.

    Returns:
        A SELECT of `environment`, the entity columns, `unit`, `unit_start`, `event_timestamp`
        (when the features are known), `unit_hash` (of the unit's raw lines) and the features.
        Events without a value in an entity column belong to no unit, and windows and sessions
        end with the partition day: raw files of different directories share none. So a unit
        that is computed again among events of other days stays the same unit.
    """
    entity = entity_columns(view)
    group = ["environment", *entity]
    together = f"GROUP BY {columns(group)}, parse_dirpath(raw_file)"
    match view.WhichOneof("unit"):
        case "event":
            start = end = "event_time"
            grouping, content = "", "raw_hash::HUGEINT"
        case "window":
            seconds = seconds_of(view.window.every)
            start = f"time_bucket(INTERVAL {seconds} SECOND, event_time)"
            end = f"{start} + INTERVAL {seconds} SECOND"
            grouping, content = f"{together}, {start}", "sum(raw_hash::HUGEINT)"
        case _:
            start, end = "min(event_time)", "max(event_time)"
            grouping, content = together, "sum(raw_hash::HUGEINT)"
    return f"""
        SELECT {columns(group)}, {unit_sql(view)} AS unit,
               {start} AS unit_start, {end} AS event_timestamp,
               md5(({content})::VARCHAR) AS unit_hash{selected_features(view, features)}
        FROM {relation} WHERE {present_sql(view)} {grouping}"""


def unit_sql(view: FeatureView) -> str:
    """SQL of the name of an event's unit: the entity's values joined by `|`."""
    unit = ", ".join(f"{identifier(name)}::VARCHAR" for name in entity_columns(view))
    return f"concat_ws('|', {unit})"


def present_sql(view: FeatureView) -> str:
    """SQL of whether an event belongs to a unit."""
    return " AND ".join(f"{identifier(name)} IS NOT NULL" for name in entity_columns(view))


def selected_features(view: FeatureView, features: Iterable[str] | None = None) -> str:
    """SQL of the features (None: all) as further columns of a SELECT, in the view's order."""
    wanted = None if features is None else set(features)
    return "".join(
        f",\n       TRY_CAST((\n{f.definition}\n) AS {f.data_type}) AS {identifier(f.name)}"
        for f in view.features
        if wanted is None or f.name in wanted
    )
