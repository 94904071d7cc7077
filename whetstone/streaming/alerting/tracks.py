"""The life of one detector's alerts: opened, updated, closed or withdrawn; or folded.

Decides, from scored rows in their order, what is to be said; how it is said is `alerts`' part.
Rows that are no alerts and belong to no open one cost nothing here.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from whetstone.streaming.alerting.admission import Admission
from whetstone.streaming.alerting.folding import Summary
from whetstone.streaming.alerting.rates import Rate
from whetstone.streaming.alerting.rows import Key, Rows, moments_of, over_before
from whetstone.streaming.flow import Scored
from whetstone.streaming.instants import MINUTE

Status = Literal["open", "updated", "closed", "withdrawn"]
_GROWN = 2  # as many events as the last record told of: time for another
_LONG_AGO = -(1 << 62)


@dataclass
class OpenAlert:
    """An alert that was told of and is not over.

    Attributes:
        unit, entity, start, end, threshold, version: of its unit, as its last record has them.
        until: event time from which on its unit is complete.
        revision: of its last record.
        events: of its last record.
        score: of its last record.
        first: lines of its first record: input, number, hash.
        over: its unit was closed before its time, and may begin anew.
    """

    unit: str
    entity: dict[str, str]
    start: int
    end: int
    until: int
    threshold: float
    version: str
    group: str
    revision: int = 0
    events: int = 0
    score: float = 0.0
    first: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    over: bool = False


@dataclass(frozen=True)
class Said:
    """A record that is due.

    Attributes:
        place: the row it is about, counted in `Rows`.
        alert: its id.
        about: what is known of it with this record, a copy but for its first lines.
        canary: it is a test of the way, not an alert.
    """

    place: int
    alert: str
    status: Status
    about: OpenAlert
    canary: bool


class Track:
    """The alerts of one detector, or of its challenger.

    Args:
        detector: its name.
        environment: the environment's name.
        a_minute: new alerts a minute of event time; None: all.
        most_open: open alerts at once; more are folded.

    Attributes:
        rate: units a day.
        open: alerts that are not over.
    """

    def __init__(self, detector: str, environment: str, a_minute: int | None, most_open: int):
        self.rate = Rate()
        self.open: dict[str, OpenAlert] = {}
        self._admission = Admission(detector, environment, a_minute)
        self._most_open = most_open
        self._clock = _LONG_AGO
        self._swept = _LONG_AGO
        self._names: dict[Key, str] = {}
        self._known: list[str] | None = None

    @property
    def folded(self) -> int:
        """How many alerts were folded so far."""
        return self._admission.folded

    def count(self, scored: Scored) -> NDArray[np.int64]:
        """Count the units that are complete; gives back the moments of all (see `moments_of`)."""
        moments = moments_of(scored, self._clock)
        if scored.final:
            self.rate.count(moments)
            self._clock = max(self._clock, int(moments.max(initial=_LONG_AGO)))
        return moments

    def known(self, final: bool) -> list[str]:
        """Units whose rows matter even if they are no alerts."""
        if self._known is None:
            self._known = [unit for unit, _ in self._names]
        return [*self._known, *self._admission.folded_units()] if final else self._known

    def take(self, rows: Rows, canaries: NDArray[np.bool_]) -> tuple[list[Said], list[Summary]]:
        """What rows give cause to say, in their order.

        Args:
            rows: alerts, and units that are `known`.
            canaries: which of them are canaries.
        """
        said: list[Said] = []
        summaries: list[Summary] = []
        new = rows.alerts & ~rows.known
        for place in np.flatnonzero(rows.known).tolist():
            key = rows.keys[place]
            if key in self._names:
                said += self._goes_on(rows, place, self._names[key], bool(canaries[place]))
            elif self._admission.has_folded(key):
                if rows.scored.final:
                    self._admission.complete(key, fires=bool(rows.alerts[place]))
            elif rows.scored.final:
                new[place] = rows.alerts[place]
            elif rows.alerts[place]:  # the same unit may come again in this table
                summaries += self._new(rows, np.array([place]), canaries, said)
        if rows.scored.final:
            summaries += self._new(rows, np.flatnonzero(new), canaries, said)
            said.sort(key=lambda each: each.place)
        return said, summaries

    def pass_time(
        self, scored: Scored, moments: NDArray[np.int64]
    ) -> tuple[list[tuple[str, OpenAlert]], list[Summary]]:
        """What is over before these units; looked at once a minute of event time.

        Units are completed in the order of their ends, whatever the watermark is by then. So when
        the next ones come, those that ended before have all come, and an alert that is still open
        lapses: its unit is no more.

        Returns:
            Alerts that lapse, and the last summaries of spans that are over.
        """
        over = over_before(scored, moments)
        if over is None or over // MINUTE <= self._swept // MINUTE:
            return [], []
        self._swept = over
        return self._sweep()

    def finish(self) -> tuple[list[tuple[str, OpenAlert]], list[Summary]]:
        """The stream has ended: everything is over."""
        self._swept = 1 << 62
        return self._sweep()

    def _sweep(self) -> tuple[list[tuple[str, OpenAlert]], list[Summary]]:
        over = [(alert, about) for alert, about in self.open.items() if about.until <= self._swept]
        for alert, about in over:
            self._drop(alert, about)
        lapsed = [(alert, about) for alert, about in over if not about.over]
        for _, about in lapsed:
            about.revision += 1
        return lapsed, self._admission.sweep(self._swept)

    def _goes_on(self, rows: Rows, place: int, alert: str, canary: bool) -> Iterator[Said]:
        about = self.open[alert]
        fires, events = bool(rows.alerts[place]), rows.events[place]
        if not rows.scored.final and not about.over and events < _GROWN * about.events:
            return
        if about.over and not fires:
            return
        if rows.scored.final:
            status: Status = "closed" if fires else "withdrawn"
            if about.until > rows.scored.watermark:
                about.over = True
            else:
                self._drop(alert, about)
        else:
            status, about.over = "updated", False
        _see(about, rows, place)
        about.revision += 1
        about.events = events
        yield Said(place, alert, status, replace(about), canary)

    def _new(
        self,
        rows: Rows,
        places: NDArray[np.int64],
        canaries: NDArray[np.bool_],
        said: list[Said],
    ) -> list[Summary]:
        """New alerts: told of, or folded. Canaries are not for analysts and take no room."""
        tests = places[canaries[places]].tolist()
        said += [self._begin(rows, place, rows.alert(place), "", True) for place in tests]
        room = None if rows.scored.final else self._most_open - len(self.open)
        admitted, summaries = self._admission.ask(rows, places[~canaries[places]], room)
        said += [self._begin(rows, *each, canary=False) for each in admitted]
        return summaries

    def _begin(self, rows: Rows, place: int, alert: str, group: str, canary: bool) -> Said:
        start, (_, until) = int(rows.starts[place]), rows.keys[place]
        about = OpenAlert(
            rows.units[place], rows.entity(place), start, 0, until, 0.0, "", group or alert
        )
        _see(about, rows, place)
        about.revision, about.events = 1, rows.events[place]
        final = rows.scored.final
        about.over = final
        # A unit that was closed before its time may begin anew, under the same name.
        if not final or (rows.kind != "event" and until > rows.scored.watermark):
            self.open[alert] = about
            self._names[about.unit, about.until] = alert
            self._known = None
        return Said(place, alert, "closed" if final else "open", replace(about), canary)

    def _drop(self, alert: str, about: OpenAlert) -> None:
        del self.open[alert], self._names[about.unit, about.until]
        self._known = None

    def state(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "rate": self.rate.state(),
            "open": {alert: asdict(about) for alert, about in self.open.items()},
            "admission": self._admission.state(),
            "clocks": [self._clock, self._swept],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.rate = Rate.restored(state["rate"])
        self.open = {alert: _opened(about) for alert, about in state["open"].items()}
        self._names = {(about.unit, about.until): name for name, about in self.open.items()}
        self._known = None
        self._admission.restore(state["admission"])
        self._clock, self._swept = state["clocks"]


def _see(about: OpenAlert, rows: Rows, place: int) -> None:
    about.start, about.end = int(rows.starts[place]), int(rows.ends[place])
    about.score = float(rows.scores[place])
    about.threshold, about.version = rows.measured_by(place)


def _opened(state: dict[str, Any]) -> OpenAlert:
    about = OpenAlert("", {}, 0, 0, 0, 0.0, "", "")
    vars(about).update(state, first=[tuple(line) for line in state["first"]])
    return about
