"""The rows of a scored table that alerts may come of: few of many."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.catalog.validation import entity_columns
from whetstone.scoring.alerts import alert_id
from whetstone.streaming.alerting.ecs import names_of
from whetstone.streaming.flow import Scored
from whetstone.streaming.instants import DAY, HOUR, MINUTE, naive

_TOGETHER = 5 * MINUTE  # events of one entity within as much are one window of it
_LONG_AGO = -(1 << 62)

Key = tuple[str, int]
"""A unit of a stream: what it is called, and until when (event time) it may grow."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a scored table, in its order.

    Attributes:
        scored: the table, and what it is about.
        numbers: which rows of it.
        known: which of those are of units that were asked for.
        moments: when each was scored, as event time tells it (see `moments_of`).
    """

    scored: Scored
    numbers: NDArray[np.int64]
    known: NDArray[np.bool_]
    moments: NDArray[np.int64]

    @staticmethod
    def of(scored: Scored, known: Sequence[str], moments: NDArray[np.int64]) -> "Rows":
        """The rows that are alerts, and those of `known` units.

        Args:
            moments: of all rows.
        """
        units = scored.units
        alerts = units["is_alert"].combine_chunks().to_numpy(zero_copy_only=False)
        if not scored.final:  # the same unit may come again in this table
            known = [*known, *units["unit"].filter(pa.array(alerts)).unique().to_pylist()]
        of_known = np.zeros(len(alerts), dtype=bool)
        if known and len(alerts):
            found = pc.is_in(units["unit"], value_set=pa.array(known, pa.string()))
            of_known = found.combine_chunks().to_numpy(zero_copy_only=False)
        numbers = np.flatnonzero(alerts | of_known)
        return Rows(scored, numbers, of_known[numbers], moments[numbers])

    def take(self, places: Sequence[int]) -> pa.Table:
        """Some of the rows, with all their columns."""
        return self.scored.units.take(pa.array(self.numbers[list(places)]))

    @cached_property
    def units(self) -> list[str]:
        """What each unit is called."""
        return self._column("unit").to_pylist()

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each unit begins, in microseconds since 1970, as all instants here."""
        return self._instants("unit_start")

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """When each unit's features were known."""
        return self._instants("event_timestamp")

    @cached_property
    def latest(self) -> NDArray[np.int64]:
        """The time of each unit's newest event."""
        return self._instants("_last_event")

    @cached_property
    def alerts(self) -> NDArray[np.bool_]:
        """Whether each score reaches the threshold."""
        return self._column("is_alert").to_numpy(zero_copy_only=False)

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """The score of each."""
        return self._column("score").to_numpy()

    @cached_property
    def events(self) -> list[int]:
        """How many events each has so far."""
        return self._column("_events").to_numpy().tolist()

    @cached_property
    def kind(self) -> str:
        """`event`, `window` or `session`."""
        return self.scored.scorer.view.WhichOneof("unit") or "session"

    @cached_property
    def spans(self) -> NDArray[np.int64]:
        """(n, 3) what each alert is counted in: start, end, and until when more may come.

        A window's alerts are counted together, those of events and sessions by the minute: of a
        session's last event, which may be any of the day until the day is over; of an event's
        moment, so that a minute that has passed is over, however old the next event is.
        """
        if self.kind == "window":
            return np.stack([self.starts, self.ends, self.ends], axis=1)
        if self.kind == "session":
            minutes = self.ends // MINUTE * MINUTE
            until = self.starts // DAY * DAY + DAY
        else:
            minutes = self.moments // MINUTE * MINUTE
            until = minutes + MINUTE
        return np.stack([minutes, minutes + MINUTE, until], axis=1)

    @cached_property
    def windows(self) -> NDArray[np.int64]:
        """(n, 2) start and end of what is consecutive in a group."""
        if self.kind == "window":
            return np.stack([self.starts, self.ends], axis=1)
        length = DAY if self.kind == "session" else _TOGETHER
        starts = self.starts // length * length
        return np.stack([starts, starts + length], axis=1)

    def group(self, place: int) -> tuple[str, int, int, int]:
        """What is the same in a group, its window, and since when a group must have gone on.

        Events are each a unit of their own: those of one address, user or host belong together.
        Empty text: it belongs to none.
        """
        start, end = self.windows[place].tolist()
        number = int(self.numbers[place])
        values = [str(self.scored.units[name][number].as_py()) for name in self._grouped]
        since = int(self.moments[place]) - HOUR if self.kind == "event" else _LONG_AGO
        return "|".join(values), start, end, since

    @cached_property
    def memberships(self) -> NDArray[np.int64]:
        """Equal numbers for rows of the same entity in the same window."""
        if not self._grouped:
            return np.arange(len(self.numbers))
        found = np.unique(self.windows[:, 0], return_inverse=True)[1]
        for name in self._grouped:
            values = self._column(name).dictionary_encode(null_encoding="encode")
            codes = values.indices.to_numpy().astype(np.int64)
            _, found = np.unique(found * (len(values.dictionary) + 1) + codes, return_inverse=True)
        return found

    @cached_property
    def keys(self) -> list[Key]:
        """What tells each unit from others."""
        return list(zip(self.units, self.spans[:, 2].tolist(), strict=True))

    def alert(self, place: int) -> str:
        """The alert id of one."""
        scorer = self.scored.scorer
        row = {
            "environment": self._environments[place],
            "unit": self.units[place],
            "unit_start": naive(int(self.starts[place])),
            "event_timestamp": naive(int(self.ends[place])),
        }
        return alert_id(scorer.view, scorer.detector.name, row)

    def entity(self, place: int) -> dict[str, str]:
        """The entity columns of one, as text."""
        number = int(self.numbers[place])
        columns = entity_columns(self.scored.scorer.view)
        return {name: str(self.scored.units[name][number].as_py()) for name in columns}

    def measured_by(self, place: int) -> tuple[float, str]:
        """The threshold that the score of one was held against, and the model's version."""
        units, number = self.scored.units, int(self.numbers[place])
        return units["threshold"][number].as_py(), units["model_version"][number].as_py()

    @cached_property
    def _grouped(self) -> list[str]:
        """Columns that are the same in a group."""
        scorer = self.scored.scorer
        if self.kind != "event":
            return ["unit"]
        columns = entity_columns(scorer.view)
        return [name for name in columns if names_of({name: ""}, scorer.source)]

    @cached_property
    def _environments(self) -> list[str]:
        return self._column("environment").to_pylist()

    def _column(self, name: str) -> pa.Array:
        column = self.scored.units[name]
        if len(self.numbers) < len(column):
            column = column.take(pa.array(self.numbers))
        return column.combine_chunks()

    def _instants(self, name: str) -> NDArray[np.int64]:
        return _microseconds(self._column(name))


def moments_of(scored: Scored, before: int) -> NDArray[np.int64]:
    """When each row was scored, in event time, however the stream is cut.

    An event that comes late (a flow is logged when it ends) is scored when it comes: its moment
    is the newest event time up to it. Other units are known by when they begin.

    Args:
        before: the newest moment before this table.
    """
    if scored.scorer.view.WhichOneof("unit") != "event":
        return _microseconds(scored.units["unit_start"])
    times = _microseconds(scored.units["event_timestamp"])
    return np.maximum(np.maximum.accumulate(times), before)


def over_before(scored: Scored, moments: NDArray[np.int64]) -> int | None:
    """Event time before which all is over when these units come; None if they do not tell.

    Args:
        moments: of all rows.
    """
    if not scored.final or not len(moments):
        return None
    kind = scored.scorer.view.WhichOneof("unit")
    if kind == "event":
        return int(moments[0])
    if kind == "window":
        ends = _microseconds(scored.units["event_timestamp"])
    else:
        ends = moments // DAY * DAY + DAY
    timely = ends[ends <= scored.watermark]  # others were closed before their time
    return int(timely.min()) - 1 if len(timely) else None


def _microseconds(column: Any) -> NDArray[np.int64]:
    return column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
