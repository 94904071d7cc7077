"""Records that are longer than a destination takes: an alert is not lost for its context."""

from collections.abc import Callable, Mapping
from typing import Any

from whetstone.streaming.outputs.entries import to_json

BULK = ("context", "related", "lines", "explanation")
"""What a record can do without, the least needed first; all of `whetstone`."""


def fitting(
    record: Mapping[str, Any],
    most: int,
    encode: Callable[[Mapping[str, Any]], bytes] = to_json,
) -> bytes:
    """The record encoded in at most so many bytes, if leaving out its bulk is enough for that.

    `whetstone.left_out` names what was left out. Whether it fits is for the caller to see.
    """
    encoded = encode(record)
    told: dict[str, Any] = dict(record.get("whetstone") or {})
    left_out: list[str] = []
    for name in BULK:
        if len(encoded) > most and told.get(name):
            left_out.append(name)
            told = {**told, name: [], "left_out": left_out}
            encoded = encode({**record, "whetstone": told})
    return encoded
