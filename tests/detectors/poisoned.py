"""Real examples of which some were judged wrongly on purpose."""

import csv
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from detectors.evaluation.comparison import PairedScores
from detectors.interface import Training
from detectors.training import Fitted, fit
from detectors.trust import Investigation, Trial, investigate, new_origins
from detectors.trust.origins import thinned, without
from whetstone.catalog.catalog_pb2 import Detector

HONEST = ("ada", "bo", "cem")
_KNOWN = "contribution:public"


@dataclass(frozen=True)
class World:
    """Labelled examples of real attacks, some of them in production, where verdicts come from.

    Attributes:
        examples: `split` is train, validation, test or production.
        detector: what is trained on them.
    """

    examples: pa.Table
    detector: Detector

    def judged(
        self,
        share: float,
        pattern: str | None = None,
        names: tuple[str, ...] = ("mallory",),
        seed: int = 3,
    ) -> pa.Table:
        """The training set with analysts' verdicts of production.

        Args:
            share: of the training examples; so many verdicts of `names` are false, and as many as
                three in a hundred training examples are the honest analysts' right ones.
            pattern: kind of attack that is called benign; None: anything is turned over.
            names: of those who campaign, in turn.
            seed: which units are judged.
        """
        rng = np.random.default_rng(seed)
        split, label = (np.array(self.examples[n].to_pylist()) for n in ("split", "label"))
        positive = self.examples["positive"].to_numpy(zero_copy_only=False).copy()
        production = rng.permutation(np.flatnonzero(split == "production"))
        train = int((split == "train").sum())
        wanted = production if pattern is None else production[label[production] == pattern]
        false = wanted[: round(share * train)]
        right = np.setdiff1d(production, false)[: round(0.03 * train)]
        origin, contributor = (np.full(len(split), "", dtype=object) for _ in range(2))
        origin[:], contributor[:] = _KNOWN, "public"
        for places, who in ((false, names), (right, HONEST)):
            for number, place in enumerate(places):
                origin[place] = f"verdict:{place}"
                contributor[place] = who[number % len(who)]
        positive[false] = ~positive[false]
        split = np.where(split == "production", "train", split)
        kept = np.ones(len(split), dtype=bool)
        kept[np.setdiff1d(production, np.concatenate([false, right]))] = False
        table = pa.table(
            {
                **{name: self.examples[name] for name in self.examples.column_names},
                "split": split.tolist(),
                "positive": positive,
                "origin": origin.tolist(),
                "contributor": contributor.tolist(),
            }
        )
        return table.filter(pa.array(kept))

    def fitted(self, training_set: pa.Table, share: float = 0.0) -> Fitted:
        return fit(self.detector, training_set, Training(1), share)


@dataclass(frozen=True)
class Outcome:
    """Recall on the core test set: of the champion, and of what serves after the verdicts, without
    the guard and with it; what the guard found."""

    champion: float
    unguarded: float
    guarded: float
    rounds: list[Investigation]

    @property
    def culprits(self) -> set[str]:
        return {name for found in self.rounds for name in found.culprits}


def outcome(world: World, training_set: pa.Table) -> Outcome:
    """Train a champion before all verdicts, then what wants to replace it, until nothing moves."""
    champion = world.fitted(without(training_set, new_origins(training_set, [_KNOWN])))
    unguarded = world.fitted(training_set, share=1.0)
    test = champion.splits["test"]

    def scores(fitted: Fitted) -> np.ndarray:
        return np.asarray(fitted.model.score(test.examples.units))

    def recall(fitted: Fitted) -> float:
        return float((scores(fitted)[test.positive] >= fitted.threshold).mean())

    rounds: list[Investigation] = []
    while True:
        challenger = world.fitted(training_set)
        found = _investigated(world, training_set, challenger, champion, scores)
        rounds.append(found)
        if not found.culprits:
            serving = champion if found.harmed else challenger
            return Outcome(recall(champion), recall(unguarded), recall(serving), rounds)
        training_set = without(training_set, found.culprits)


def _investigated(
    world: World,
    training_set: pa.Table,
    challenger: Fitted,
    champion: Fitted,
    scores: Callable[[Fitted], np.ndarray],
) -> Investigation:
    def trained(examples: pa.Table) -> Trial:
        again = world.fitted(examples)
        return Trial(scores(again), again.threshold)

    test = champion.splits["test"]
    return investigate(
        PairedScores(
            test.positive, scores(challenger), scores(champion), labels=test.examples.labels
        ),
        (challenger.threshold, champion.threshold),
        new_origins(training_set, [_KNOWN]),
        lambda removed: trained(without(training_set, removed)),
        lambda count, seed: trained(thinned(training_set, [_KNOWN], count, seed)),
    )


def http_parameters(data: Path) -> World:
    """Values of parameters: ordinary, and injections of four kinds."""
    with gzip.open(data / "web" / "httpparams_train.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))[::3]
    detector = Detector(name="parameters", features=["value"])
    detector.text_ngrams.longest = 2
    detector.operating_point.max_false_positive_rate = 0.001
    values = {"value": [row["payload"] for row in rows]}
    return _world(values, [row["attack_type"] for row in rows], "norm", detector)


def connections(data: Path) -> World:
    """Connections of NSL-KDD, by those of their fields that are numbers, tested as published."""
    rows: list[list[str]] = []
    for name, every in (("KDDTrain+_20Percent", 4), ("KDDTest+_halfA", 6)):
        with gzip.open(data / "nsl_kdd" / f"{name}.txt.gz", "rt", newline="") as file:
            rows += [[*row[:42], name] for row in list(csv.reader(file))[::every]]
    numbers = [at for at in range(41) if at not in (1, 2, 3)]
    detector = Detector(name="connections", features=[f"f{at}" for at in numbers])
    detector.nearest_neighbours.kept = 2048
    detector.operating_point.max_false_positive_rate = 0.01
    values = {f"f{at}": [float(row[at]) for row in rows] for at in numbers}
    tested = [row[42] == "KDDTest+_halfA" for row in rows]
    return _world(values, [row[41] for row in rows], "normal", detector, tested)


def _world(
    values: dict[str, list],
    labels: list[str],
    benign: str,
    detector: Detector,
    tested: list[bool] | None = None,
) -> World:
    drawn = [_draw(f"{number} {label}") for number, label in enumerate(labels)]
    first = "test" if tested is None else "train"
    cuts = [(0.3, first), (0.45, "validation"), (0.65, "production")]
    split = [next((name for cut, name in cuts if one < cut), "train") for one in drawn]
    if tested is not None:
        split = ["test" if of_test else one for one, of_test in zip(split, tested, strict=True)]
    return World(
        pa.table(
            {
                **values,
                "unit": [str(number) for number in range(len(labels))],
                "label": labels,
                "positive": [label != benign for label in labels],
                "split": split,
            }
        ),
        detector,
    )


def _draw(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


WORLDS: dict[str, Callable[[Path], World]] = {
    "text_ngrams": http_parameters,
    "nearest_neighbours": connections,
}
