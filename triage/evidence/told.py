"""What a scorer told beside an alert: its lines, and what else the entity did.

Of what scorers send here nothing has been checked but that it is JSON of bounded size: what is not
as `whetstone.streaming.alerting.records` writes it is passed over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

_MOST = 50
_MOST_FIELDS = 30


@dataclass(frozen=True)
class ToldLine:
    """A line of an alert: the input it came in, its number, and its text if that was sent."""

    input: str
    number: int
    text: str | None


@dataclass(frozen=True)
class ToldEvent:
    """Another event of the alert's entity; all text is hostile."""

    source: str
    at: str
    fields: dict[str, str]


def told_lines(record: Mapping[str, Any] | None) -> list[ToldLine]:
    """The lines of a record, at most 50."""
    return [
        ToldLine(_text(line.get("input")), number, _text(text) if text is not None else None)
        for line in _objects(record, "lines")
        if isinstance(number := line.get("line"), int)
        for text in [line.get("text")]
    ]


def told_events(record: Mapping[str, Any] | None) -> list[ToldEvent]:
    """The context of a record, at most 50 events."""
    return [
        ToldEvent(_text(event.get("source")), _text(event.get("event_time")), _fields(event))
        for event in _objects(record, "context")
    ]


def _fields(event: Mapping[str, Any]) -> dict[str, str]:
    fields = event.get("fields")
    if not isinstance(fields, dict):
        return {}
    known = cast("dict[str, Any]", fields)
    return {name: _text(value) for name, value in list(known.items())[:_MOST_FIELDS]}


def _objects(record: Mapping[str, Any] | None, name: str) -> Iterator[dict[str, Any]]:
    found = {} if record is None else record.get("whetstone", {})
    listed = cast("Any", found.get(name))
    for each in cast("list[Any]", listed)[:_MOST] if isinstance(listed, list) else []:
        if isinstance(each, dict):
            yield cast("dict[str, Any]", each)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
