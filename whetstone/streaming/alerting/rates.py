"""How many units a detector scores a day, as its stream goes: what a score's rarity is told in."""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whetstone.streaming.instants import DAY, HOUR

_DAYS = 8  # that are remembered
_HOURS = 49


class Rate:
    """Counts complete units by moments of event time.

    The number of a moment is that of the last full UTC day before it; before there is one, the
    mean of the full hours, times 24; before there is one of these, none. A day or an hour is full
    if the stream began before it, and counts once it has been over for an hour: by then its last
    windows are closed, however the input was cut.
    """

    def __init__(self) -> None:
        self._first: int | None = None
        self._hours: Counter[int] = Counter()
        self._days: Counter[int] = Counter()

    def count(self, moments: NDArray[np.int64]) -> None:
        """Add complete units of these moments (microseconds since 1970).

        The moments of events never go back; of windows and sessions, a table holds those that
        were closed together.
        """
        if not len(moments):
            return
        if self._first is None:
            self._first = int(moments[0]) // HOUR
        low, high = int(moments.min()) // HOUR, int(moments.max()) // HOUR
        if low == high:  # of a batch of a live stream; the others cost a sort
            found = [(low, len(moments))]
        else:
            hours, counts = np.unique(moments // HOUR, return_counts=True)
            found = list(zip(hours.tolist(), counts.tolist(), strict=True))
        for hour, number in found:
            self._hours[hour] += number
            self._days[hour * HOUR // DAY] += number
        _forget(self._hours, _HOURS)
        _forget(self._days, _DAYS)

    def a_day(self, at: int) -> int | None:
        """Units a day as known at a moment of event time; None if not yet."""
        if self._first is None:
            return None
        full = self._first + 1
        over = (at - HOUR) // HOUR  # the first hour that is not
        days = [day for day in self._days if full * HOUR <= day * DAY and (day + 1) * 24 <= over]
        if days:
            return self._days[max(days)]
        hours = range(max(full, over - 24), over)
        if not hours:
            return None
        return sum(self._hours[hour] for hour in hours) * 24 // len(hours)

    def day_before(self, at: int) -> int | None:
        """Units of the last day with any before that of a moment; None if there was none.

        For units that last a day: those of the moment's own day are not all complete yet.
        """
        days = [day for day in self._days if day < at // DAY]
        return self._days[max(days)] if days else None

    def state(self) -> dict[str, Any]:
        """As JSON takes it."""
        counts = [sorted(counter.items()) for counter in (self._hours, self._days)]
        return {"first": self._first, "hours": counts[0], "days": counts[1]}

    @staticmethod
    def restored(state: dict[str, Any]) -> "Rate":
        """The one whose state it was."""
        rate = Rate()
        rate._first = state["first"]
        rate._hours.update(dict(state["hours"]))
        rate._days.update(dict(state["days"]))
        return rate


def _forget(counter: Counter[int], most: int) -> None:
    for key in sorted(counter)[:-most]:
        del counter[key]
