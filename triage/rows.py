"""Between the dataclasses of triage and the rows of the case store."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from triage.records import Alert, RecordStatus, State, Verdict, VerdictValue

GROWING = (RecordStatus.OPEN, RecordStatus.UPDATED)
LIVE = (*GROWING, RecordStatus.CLOSED)


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


def utc(at: datetime) -> datetime:
    """`at` as a naive datetime that means UTC."""
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
