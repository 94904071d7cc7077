"""What is said of an alert, and in which words.

All that a record holds beside the words of ECS is in its `whetstone` object; texts of logs in it
are cut, and hostile.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from whetstone.scoring.alerts import explanation
from whetstone.scoring.calibration import Calibration
from whetstone.scoring.run import BundleScorer
from whetstone.streaming.alerting.ecs import alert_document, names_of, summary_document
from whetstone.streaming.alerting.folding import Summary
from whetstone.streaming.alerting.groups import Related
from whetstone.streaming.alerting.rates import Rate
from whetstone.streaming.alerting.recent import Recent
from whetstone.streaming.alerting.rows import Rows
from whetstone.streaming.alerting.tracks import OpenAlert, Said
from whetstone.streaming.flow import Line
from whetstone.streaming.instants import DAY, SECOND, instant
from whetstone.streaming.outputs.entries import Entry

_MOST_UNIT = 1_000  # characters
_SEARCHES = 16  # for context, of the alerts of one table: a burst must not hold up the stream
_MOST_MODELS = 256  # whose calibrations are kept at hand


@dataclass(frozen=True)
class Limits:
    """How much is said.

    Attributes:
        alerts: new alerts a detector and minute of event time; None: all.
        open: alerts of a detector that are open at once.
        lines: of an alert that a record shows: the first ones and the latest.
        text: characters of a line.
        context: other events of the entity that a record shows; in a burst, only the first records.
        related: alerts of other detectors.
        seconds: of event time that related alerts may lie apart.
    """

    alerts: int | None = 60
    open: int = 20_000
    lines: int = 20
    text: int = 1_000
    context: int = 10
    related: int = 10
    seconds: float = 3_600


class Records:
    """Puts alerts into records.

    Args:
        environment, limits, recent, version: as `Alerting` has them.

    Attributes:
        related: what detectors said of the same entities.
    """

    def __init__(self, environment: str, limits: Limits, recent: Recent | None, version: str):
        self.related = Related(limits.seconds)
        self._environment = environment
        self._limits = limits
        self._recent = recent
        self._version = version
        self._calibrations: dict[str, Calibration | None] = {}

    def alerts(self, rows: Rows, said: Sequence[Said], rate: Rate) -> list[Entry]:
        """Records of alerts, explained all at once."""
        if not said:
            return []
        scored = rows.scored
        why = scored.scorer.explain(rows.take([each.place for each in said]))
        entries: list[Entry] = []
        for number, (each, contributions) in enumerate(zip(said, why, strict=True)):
            found = {
                "events": rows.events[each.place],
                "per_day": self._per_day(rows, each, rate),
                "explanation": explanation(contributions),
                "canary": each.canary,
            }
            grows = each.status in ("open", "updated")
            at = int(rows.latest[each.place]) if grows else each.about.end
            lines = self._lines(each.about, scored.lines(int(rows.numbers[each.place])))
            hidden = scored.shadow or each.canary or number >= _SEARCHES
            found["context"] = [] if hidden else self._context(each.about, lines)
            whetstone = self._alert(scored.scorer, scored.shadow, each, found, lines)
            entries.append(self._entry(scored.scorer, whetstone, at))
        return entries

    def lapsed(self, scorer: BundleScorer, shadow: bool, alert: str, about: OpenAlert) -> Entry:
        """The last record of an alert whose unit was not seen to its end."""
        found = {"events": about.events, "per_day": None, "explanation": [], "canary": False}
        found |= {"context": [], "lapsed": True}
        said = Said(0, alert, "closed", about, canary=False)
        whetstone = self._alert(scorer, shadow, said, found, [])
        return self._entry(scorer, whetstone, about.end)

    def summary(self, scorer: BundleScorer, shadow: bool, summary: Summary) -> Entry:
        """A record of alerts that were folded."""
        detector = scorer.detector.name
        identity = (detector, self._environment, str(summary.start), str(summary.end), str(shadow))
        name = hashlib.sha256("\x1f".join(identity).encode()).hexdigest()[:16]
        seconds = (summary.end - summary.start) // SECOND
        again = "updated" if summary.revision > 1 else "open"
        whetstone: dict[str, Any] = {
            "kind": "summary",
            "id": name,
            "status": "closed" if summary.closed else again,
            "revision": summary.revision,
            "detector": detector,
            "model_version": scorer.version,
            "environment": self._environment,
            "source": scorer.source.name,
            "message": f"{summary.count} more alerts of {detector} within {seconds} s are not shown"
            " one by one; the worst are named",
            "start": instant(summary.start),
            "end": instant(summary.end),
            "count": summary.count,
            "withdrawn": summary.withdrawn,
            "worst": summary.worst,
            "shadow": shadow,
            "canary": False,
        }
        document = summary_document(scorer, whetstone, instant(summary.start), self._version)
        return Entry(name, summary.revision, document)

    def _entry(self, scorer: BundleScorer, whetstone: dict[str, Any], at: int) -> Entry:
        document = alert_document(scorer, whetstone, instant(at), self._version)
        return Entry(whetstone["id"], whetstone["revision"], document)

    def _alert(
        self,
        scorer: BundleScorer,
        shadow: bool,
        said: Said,
        found: dict[str, Any],
        lines: Sequence[Line],
    ) -> dict[str, Any]:
        about, detector = said.about, scorer.detector.name
        names = () if shadow or said.canary else names_of(about.entity, scorer.source)
        related = self.related.others(names, detector, about.start, self._limits.related)
        if about.revision == 1:
            self.related.tell(names, detector, said.alert, about.group, about.start)
        return {
            "kind": "alert",
            "id": f"{said.alert}-shadow" if shadow else said.alert,
            "alert": said.alert,
            "status": said.status,
            "revision": about.revision,
            "detector": detector,
            "model_version": about.version,
            "environment": self._environment,
            "source": scorer.source.name,
            "unit": about.unit[:_MOST_UNIT],
            "entity": {name: value[:_MOST_UNIT] for name, value in about.entity.items()},
            "unit_start": instant(about.start),
            "unit_end": instant(about.end),
            "event_timestamp": instant(about.end),
            "score": about.score,
            "threshold": about.threshold,
            **found,
            "group": about.group,
            "related": related,
            "lines": [self._line(line) for line in lines],
            "shadow": shadow,
        }

    def _lines(self, about: OpenAlert, lines: Sequence[Line]) -> list[Line]:
        """The first lines of an alert and the latest: what it began with, and where it is now."""
        most = self._limits.lines
        if not about.first:
            about.first += [(line.input, line.number, line.hash) for line in lines[: most // 2]]
        begun = [Line(*each) for each in about.first]
        known = {(line.input, line.number) for line in begun}
        later = [line for line in lines if (line.input, line.number) not in known]
        return [*begun, *later[max(0, len(later) + len(begun) - most) :]]

    def _line(self, line: Line) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "input": line.input,
            "line": line.number,
            "hash": str(line.hash),  # 63 bits: more than every reader's numbers hold
        }
        text = None if self._recent is None else self._recent.text(line.input, line.number)
        return shown if text is None else {**shown, "text": text[: self._limits.text]}

    def _context(self, about: OpenAlert, lines: Sequence[Line]) -> list[dict[str, Any]]:
        if self._recent is None:
            return []
        known = {(line.input, line.number) for line in lines}
        return self._recent.context(about.entity, about.start, self._limits.context, known)

    def _per_day(self, rows: Rows, said: Said, rate: Rate) -> float | None:
        """How many benign units a day score as high, as far as model and stream tell."""
        calibration, about = self._calibration(rows.scored.scorer), said.about
        daily = rows.kind == "session" or about.end - about.start >= DAY
        at = int(rows.moments[said.place])
        units = rate.day_before(at) if daily else rate.a_day(at)
        if calibration is None or units is None:
            return None
        return float(calibration.many_a_day(np.array([about.score]), units)[0])

    def _calibration(self, scorer: BundleScorer) -> Calibration | None:
        """Read once a model, not once an alert."""
        if scorer.version not in self._calibrations:
            if len(self._calibrations) >= _MOST_MODELS:
                self._calibrations.clear()
            self._calibrations[scorer.version] = scorer.calibration
        return self._calibrations[scorer.version]
