"""A source's raw fields as its events: what a definition could be written over (pure)."""

from collections.abc import Sequence

from whetstone.catalog.catalog_pb2 import Source


def with_raw_values(source: Source, raw: Sequence[str]) -> Source:
    """The source with raw fields as its fields, as text; every record is an event.

    The fields are named by `raw_column`; the clock stands still.
    """
    probe = Source()
    probe.CopyFrom(source)
    probe.ClearField("fields")
    probe.ClearField("message")
    probe.event_time = "event_time"
    probe.fields.add(name="event_time", data_type="TIMESTAMP", definition="TIMESTAMP '2026-03-01'")
    for number, name in enumerate(raw):
        probe.fields.add(
            name=raw_column(number), data_type="VARCHAR", index=[name], definition="$1"
        )
    return probe


def raw_column(number: int) -> str:
    """The field of a raw field, by its place."""
    return f"raw_{number}"
