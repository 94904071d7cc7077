"""Between the dataclasses of triage and the rows of the case store."""

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import Row

from triage.records import Alert, RecordStatus, State, Verdict, VerdictValue
from whetstone.errors import InputError

GROWING = (RecordStatus.OPEN, RecordStatus.UPDATED)
LIVE = (*GROWING, RecordStatus.CLOSED)
_OF_THE_STORE = ("status", "day", "state", "verdicts", "pattern", "group_id", "rule_id")


def alert_of(row: Row[Any], given: tuple[Verdict, ...]) -> Alert:
    """The alert of a row of `alerts`, with its current verdicts."""
    columns = dict(row._mapping)
    told = columns.pop("status")
    status = None if told is None else RecordStatus(told)
    # Neither of them withdraws what the other still finds.
    fires = columns.pop("firing") or status in LIVE
    state: State = "judged" if given else "open" if fires else "withdrawn"
    columns["probe"] = bool(columns["probe"])
    return Alert(**columns, status=status, state=state, verdicts=given)


def verdict_of(row: Row[Any]) -> Verdict:
    """The verdict of a row of `verdicts`."""
    columns = dict(row._mapping)
    del columns["seq"]
    return Verdict(**{**columns, "value": VerdictValue(row.value)})


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
    return row | {
        "day": day,
        "firing": True,
        "score": float(alert.score),
        "threshold": float(alert.threshold),
        "per_day": None if alert.per_day is None else float(alert.per_day),
        "unit_start": utc(alert.unit_start),
        "event_timestamp": utc(alert.event_timestamp),
        "entity": _plain(alert.entity),
        "explanation": _plain(alert.explanation),
    }


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


def utc(at: datetime) -> datetime:
    """`at` as a naive datetime that means UTC."""
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
