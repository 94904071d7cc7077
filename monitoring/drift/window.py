"""The trailing window: the days before a day, as far as there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitoring.drift.columns import MIN_DAYS, WEEK
from monitoring.drift.judgement import Side
from monitoring.sketches import Column, Day, Part


@dataclass(frozen=True)
class Window:
    """Days before a day, ascending; `of` says which of them, where not all are meant."""

    days: tuple[Day, ...] = ()
    of: str = ""

    @property
    def missing(self) -> str:
        """Why nothing can be compared with it; empty: it can."""
        if len(self.days) >= MIN_DAYS:
            return ""
        return f"not computable: {len(self.days)} days before{self.of}, {MIN_DAYS} needed"

    def scored_by(self, model: str | None) -> Window:
        """The days that were scored by a model: scores of others are no yardstick."""
        alike = tuple(day for day in self.days if day.scores.model == model)
        return Window(alike, " that this model scored")

    def parts(self, environment: str | None = None) -> list[Part]:
        """The scored units of each day, of one environment or of all."""
        if environment is None:
            return [day.scores.whole for day in self.days]
        found = [day.scores.environments.get(environment) for day in self.days]
        return [part for part in found if part is not None]

    def columns(self, name: str, environment: str | None = None) -> list[Column]:
        """A column of the days that have it."""
        return [p.columns[name] for p in self.parts(environment) if name in p.columns]

    def cautious(self, side: Side) -> Side:
        """A verdict of a window that has not seen every day of the week is a warning at most."""
        if side.verdict != "drift" or len(self.days) >= WEEK:
            return side
        return replace(side, verdict="warn", detail=f"{side.detail} (less than a week to compare)")


def window_of(days: Sequence[Day], day: str) -> Window:
    """The days before a day."""
    return Window(tuple(sorted((d for d in days if d.day < day), key=lambda d: d.day)))
