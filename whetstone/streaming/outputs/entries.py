"""An entry of the journal, and the line of JSON that holds it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Entry:
    """A record on its way to the outputs.

    Attributes:
        id: of the alert (or alarm, or whatever the record tells of).
        revision: from 1; the same id and revision is the same record.
        record: what is delivered, as JSON takes it; nobody changes it any more.
    """

    id: str
    revision: int
    record: dict[str, Any]


def encode(sequence: int, entry: Entry) -> bytes:
    """The entry as a line of the journal."""
    line = {
        "sequence": sequence,
        "id": entry.id,
        "revision": entry.revision,
        "record": entry.record,
    }
    return to_json(line) + b"\n"


def decode(line: bytes) -> tuple[int, Entry] | None:
    """The entry of a line and its sequence number; None if the line is damaged."""
    try:
        read: Any = json.loads(line)
        record: Any = read["record"]
        return int(read["sequence"]), Entry(str(read["id"]), int(read["revision"]), dict(record))
    except (ValueError, TypeError, KeyError):
        return None


def delivered(sequence: int, entry: Entry) -> dict[str, Any]:
    """The record as outputs give it: with its place in the journal, as ECS calls it."""
    event: Any = entry.record.get("event", {})
    return {**entry.record, "event": {**event, "sequence": sequence}}


def decoded_sequence(line: bytes) -> int | None:
    """The place in the journal of a record that was delivered as a line of JSON."""
    try:
        read: Any = json.loads(line)
        return int(read["event"]["sequence"])
    except (ValueError, TypeError, KeyError):
        return None


def to_json(value: Mapping[str, Any]) -> bytes:
    """JSON on one line, which every reader of JSON takes.

    What JSON has no word for does not stop an alert: a number that is none becomes null, half a
    surrogate pair a question mark.
    """
    try:
        text = _dumps(value)
    except ValueError:
        text = _dumps(_finite(value))
    return text.encode("utf-8", "replace")


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in cast("list[object]", value)]
    return value
