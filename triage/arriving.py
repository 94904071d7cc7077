"""Alerts on their way into the case store, as rows."""

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, cast

from sqlalchemy import Connection

from triage import schema
from triage.queue.patterns import pattern_of
from triage.records import Alert
from triage.rows import utc
from triage.statements import dialect_of
from whetstone.errors import InputError

_OF_THE_STORE = ("status", "day", "state", "verdicts", "pattern", "group_id", "rule_id")


def row_of(alert: Alert, day: date, detector: str) -> dict[str, Any]:
    """The row of `alerts` for an alert that the day's batch found.

    Raises:
        InputError: It is of another detector, or its score is no number.
    """
    if alert.detector != detector:
        raise InputError(f"alert {alert.alert_id} is of {alert.detector}, not of {detector}")
    if not (math.isfinite(alert.score) and math.isfinite(alert.threshold)):
        raise InputError(f"alert {alert.alert_id}: score {alert.score} is not a finite number")
    row = {key: value for key, value in vars(alert).items() if key not in _OF_THE_STORE}
    explanation = _plain(alert.explanation)
    return row | {
        "day": day,
        "firing": True,
        "score": float(alert.score),
        "threshold": float(alert.threshold),
        "per_day": None if alert.per_day is None else float(alert.per_day),
        "unit_start": utc(alert.unit_start),
        "event_timestamp": utc(alert.event_timestamp),
        "entity": _plain(alert.entity),
        "explanation": explanation,
        "pattern": pattern_of(detector, explanation).key,
    }


def store_found(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store alerts that the day's batch found, over what was known of them."""
    if not rows:
        return
    insert = dialect_of(connection).insert(schema.alerts)
    # `status` is the scorers' to say; what the queue adds follows later.
    kept = ("alert_id", "status", "group_id", "rule_id")
    new = {c.name: insert.excluded[c.name] for c in schema.alerts.columns if c.name not in kept}
    keys = [schema.alerts.c.alert_id]
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=new), list(rows))


def _plain(value: Any) -> Any:
    """`value` as JSON has it: numpy's numbers become Python's, instants text, no-numbers null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in cast("dict[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in cast("Iterable[Any]", value)]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
