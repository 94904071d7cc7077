"""How many verdicts it takes to make a young detector good, by what analysts are asked about.

    python -m benchmarks.labelling --data ../shared/data --seeds 3 --resume cells.jsonl --json

In each round an analyst who is always right gives verdicts on units of a feed; the detector is
trained again on its golden data and all verdicts so far, by the product's own training code and, as
in service, from the model before it where its definition says `warm_start`. Its threshold is
chosen anew, and a test that nobody asks about is judged at this threshold. The ways to choose what
to ask are those of `benchmarks.labelling_ways`.

A way has reached the goal at the first of three rounds in a row at which the precision and the
recall on the test are both as high as asked for. Progress is on stderr, the last line on stdout is
a JSON object. With `--resume` each run of a way, a dataset and a seed is appended to a file when it
ends, and is not repeated by the next call.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.labelling_ways import WAYS, Feed, Voter
from benchmarks.labelling_worlds import SETTINGS, World, examples_of, world_of
from benchmarks.resuming import Cells
from detectors.interface import Training
from detectors.training import Fitted, fit
from whetstone.catalog import Catalog, load_catalog
from whetstone.settings import settings

_HELD = 3
"""Rounds in a row that count as reached."""
_BAGS = 3
"""Models of a committee beside the one in service."""


@dataclass(frozen=True)
class Goal:
    """What is asked for on the test, both at the operating point."""

    precision: float
    recall: float

    def met(self, row: dict[str, Any]) -> bool:
        """Whether a round has reached it."""
        return row["precision"] >= self.precision and row["recall"] >= self.recall


@dataclass(frozen=True, eq=False)
class Course:
    """What all ways begin with: a world, and a seed of its trainings.

    Attributes:
        world: the examples.
        seed: of every training.
        young: the model before any verdict, the same for all ways.
    """

    world: World
    seed: int
    young: Fitted

    @staticmethod
    def of(world: World, seed: int) -> "Course":
        """The course of a world."""
        young = fit(world.detector, pa.concat_tables([world.golden, world.test]), Training(seed))
        return Course(world, seed, young)

    def trained(self, asked: NDArray[np.bool_], before: Fitted) -> Fitted:
        """The next model, which knows the verdicts on `asked` units of the feed."""
        return fit(
            self.world.detector,
            pa.concat_tables([self._examples(asked), self.world.test]),
            self._training(before),
        )

    def bagged(self, asked: NDArray[np.bool_], before: Fitted) -> list[Voter]:
        """Models of bootstraps of the examples; the threshold of each is its own."""
        examples = self._examples(asked)
        learned = examples["split"].to_numpy(zero_copy_only=False) == "train"
        voters: list[Voter] = []
        for bag in range(_BAGS):
            draw = np.random.default_rng((self.seed, bag, int(asked.sum())))
            rows = np.concatenate([_bootstrap(learned, draw), np.flatnonzero(~learned)])
            drawn = pa.concat_tables([examples.take(pa.array(rows)), self.world.test])
            fitted = fit(self.world.detector, drawn, self._training(before))
            voters.append((fitted.model, fitted.threshold))
        return voters

    def _examples(self, asked: NDArray[np.bool_]) -> pa.Table:
        return pa.concat_tables([self.world.golden, self.world.feed.filter(pa.array(asked))])

    def _training(self, before: Fitted) -> Training:
        alone = Training(self.seed)
        if self.world.afresh or not self.world.detector.warm_start:
            return alone
        return replace(alone, warm_start=before.model.export())


def rounds_of(
    course: Course, way: str, rounds: int, verdicts: int, goal: Goal
) -> list[dict[str, Any]]:
    """Precision and recall on the test after 0, 1, 2 … rounds; ends once the goal is held."""
    world, fitted = course.world, course.young
    positive, names = _positive(world.feed), list(fitted.splits["test"].examples.names)
    units, test = world.feed.select(names), world.test.select(names)
    asked = np.zeros(len(positive), dtype=bool)
    feed = Feed(
        units,
        positive,
        asked,
        fitted.model.score(units),
        fitted.threshold,
        fitted.model,
        partial(course.bagged, asked, fitted),
        np.random.default_rng(course.seed),
    )
    rows = [_judged(fitted, test, world) | {"verdicts": 0}]
    while len(rows) <= rounds and not _held(rows, goal):
        feed.judge(WAYS[way](feed, verdicts))
        fitted = course.trained(asked, fitted)
        rows.append(_judged(fitted, test, world) | {"verdicts": int(asked.sum())})
        feed.scores, feed.threshold = fitted.model.score(units), fitted.threshold
        feed.model, feed.bagged = fitted.model, partial(course.bagged, asked, fitted)
    return rows


def reached(rows: Sequence[dict[str, Any]], goal: Goal) -> int | None:
    """Verdicts at the first of three rounds in a row that meet the goal; None: there are none."""
    for first in range(len(rows) - _HELD + 1):
        if all(goal.met(row) for row in rows[first : first + _HELD]):
            return rows[first]["verdicts"]
    return None


def _held(rows: Sequence[dict[str, Any]], goal: Goal) -> bool:
    return len(rows) >= _HELD and all(map(goal.met, rows[-_HELD:]))


def _bootstrap(among: NDArray[np.bool_], draw: np.random.Generator) -> NDArray[np.int64]:
    rows = np.flatnonzero(among)
    return np.sort(draw.choice(rows, len(rows)))


def _judged(fitted: Fitted, test: pa.Table, world: World) -> dict[str, Any]:
    scores, positive = fitted.model.score(test), _positive(world.test)
    alerts = scores >= fitted.threshold
    found = int((alerts & positive).sum())
    return {
        "precision": found / max(1, int(alerts.sum())),
        "recall": found / max(1, int(positive.sum())),
        "average_precision": float(average_precision_score(positive, scores)),
    }


def _positive(table: pa.Table) -> NDArray[np.bool_]:
    return table["positive"].to_numpy().astype(bool)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    catalog = load_catalog(settings().catalog)
    ways = options.ways or list(WAYS)
    goal = Goal(options.precision, options.recall)
    cells = Cells.of(options.resume)
    rows: list[dict[str, Any]] = []
    for name in options.only or SETTINGS:
        # Neither is made where all cells that need it are known.
        examples = cache(partial(examples_of, catalog, name, options.data))
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        for seed in range(1, options.seeds + 1):
            course = cache(partial(_course, catalog, name, examples, seed))
            for way in ways:
                cell = {"dataset": name, "way": way, "seed": seed} | _limits(options)
                run = cells.get_or(cell, partial(_run, course, way, options, goal))
                runs[way].append({"seed": seed} | run)
                print(f"{name} {way} seed {seed}: {run['reached']}", file=sys.stderr, flush=True)
        most = options.rounds * options.verdicts
        rows += [_row(name, way, runs[way], most) for way in ways]
    result = {"goal": vars(goal), "verdicts_a_round": options.verdicts, "rows": rows}
    print(json.dumps(result, indent=None if options.json else 2))


def _course(catalog: Catalog, name: str, examples: Callable[[], pa.Table], seed: int) -> Course:
    return Course.of(world_of(catalog, name, examples(), seed), seed)


def _limits(options: argparse.Namespace) -> dict[str, float]:
    return {name: getattr(options, name) for name in ("rounds", "verdicts", "precision", "recall")}


def _run(
    course: Callable[[], Course], way: str, options: argparse.Namespace, goal: Goal
) -> dict[str, Any]:
    given = course()
    began = time.process_time()
    curve = rounds_of(given, way, options.rounds, options.verdicts, goal)
    return {
        "reached": reached(curve, goal),
        "cpu_seconds": round(time.process_time() - began, 1),
        "rounds": curve,
    }


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
    parser.add_argument("--resume", type=Path, default=None, help="file of runs done before")
    parser.add_argument("--json", action="store_true", help="on one line")
    return parser


if __name__ == "__main__":
    main()
