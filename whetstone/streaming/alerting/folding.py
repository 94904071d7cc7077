"""How many alerts a detector may open in a minute, and what becomes of those beyond (pure).

Time is event time, so a stream that is read again folds the same alerts. A window of five minutes
has five minutes' allowance, of an hour's at most: all windows of a time end together. An alert
that carries on a group leaves half of the allowance to others, so that one busy entity does not
hide the first word on another.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whetstone.streaming.instants import HOUR, MINUTE

_WORST = 5
_TIMES = 10  # as many folded alerts as the last summary told of: time for another

Example = dict[str, Any]
"""A folded alert that a summary names; `score` and `alert` at least."""


@dataclass(frozen=True)
class Summary:
    """What there is to say about the folded alerts of a span.

    Attributes:
        start, end: the span, microseconds since 1970.
        revision: from 1.
        closed: nothing more is folded into it.
        count: alerts that were folded.
        withdrawn: how many of them turned out to be none when their unit was complete.
        worst: the highest scores, the highest first.
    """

    start: int
    end: int
    revision: int
    closed: bool
    count: int
    withdrawn: int
    worst: list[Example]


@dataclass
class Span:
    """The new alerts of one minute, or of one window, of a detector.

    Attributes:
        until: event time from which on nothing more falls into it.
        emitted: alert ids that were let through; the same event twice is one alert.
    """

    start: int
    end: int
    until: int
    emitted: set[str] = field(default_factory=set[str])
    repeats: int = 0
    count: int = 0
    withdrawn: int = 0
    revision: int = 0
    worst: list[Example] = field(default_factory=list[Example])

    def allowance(self, a_minute: int | None) -> int | None:
        """New alerts that it may emit; None: all."""
        if a_minute is None:
            return None
        return a_minute * max(1, min(self.end - self.start, HOUR) // MINUTE)

    def admits(self, first: bool, a_minute: int | None) -> bool:
        """Whether one more alert is let through: the first of a group, or one that carries on."""
        most = self.allowance(a_minute)
        if most is None:
            return True
        return len(self.emitted) < most and (first or self.repeats < (most + 1) // 2)

    def emit(self, alert: str, first: bool) -> None:
        """Count an alert that is let through."""
        self.emitted.add(alert)
        self.repeats += not first

    def fold(self, scores: NDArray[np.float64], example: Callable[[int], Example]) -> list[Summary]:
        """Count alerts that are not let through.

        Args:
            scores: of each, in their order.
            example: describes one by its place in `scores`; called for the worst alone.

        Returns:
            A summary at the first, the tenth, the hundredth … alert of the span.
        """
        said: list[Summary] = []
        at = 0
        while at < len(scores):
            due = _next(self.count)
            part = scores[at : at + due - self.count]
            self._remember(part, at, example)
            at += len(part)
            self.count += len(part)
            if self.count == due:
                said.append(self._say(closed=False))
        return said

    def withdraw(self, alert: str) -> None:
        """A folded alert turned out to be none."""
        self.withdrawn += 1
        self.worst = [each for each in self.worst if each["alert"] != alert]

    def close(self) -> list[Summary]:
        """The last summary, if there was one."""
        return [self._say(closed=True)] if self.revision else []

    def _remember(
        self, scores: NDArray[np.float64], offset: int, example: Callable[[int], Example]
    ) -> None:
        least = self.worst[-1]["score"] if len(self.worst) == _WORST else -np.inf
        above = np.flatnonzero(scores > least)
        if len(above):
            highest = above[np.argsort(-scores[above], kind="stable")[:_WORST]]
            named = [example(offset + int(place)) for place in highest]
            self.worst = sorted([*self.worst, *named], key=lambda e: -e["score"])[:_WORST]

    def _say(self, closed: bool) -> Summary:
        self.revision += 1
        return Summary(
            self.start,
            self.end,
            self.revision,
            closed,
            self.count,
            self.withdrawn,
            list(self.worst),
        )

    def state(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {**vars(self), "emitted": sorted(self.emitted), "worst": list(self.worst)}

    @staticmethod
    def restored(state: dict[str, Any]) -> "Span":
        """The one whose state it was."""
        span = Span(state["start"], state["end"], state["until"])
        vars(span).update(state, emitted=set(state["emitted"]))
        return span


def _next(count: int) -> int:
    due = 1
    while due <= count:
        due *= _TIMES
    return due
