"""Column schemas as the UI shows them."""

from collections.abc import Mapping

import dagster as dg

from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.catalog.validation import EVENT_COLUMNS, MESSAGE_KEY, entity_columns

_EVENT_TEXTS = {
    "environment": "Where it happened",
    "event_time": "When it happened, UTC",
    "raw_file": "Raw file, below the landing area",
    "raw_line": "Line in the raw file, from 1",
    "raw_hash": "Hash of the raw line",
    "key_id": "Which key its pseudonyms were made with; NULL: none",
}
_UNIT_TYPES = {
    "unit": ("VARCHAR", "The unit: its entity values"),
    "unit_start": ("TIMESTAMP", "Where the unit begins, UTC"),
    "event_timestamp": ("TIMESTAMP", "When its features are known, UTC"),
}


def event_schema(source: Source) -> list[dg.TableColumn]:
    """The columns of a source's events."""
    fields = {field.name: field for field in source.fields}
    columns = [
        dg.TableColumn(name, kind, description=_EVENT_TEXTS[name])
        for name, kind in EVENT_COLUMNS.items()
    ]
    for name, field in fields.items():
        if name not in EVENT_COLUMNS:
            text = ": ".join(part for part in (field.display_name, field.description) if part)
            tags = {"personal_data": "true"} if field.personal_data else {}
            columns.append(dg.TableColumn(name, field.data_type, description=text, tags=tags))
    if source.message:
        text = "The message without its numbers: what its template is found by"
        columns.append(dg.TableColumn(MESSAGE_KEY, "VARCHAR", description=text))
    return columns


def reject_schema() -> list[dg.TableColumn]:
    """The columns of rejects."""
    return _columns(
        {
            "environment": ("VARCHAR", _EVENT_TEXTS["environment"]),
            "raw_file": ("VARCHAR", _EVENT_TEXTS["raw_file"]),
            "raw_line": ("BIGINT", _EVENT_TEXTS["raw_line"]),
            "reason": ("VARCHAR", "Why it was rejected"),
            "raw": ("VARCHAR", "The beginning of the raw line"),
        }
    )


def unit_schema(view: FeatureView) -> list[dg.TableColumn]:
    """The columns of a view's units, without features."""
    entity = dict.fromkeys(entity_columns(view), ("VARCHAR", "Names the unit"))
    environment = {"environment": ("VARCHAR", _EVENT_TEXTS["environment"])}
    return _columns({**environment, **entity, **_UNIT_TYPES})


def feature_schema(view: FeatureView) -> list[dg.TableColumn]:
    """The columns of a view's units with their features."""
    return [
        *unit_schema(view),
        *(
            dg.TableColumn(f.name, f.data_type, description=f.description or f.display_name)
            for f in view.features
        ),
    ]


def _columns(columns: Mapping[str, tuple[str, str]]) -> list[dg.TableColumn]:
    return [dg.TableColumn(name, kind, description=text) for name, (kind, text) in columns.items()]
