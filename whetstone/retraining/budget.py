"""The budget: how many models may still be made anew today (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

RETRAINED = "retrained"
"""The fact of a model's manifest: when it was made anew, in UTC, ISO 8601, of the last two days."""
_KEPT = timedelta(days=2)


def retrained(before: Mapping[str, Any] | None, now: datetime) -> list[str]:
    """What the facts of a model that is being made say under `RETRAINED`.

    Args:
        before: the facts of the model that it replaces; None: it replaces none.
        now: the time, with its zone.
    """
    if before is None:
        return []
    since = (now - _KEPT).astimezone(UTC).isoformat(timespec="seconds")
    earlier = [at for at in before.get(RETRAINED, ()) if at >= since]
    return [*earlier, now.astimezone(UTC).isoformat(timespec="seconds")]


def left_today(
    budget: int, models: Iterable[Mapping[str, Any]], being_made: int, now: datetime
) -> int | None:
    """How many models may be made anew before the UTC day is over; None: any number.

    Args:
        budget: how many a day; 0: any number.
        models: the facts of all models.
        being_made: how many are being made anew at this moment.
        now: the time, with its zone.
    """
    if not budget:
        return None
    today = now.astimezone(UTC).date().isoformat()
    made: Sequence[str] = [at for facts in models for at in facts.get(RETRAINED, ())]
    used = sum(at.startswith(today) for at in made)
    return max(0, budget - used - being_made)
