"""From scored units to alert records: what a scorer tells the world.

Workflow: `Alerting.take` is given every `Scored` of the engine, in its order, and returns entries
for the journal. `finish` is called when all inputs have ended. What is open between two calls is
in `state`, which a checkpoint keeps.

What a caller may rely on:
  * A record is named by alert id and revision. The id is that of the day's batch
    (`whetstone.scoring.alerts`), with `-shadow` behind it for a challenger's.
  * The same rows in the same order give the same records, however they are cut into tables. There
    is no clock in a record but that of the events. Only these depend on what else is at hand:
    `context`, the `text` of lines and `related`; and `per_day` and `group` of alerts that are not
    closed yet, where one batch spans more than an hour of event time.
  * An alert of an event is closed with its first record. An alert of a growing unit is opened,
    updated whenever its events have doubled, and closed or withdrawn when the unit is complete.
  * What is beyond the limits is folded into summaries, and counted; never the end of an alert
    that was told of.
  * `per_day` is the calibration's share of the score times the units of a day: of the last full
    UTC day, or what the full hours give (see `alert_rates`); of units that last a day, of the day
    before. Until an hour, or a day, has passed there is none.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.scoring.run import BundleScorer
from whetstone.streaming.alerting.folding import Summary
from whetstone.streaming.alerting.recent import Recent
from whetstone.streaming.alerting.records import Limits, Records
from whetstone.streaming.alerting.rows import Rows
from whetstone.streaming.alerting.tracks import OpenAlert, Track
from whetstone.streaming.flow import Line, Scored
from whetstone.streaming.outputs.entries import Entry

__all__ = ["Alerting", "Limits"]

_MOST_CHECKED = 200  # alerts of a table whose lines are looked at for canaries

_Key = tuple[str, bool]  # detector, shadow


class Alerting:
    """Makes records of alerts. One thread; see the module for what it promises.

    Args:
        environment: whose events are scored.
        limits: how much is said.
        recent: where lines' texts and other events are found; None: records go without.
        canary: whether a line is one of a canary event.
        version: of the program, for `observer.version`.

    Attributes:
        records: (detector, shadow, status) -> records of alerts so far.
    """

    def __init__(
        self,
        environment: str,
        limits: Limits | None = None,
        recent: Recent | None = None,
        canary: Callable[[Line], bool] | None = None,
        version: str = "",
    ):
        self.records: Counter[tuple[str, bool, str]] = Counter()
        self._environment = environment
        self._limits = limits or Limits()
        self._canary = canary
        self._made = Records(environment, self._limits, recent, version)
        self._tracks: dict[_Key, Track] = {}
        self._scorers: dict[_Key, BundleScorer] = {}

    @property
    def open(self) -> int:
        """Alerts that are open."""
        return sum(len(track.open) for track in self._tracks.values())

    @property
    def folded(self) -> dict[tuple[str, bool], int]:
        """(detector, shadow) -> alerts that were folded so far."""
        return {key: track.folded for key, track in self._tracks.items()}

    def take(self, scored: Scored) -> list[Entry]:
        """The records that scored units give cause for, in the order of the units."""
        key = (scored.scorer.detector.name, scored.shadow)
        track = self._track(key)
        self._scorers[key] = scored.scorer
        moments = track.count(scored)
        entries = self._over(key, *track.pass_time(scored, moments))
        known = track.known(scored.final)
        if not known and not pc.max(scored.units["is_alert"]).as_py():
            return entries
        rows = Rows.of(scored, known, moments)
        said, summaries = track.take(rows, self._canaries(rows))
        for each in said:
            self.records[*key, each.status] += 1
        entries += self._made.alerts(rows, said, track.rate)
        return entries + self._summaries(key, summaries)

    def finish(self) -> list[Entry]:
        """The last records of what is still open, when all inputs have ended."""
        return [
            entry for key in self._scorers for entry in self._over(key, *self._tracks[key].finish())
        ]

    def state(self) -> dict[str, Any]:
        """What is open, as JSON takes it."""
        return {
            "related": self._made.related.state(),
            "tracks": [
                {"detector": detector, "shadow": shadow, **track.state()}
                for (detector, shadow), track in self._tracks.items()
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self._made.related.restore(state["related"])
        for each in state["tracks"]:
            self._track((each["detector"], each["shadow"])).restore(each)

    def _track(self, key: _Key) -> Track:
        if key not in self._tracks:
            limits = self._limits
            self._tracks[key] = Track(key[0], self._environment, limits.alerts, limits.open)
        return self._tracks[key]

    def _canaries(self, rows: Rows) -> NDArray[np.bool_]:
        found = np.zeros(len(rows.numbers), dtype=bool)
        if self._canary is not None:
            for place, number in enumerate(rows.numbers[:_MOST_CHECKED].tolist()):
                found[place] = any(map(self._canary, rows.scored.lines(number)))
        return found

    def _over(
        self,
        key: _Key,
        lapsed: Sequence[tuple[str, OpenAlert]],
        summaries: Sequence[Summary],
    ) -> list[Entry]:
        """Records of what event time has left behind."""
        scorer, shadow = self._scorers[key], key[1]
        self.records[*key, "closed"] += len(lapsed)
        entries = [self._made.lapsed(scorer, shadow, *each) for each in lapsed]
        return entries + self._summaries(key, summaries)

    def _summaries(self, key: _Key, summaries: Sequence[Summary]) -> list[Entry]:
        return [self._made.summary(self._scorers[key], key[1], each) for each in summaries]
