"""What the day's batch and a stream say alike about an alert: its name and its reasons (pure)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.scoring.explain import Contribution

MOST_TEXT = 200
"""Characters of a log's text in an explanation."""


def alert_id(view: FeatureView, detector: str, row: Mapping[str, Any]) -> str:
    """The alert's name: the same unit keeps it, whichever model version finds it.

    A session's last event is another one whenever it grows, its UTC day is not: no key has two
    sessions on one day.

    Args:
        view: whose unit the row is.
        detector: its name.
        row: `environment`, `unit`, `unit_start` and `event_timestamp` of a scored unit, naive
            datetimes in UTC.

    Returns:
        16 hex digits.
    """
    start: datetime = row["unit_start"]
    end: datetime = row["event_timestamp"]
    at = start.date() if view.WhichOneof("unit") == "session" else end
    identity = "\x1f".join((detector, row["environment"], row["unit"], at.isoformat()))
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def explanation(contributions: Sequence[Contribution]) -> list[dict[str, Any]]:
    """Contributions as JSON takes them; only sequences have positions, only ensembles members.

    Values may be text of a log, which is hostile: it is cut, not escaped.
    """
    return [_part(contribution) for contribution in contributions]


def _part(contribution: Contribution) -> dict[str, Any]:
    part = asdict(contribution)
    for name in ("position", "member"):
        if part[name] is None:
            del part[name]
    if isinstance(contribution.value, str):
        part["value"] = contribution.value[:MOST_TEXT]
    return part
