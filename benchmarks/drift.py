"""How often drift policies act for nothing, and how soon when something has changed.

    python -m benchmarks.drift --weeks 200 --json

A simulated platform (`benchmarks.drift_world`) runs for so many weeks in which nothing drifts. The
real drift computation judges every day against the golden reference and the two weeks before, and
the shipped default policy decides, as it does every night. `false_triggers` counts what it decided.
Then five drifts are planted, in worlds of other seeds; `planted` has the days from the first
drifted day to the first decision, the day itself being 1. The peer is Evidently's `DataDriftPreset`
as it comes, on the same rows of the same days, with the same persistence and without. The last line
on stdout is a JSON object.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf import text_format

from benchmarks.drift_peer import Peer
from benchmarks.drift_world import FEATURES, PLANTED, THRESHOLD, SimulatedDay, World
from detectors.evaluation.budget import clopper_pearson
from monitoring.drift import drift
from monitoring.sketches import (
    REFERENCE,
    REFERENCE_PART,
    Day,
    Sketch,
    sketch_events,
    sketch_scores,
)
from whetstone.catalog.catalog_pb2 import Action, Detector
from whetstone.lineage import TRAILING_DAYS
from whetstone.parsing.templates import TemplateDictionary
from whetstone.retraining.policy import LOOK_BACK, Decision, DriftDay, decide

POLICY = """name: "simulated" drift {
  rules { signal: FEATURES days: 3 action: RETRAIN }
  rules { signal: TEMPLATES days: 3 action: RETRAIN }
  rules { signal: SCORES days: 3 action: RETRAIN }
  rules { signal: ALERT_RATE days: 3 action: PAGE }
  rules { signal: VOLUME days: 2 action: PAGE }
  rules { signal: LABELS days: 2 action: HOLD }
  rules { signal: LABELS days: 2 action: PAGE }
}"""
LEARNED_DAYS = 28
"""Days of which the reference is made."""
_QUIET_DAYS = 7
_VERDICT_DAYS = 70
_LONGEST_DELAY = 45
_GOAL = 0.01


def main(arguments: list[str] | None = None) -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=200, help="Weeks without drift.")
    parser.add_argument("--worlds", type=int, default=4, help="Over so many worlds.")
    parser.add_argument("--first-world", type=int, default=100, help="Seed of the first of them.")
    parser.add_argument("--units", type=int, default=3000, help="Units on a Monday.")
    parser.add_argument("--repeats", type=int, default=5, help="Worlds of each planted drift.")
    parser.add_argument("--peer-weeks", type=int, default=40, help="Of the weeks; 0: no peer.")
    parser.add_argument("--json", action="store_true", help="On one line.")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    first = options.first_world
    quiet = range(first, first + options.worlds)
    drifting = range(first + 1000, first + 1000 + options.repeats)
    result = {
        "policy": POLICY,
        "first_world": first,
        "false_triggers": false_triggers(options.weeks, quiet, options.units, options.peer_weeks),
        "planted": {
            kind: planted(kind, drifting, options.units, bool(options.peer_weeks))
            for kind in PLANTED
        },
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(result, indent=None if options.json else 2))


@dataclass
class Watch:
    """The platform that watches one world.

    Attributes:
        world: which.
        detector: whose policy decides.
        features: what the detector uses.
        decided: each decision once, with the number of the day that led to it.
        said: days by signal and verdict.
    """

    world: World
    detector: Detector
    features: Sequence[str] = FEATURES
    decided: list[tuple[int, Decision]] = field(default_factory=list[tuple[int, Decision]])
    said: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def __post_init__(self) -> None:
        learned = [self.world.day(number) for number in range(LEARNED_DAYS)]
        self.rows = pa.concat_tables([day.scores for day in learned])
        self._reference = _reference(self.rows, self.features)
        masks = {mask for day in learned for site in day.templates.values() for mask in site}
        self._dictionary = TemplateDictionary().extended(masks)
        self._window = [_sketched(day, self.features) for day in learned[-TRAILING_DAYS:]]
        self._verdicts = [day.verdicts for day in learned]
        self._history: list[DriftDay] = []
        self._retrained: dict[str, list[date]] = {}
        self._told: set[tuple[str, int]] = set()

    def days(self, count: int) -> Iterator[tuple[int, SimulatedDay]]:
        """Watch so many days, each as the night after it does; yields them."""
        for number in range(LEARNED_DAYS, LEARNED_DAYS + count):
            day = self.world.day(number)
            self._look(number, day)
            yield number, day

    def _look(self, number: int, day: SimulatedDay) -> None:
        self._verdicts = [*self._verdicts, day.verdicts][-_VERDICT_DAYS:]
        current = _sketched(day, self.features)
        found = drift(
            self.detector.name,
            current,
            self._reference,
            self._window,
            self.features,
            dictionary=self._dictionary,
            verdicts=pa.concat_tables(self._verdicts),
        )
        self._window = [*self._window, current][-TRAILING_DAYS:]
        signals = {name: signal.verdict for name, signal in found.signals.items()}
        self.said.update(signals.items())
        self._history = [*self._history, DriftDay(day.day, "1", signals)][-LOOK_BACK.days :]
        today = day.day + timedelta(1)
        for decision in decide(self.detector, self._history, today, self._retrained):
            key = (decision.key, decision.action)
            if decision.action == Action.RETRAIN:
                self._retrained.setdefault(decision.signal, []).append(decision.day)
            elif key in self._told:
                continue
            self._told.add(key)
            self.decided.append((number, decision))


def false_triggers(weeks: int, seeds: range, units: int, peer_weeks: int) -> dict[str, Any]:
    """What the policy decides in weeks without drift, over worlds of different seeds."""
    decided: list[tuple[int, int, Decision]] = []
    said: Counter[tuple[str, str]] = Counter()
    peers: list[Peer] = []
    worlds = len(seeds)
    for seed in seeds:
        watch = Watch(World(seed, units), policy())
        peer = Peer(watch.rows)
        for number, day in watch.days(7 * (weeks // worlds)):
            if (number - LEARNED_DAYS) < 7 * (peer_weeks // worlds):
                peer.look(number, day.scores)
            if number % 70 == 0:
                _say(f"world {seed}, day {number}: {len(watch.decided)} decisions for nothing")
        decided += [(seed, number, decision) for number, decision in watch.decided]
        said.update(watch.said)
        peers.append(peer)
    watched = 7 * (weeks // worlds) * worlds // 7
    hit = len({(seed, (number - LEARNED_DAYS) // 7) for seed, number, _ in decided})
    retrain = [one for one in decided if one[2].action == Action.RETRAIN]
    hit_by_retraining = len({(seed, (n - LEARNED_DAYS) // 7) for seed, n, _ in retrain})
    return {
        "weeks": watched,
        "weeks_with_a_decision": hit,
        "rate_a_week": hit / watched,
        "interval": [round(bound, 4) for bound in clopper_pearson(hit, watched)],
        "retrainings": len(retrain),
        "retraining_rate_a_week": hit_by_retraining / watched,
        "met": hit / watched <= _GOAL,
        "decisions": [
            {"world": seed, "day": number, "what": _name(decision)}
            for seed, number, decision in decided
        ],
        "days_said": {
            f"{signal} {verdict}": count for (signal, verdict), count in sorted(said.items())
        },
        "evidently": Peer.summary(peers) if peer_weeks else None,
    }


def planted(kind: str, seeds: range, units: int, with_peer: bool) -> dict[str, Any]:
    """Days from a drift that is planted to what the policy decides, over worlds."""
    since = LEARNED_DAYS + _QUIET_DAYS
    delays: list[int | None] = []
    what: Counter[str] = Counter()
    peer_delays: list[int | None] = []
    for seed in seeds:
        watch = Watch(World(seed, units, kind, since), policy())
        peer = Peer(watch.rows)
        for number, day in watch.days(_QUIET_DAYS + _LONGEST_DELAY):
            if with_peer and number >= since - 7:
                peer.look(number, day.scores)
            if any(n >= since for n, _ in watch.decided) and not with_peer:
                break
        found = [(n - since + 1, d) for n, d in watch.decided if n >= since]
        delays.append(found[0][0] if found else None)
        what.update({_name(decision) for _, decision in found})
        peer_delays.append(peer.delay(since))
        _say(f"{kind} {seed}: {delays[-1]} days, Evidently {peer_delays[-1]}")
    return {
        "delays": delays,
        "median": _median(delays),
        "decided": dict(what),
        "evidently_delays": peer_delays if with_peer else None,
    }


def policy() -> Detector:
    """A detector with the default policy."""
    return text_format.Parse(POLICY, Detector())


def _sketched(day: SimulatedDay, features: Sequence[str]) -> Day:
    events = sketch_events(day.templates, day.hours, dict.fromkeys(day.templates, 0))
    return Day(day.day.isoformat(), sketch_scores(day.scores, features), events)


def _reference(rows: pa.Table, features: Sequence[str]) -> Sketch:
    """Benign training rows, false alarms among them, as a release keeps them."""
    benign = rows.filter(pc.invert(rows["attack"]))
    kept = benign.select(["environment", *features, "score"])
    return sketch_scores(kept, features, THRESHOLD, REFERENCE, REFERENCE_PART)


def _name(decision: Decision) -> str:
    return f"{Action.Name(decision.action)} {decision.signal}"


def _median(delays: Sequence[int | None]) -> float | None:
    found = [delay for delay in delays if delay is not None]
    return median(found) if len(found) == len(delays) else None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
