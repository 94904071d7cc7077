"""What a scorer says of itself as a record for its outputs. Pure."""

import hashlib
from typing import Any, Literal

from whetstone.streaming.instants import instant
from whetstone.streaming.outputs.entries import Entry

Kind = Literal["silence", "canary"]


def alarm(
    environment: str,
    kind: Kind,
    action: str,
    name: str,
    source: str,
    began: int,
    message: str,
    revision: int = 1,
) -> Entry:
    """An entry that tells of an input, with ECS's `event.kind: event`.

    Args:
        environment: which.
        kind: what it is about.
        action: what happened, as `input-silent`.
        name: of the input.
        source: of the input.
        began: since when, microseconds since 1970; with input and kind it is the alarm's identity.
        message: for people.
        revision: 1 for the alarm, 2 for its end.
    """
    when = instant(began)
    key = "\n".join((environment, kind, name, when))
    name_of_event = hashlib.sha256(key.encode()).hexdigest()[:16]
    record: dict[str, Any] = {
        "@timestamp": when,
        "message": message,
        "event": {
            "kind": "event",
            "category": ["process"],
            "type": ["info"],
            "action": action,
            "id": name_of_event,
        },
        "whetstone": {
            "kind": kind,
            "action": action,
            "environment": environment,
            "input": name,
            "source": source,
            "revision": revision,
            "message": message,
        },
    }
    return Entry(name_of_event, revision, record)
