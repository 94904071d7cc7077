"""Which new alerts of a detector are told of one by one, and which are folded."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whetstone.streaming.alerting.folding import Example, Span, Summary
from whetstone.streaming.alerting.groups import Groups
from whetstone.streaming.alerting.rows import Key, Rows
from whetstone.streaming.instants import MINUTE, instant

_MOST_FOLDED = 100_000  # growing units that are remembered as folded
_MOST_TEXT = 200
_LONG_AGO = -(1 << 62)

Admitted = tuple[int, str, str]
"""A row's place, its alert id, its group."""


class Admission:
    """Keeps the allowance of each minute or window, and the groups of alerts.

    Args:
        detector: its name.
        environment: the environment's name.
        a_minute: new alerts a minute of event time; None: all.

    Attributes:
        folded: how many alerts were folded so far.
    """

    def __init__(self, detector: str, environment: str, a_minute: int | None):
        self.folded = 0
        self._groups = Groups(detector, environment)
        self._a_minute = a_minute
        self._spans: dict[tuple[int, int], Span] = {}
        self._units: dict[Key, tuple[str, int, int]] = {}  # folded: id, span
        self._swept = _LONG_AGO

    def ask(
        self, rows: Rows, places: NDArray[np.int64], room: int | None
    ) -> tuple[list[Admitted], list[Summary]]:
        """Which of the new alerts at these places are let through.

        Args:
            room: so many at most, whatever the allowance; None: no such limit.
        """
        admitted: list[Admitted] = []
        summaries: list[Summary] = []
        if not len(places):
            return admitted, summaries
        for within in _by_span(rows, places):
            span = self._span(*rows.spans[within[0]].tolist())
            left = self._ask(rows, within, span, room, admitted)
            self.folded += len(left)
            if not rows.scored.final:
                self._remember(rows, left, span)
            summaries += span.fold(rows.scores[left], partial(_example, rows, left))
        return admitted, summaries

    def has_folded(self, unit: Key) -> bool:
        """Whether the alert of this growing unit was folded."""
        return unit in self._units

    def folded_units(self) -> list[str]:
        """The growing units whose alerts were folded."""
        return [unit for unit, _ in self._units]

    def complete(self, unit: Key, fires: bool) -> None:
        """A unit whose alert was folded is complete."""
        alert, start, end = self._units.pop(unit)
        span = self._spans.get((start, end))
        if span is not None and not fires:
            span.withdraw(alert)

    def sweep(self, until: int) -> list[Summary]:
        """Event time has passed: forget what is over, and say how it ended."""
        self._swept = until
        ended = [key for key, span in self._spans.items() if span.until <= until]
        if ended:
            gone = set(ended)
            self._units = {key: a for key, a in self._units.items() if a[1:] not in gone}
        self._groups.forget(until)
        return [summary for key in sorted(ended) for summary in self._spans.pop(key).close()]

    def _span(self, start: int, end: int, until: int) -> Span:
        if until <= self._swept:  # the summary of its minute is closed: it counts now
            start = self._swept // MINUTE * MINUTE
            end = until = start + MINUTE
        return self._spans.setdefault((start, end), Span(start, end, until))

    def _ask(
        self,
        rows: Rows,
        places: NDArray[np.int64],
        span: Span,
        room: int | None,
        admitted: list[Admitted],
    ) -> NDArray[np.int64]:
        """Lets alerts of one span through; gives back the places of the others."""
        done = np.zeros(len(places), dtype=bool)
        for at in self._in_question(rows, places, span):
            place = int(places[at])
            alert = rows.alert(place)
            if alert in span.emitted:  # the same event once more
                done[at] = True
                continue
            group = rows.group(place)
            first = not self._groups.goes_on(*group)
            if (room is None or room > len(admitted)) and span.admits(first, self._a_minute):
                span.emit(alert, first)
                admitted.append((place, alert, self._groups.join(*group) if group[0] else alert))
                done[at] = True
        return places[~done]

    def _in_question(self, rows: Rows, places: NDArray[np.int64], span: Span) -> Sequence[int]:
        """The few of many that can be let through at all.

        When the first words on as many groups as there is room for have been asked about, there
        is no room left, so a flood costs a look at a few.
        """
        most = span.allowance(self._a_minute)
        if most is not None and len(span.emitted) >= most:
            return ()
        if most is None or len(places) <= most:
            return range(len(places))
        _, each = np.unique(rows.memberships[places], return_index=True)
        repeats = np.ones(len(places), dtype=bool)
        firsts: list[int] = []
        end = len(places)
        for at in np.sort(each).tolist():
            if not self._groups.goes_on(*rows.group(int(places[at]))):
                firsts.append(at)
                repeats[at] = False
                if len(firsts) == most:
                    end = at
                    break
        return sorted([*firsts, *np.flatnonzero(repeats[:end])[:most].tolist()])

    def _remember(self, rows: Rows, places: NDArray[np.int64], span: Span) -> None:
        for place in places.tolist():
            self._units[rows.keys[place]] = (rows.alert(place), span.start, span.end)
            if len(self._units) > _MOST_FOLDED:
                del self._units[next(iter(self._units))]

    def state(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "folded": self.folded,
            "groups": self._groups.state(),
            "spans": [span.state() for span in self._spans.values()],
            "units": [[*unit, *folded] for unit, folded in self._units.items()],
            "swept": self._swept,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.folded, self._swept = state["folded"], state["swept"]
        self._groups.restore(state["groups"])
        spans = map(Span.restored, state["spans"])
        self._spans = {(span.start, span.end): span for span in spans}
        self._units = {(unit, until): tuple(folded) for unit, until, *folded in state["units"]}


def _by_span(rows: Rows, places: NDArray[np.int64]) -> Sequence[NDArray[np.int64]]:
    if len(places) == 1:
        return [places]
    starts, owner = np.unique(rows.spans[places, 0], return_inverse=True)
    order = np.argsort(owner, kind="stable")
    ends = np.cumsum(np.bincount(owner, minlength=len(starts)))[:-1]
    return np.split(places[order], ends)


def _example(rows: Rows, places: NDArray[np.int64], at: int) -> Example:
    place = int(places[at])
    return {
        "alert": rows.alert(place),
        "unit": rows.units[place][:_MOST_TEXT],
        "unit_start": instant(int(rows.starts[place])),
        "score": float(rows.scores[place]),
    }
