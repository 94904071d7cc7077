"""How many verdicts it takes to make a young detector good, by what analysts are asked about.

    python -m benchmarks.labelling --data ../shared/data --seeds 3 --json

In each round an analyst who is always right gives verdicts on units of a feed; the detector is
trained anew, with the product's own training code, on its golden data and all verdicts so far, its
threshold is chosen anew, and a test that nobody asks about is judged at this threshold. Ways to
choose what to ask:

- `ours`: what `/label` asks, by `triage.learning.selection`, with the pools of `Asking`;
- `top_scores`: the highest scores without a verdict, as a queue sorted by score offers them;
- `random_alerts`: any alerts;
- `nearest`: the nearest to the threshold, whatever they look like (uncertainty alone);
- `patterns`: one unit of each pattern, the patterns of most alerts first (clusters alone).

A way has reached the goal at the first of three rounds in a row at which the precision and the
recall on the test are both as high as asked for. Progress is on stderr, the last line on stdout is
a JSON object.
"""

import argparse
import json
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.labelling_worlds import SETTINGS, World, examples_of, world_of
from detectors.interface import Model, Training
from detectors.training import fit
from triage.learning.asking import POOL
from triage.learning.selection import Candidate, Looks, choose, closeness, doubt, looks
from triage.queue.patterns import pattern_of
from whetstone.catalog import load_catalog
from whetstone.scoring.alerts import explanation
from whetstone.settings import settings

_HELD = 3
"""Rounds in a row that count as reached."""
_TOP = 5
"""Parts of an explanation that an alert keeps."""


@dataclass(eq=False)
class Feed:
    """The units that can be asked about, as the model of this round sees them.

    Attributes:
        units: their features.
        positive: (n,) the truth, which an analyst tells of `asked` ones alone.
        asked: (n,) who has a verdict.
        scores: (n,) of the model of this round.
        threshold: from it on, an alert.
        draw: random numbers.
        known: looks of units with a verdict, as they were when it was given.
        told: verdicts by pattern: attacks, and none.
    """

    units: pa.Table
    positive: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    scores: NDArray[np.float64]
    threshold: float
    model: Model
    draw: np.random.Generator
    known: list[Looks] = field(default_factory=list[Looks])
    told: dict[str, Counter[bool]] = field(default_factory=lambda: defaultdict(Counter))

    def free(self, above: bool) -> NDArray[np.int64]:
        """Units without a verdict on one side of the threshold, the nearest to it first."""
        side = np.flatnonzero(~self.asked & ((self.scores >= self.threshold) == above))
        order = np.argsort(np.abs(self.scores[side] - self.threshold), kind="stable")
        return side[order]

    def explained(self, rows: NDArray[np.int64]) -> list[list[dict[str, Any]]]:
        """The explanations of units, as alerts would have them."""
        found = self.model.explain(self.units.take(pa.array(rows)))
        return [explanation(contributions[:_TOP]) for contributions in found]

    def pattern(self, why: Sequence[dict[str, Any]]) -> str:
        """The pattern of an explanation."""
        return pattern_of("", why).key

    def judge(self, rows: NDArray[np.int64]) -> None:
        """The analyst gives verdicts on these units."""
        for row, why in zip(rows, self.explained(rows), strict=True):
            self.known.append(looks(why))
            self.told[self.pattern(why)][bool(self.positive[row])] += 1
        self.asked[rows] = True


def ours(feed: Feed, most: int) -> NDArray[np.int64]:
    """What `/label` would ask; where all that is near looks like something judged, the nearest."""
    pool = np.concatenate([feed.free(above=True)[:POOL], feed.free(above=False)[:POOL]])
    ranked = closeness(feed.scores[pool].tolist(), feed.threshold)
    candidates: list[Candidate] = []
    for row, rank, why in zip(pool, ranked, feed.explained(pool), strict=True):
        told = feed.told[feed.pattern(why)]
        candidates.append(Candidate(str(row), rank, doubt(told[True], told[False]), looks(why)))
    chosen = [int(c.candidate.alert_id) for c in choose(candidates, most, feed.known)]
    rest = [row for row in nearest(feed, most) if row not in chosen]
    return np.array([*chosen, *rest][:most], np.int64)


def top_scores(feed: Feed, most: int) -> NDArray[np.int64]:
    """The highest scores without a verdict."""
    free = np.flatnonzero(~feed.asked)
    return free[np.argsort(-feed.scores[free], kind="stable")][:most]


def random_alerts(feed: Feed, most: int) -> NDArray[np.int64]:
    """Any alerts; where there are fewer, the highest scores below the threshold."""
    alerts = feed.draw.permutation(feed.free(above=True))
    return np.concatenate([alerts, feed.free(above=False)])[:most]


def nearest(feed: Feed, most: int) -> NDArray[np.int64]:
    """The nearest to the threshold, as many from above as from below."""
    above, below = feed.free(above=True), feed.free(above=False)
    half = max(most // 2, most - len(below))
    return np.concatenate([above[:half], below[: most - len(above[:half])]])


def patterns(feed: Feed, most: int) -> NDArray[np.int64]:
    """One alert of each pattern, the largest patterns first, those judged least before others."""
    pool = np.concatenate([feed.free(above=True)[: 4 * POOL], feed.free(above=False)[:POOL]])
    members: dict[str, list[int]] = defaultdict(list)
    for row, why in zip(pool, feed.explained(pool), strict=True):
        members[feed.pattern(why)].append(int(row))
    order = sorted(members, key=lambda key: (feed.told[key].total(), -len(members[key])))
    first = [members[key][0] for key in order]
    rest = [row for key in order for row in members[key][1:]]
    return np.array([*first, *rest][:most], np.int64)


WAYS: dict[str, Callable[[Feed, int], NDArray[np.int64]]] = {
    way.__name__: way for way in (ours, top_scores, random_alerts, nearest, patterns)
}


@dataclass(frozen=True)
class Goal:
    """What is asked for on the test, both at the operating point."""

    precision: float
    recall: float

    def met(self, row: dict[str, Any]) -> bool:
        """Whether a round has reached it."""
        return row["precision"] >= self.precision and row["recall"] >= self.recall


def rounds_of(
    world: World, way: str, seed: int, rounds: int, verdicts: int, goal: Goal
) -> list[dict[str, Any]]:
    """Precision and recall on the test after 0, 1, 2 … rounds; ends once the goal is held."""
    positive = _positive(world.feed)
    feed: Feed | None = None
    asked, rows = np.zeros(len(positive), dtype=bool), list[dict[str, Any]]()
    for _ in range(rounds + 1):
        known = world.feed.filter(pa.array(asked))
        examples = pa.concat_tables([world.golden, known, world.test])
        fitted = fit(world.detector, examples, Training(seed))
        names = list(fitted.splits["test"].examples.names)
        alerts = fitted.model.score(world.test.select(names)) >= fitted.threshold
        rows.append(_figures(alerts, _positive(world.test)) | {"verdicts": int(asked.sum())})
        if len(rows) >= _HELD and all(map(goal.met, rows[-_HELD:])):
            break
        units = world.feed.select(names)
        scores = fitted.model.score(units)
        if feed is None:
            draw = np.random.default_rng(seed)
            feed = Feed(units, positive, asked, scores, fitted.threshold, fitted.model, draw)
        feed.scores, feed.threshold, feed.model = scores, fitted.threshold, fitted.model
        feed.judge(WAYS[way](feed, verdicts))
    return rows


def reached(rows: Sequence[dict[str, Any]], goal: Goal) -> int | None:
    """Verdicts at the first of three rounds in a row that meet the goal; None: there are none."""
    for first in range(len(rows) - _HELD + 1):
        if all(goal.met(row) for row in rows[first : first + _HELD]):
            return rows[first]["verdicts"]
    return None


def _figures(alerts: NDArray[np.bool_], positive: NDArray[np.bool_]) -> dict[str, float]:
    found = int((alerts & positive).sum())
    return {
        "precision": found / max(1, int(alerts.sum())),
        "recall": found / max(1, int(positive.sum())),
    }


def _positive(table: pa.Table) -> NDArray[np.bool_]:
    return table["positive"].to_numpy().astype(bool)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    catalog = load_catalog(settings().catalog)
    goal = Goal(options.precision, options.recall)
    rows: list[dict[str, Any]] = []
    for name in options.only or SETTINGS:
        examples = examples_of(catalog, name, options.data)
        for way in options.ways or WAYS:
            runs: list[dict[str, Any]] = []
            for seed in range(1, options.seeds + 1):
                world = world_of(catalog, name, examples, seed)
                curve = rounds_of(world, way, seed, options.rounds, options.verdicts, goal)
                runs.append({"seed": seed, "reached": reached(curve, goal), "rounds": curve})
                print(f"{name} {way} seed {seed}: {runs[-1]['reached']}", file=sys.stderr)
            rows.append(_row(name, way, runs, options.rounds * options.verdicts))
    result = {"goal": vars(goal), "verdicts_a_round": options.verdicts, "rows": rows}
    print(json.dumps(result, indent=None if options.json else 2))


def _row(name: str, way: str, runs: list[dict[str, Any]], most: int) -> dict[str, Any]:
    found = [run["reached"] for run in runs]
    # A run that never got there counts as one that would have needed more than all.
    middle = statistics.median(most + 1 if each is None else each for each in found)
    return {
        "dataset": name,
        "detector": SETTINGS[name].detector,
        "about": SETTINGS[name].about,
        "way": way,
        "verdicts": None if middle > most else middle,
        "at_most": most,
        "by_seed": found,
        "runs": runs,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.labelling", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the public data")
    parser.add_argument("--only", nargs="+", choices=sorted(SETTINGS), default=None)
    parser.add_argument("--ways", nargs="+", choices=sorted(WAYS), default=None)
    parser.add_argument("--seeds", type=int, default=3, help="worlds and trainings 1 to this")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--verdicts", type=int, default=10, help="in each round")
    parser.add_argument("--precision", type=float, default=0.95)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--json", action="store_true", help="on one line")
    return parser


if __name__ == "__main__":
    main()
