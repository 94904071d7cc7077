"""What further features bring a detector: trained without and with them, on the same examples.

By cross-validation on the training examples alone: nothing that is held out is looked at. Examples
that depend on each other (of one group) are held together, in a fold and in a resample.

References:
    Efron, Tibshirani: An Introduction to the Bootstrap (1993), paired comparison by resampling.
"""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors import family_of
from detectors.evaluation import curves
from detectors.evaluation.curves import Ranking
from detectors.evaluation.metrics import RESAMPLES
from detectors.interface import Examples, Training
from whetstone.catalog import catalog_pb2
from whetstone.catalog.slow import feature_names
from whetstone.errors import TrainingError

FOLDS = 5
MOST_EXAMPLES = 20_000
_MEASURES = ("average_precision", "recall_at_budget")


@dataclass(frozen=True)
class Gain:
    """A measure without and with the features, and the difference with its 95 % interval."""

    without: float
    with_features: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """What the features add."""
        return self.with_features - self.without

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {**vars(self), "difference": self.difference}


@dataclass(frozen=True)
class Lift:
    """What features bring a detector.

    Attributes:
        detector: its name.
        gains: by `average_precision` and `recall_at_budget`: recall at the detector's budget of
            false alarms.
        budget: that budget.
        examples: how many were learned from and judged, `positives` of them attacks.
        groups: so many groups of examples that depend on each other.
        folds: parts that were held out in turn.
        seeds: trainings of each.
        fit_seconds: median time of a training without and with the features.
    """

    detector: str
    gains: dict[str, Gain]
    budget: float
    examples: int
    positives: int
    groups: int
    folds: int
    seeds: int
    fit_seconds: tuple[float, float]

    @property
    def verdict(self) -> str:
        """`gains`, `harms` or `no gain`: what the intervals say beyond chance."""
        if any(gain.high < 0 for gain in self.gains.values()):
            return "harms"
        return "gains" if any(gain.low > 0 for gain in self.gains.values()) else "no gain"

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        gains = {name: gain.to_dict() for name, gain in self.gains.items()}
        return {**vars(self), "gains": gains, "verdict": self.verdict}


def lift(
    before: catalog_pb2.Detector,
    after: catalog_pb2.Detector,
    examples: pa.Table,
    groups: NDArray[np.int64],
    seeds: int = 1,
    say: Callable[[str], None] = lambda _: None,
    most: int = MOST_EXAMPLES,
) -> Lift:
    """Compare a detector with one that has further features.

    Args:
        before: the detector as it is.
        after: the same with the features.
        examples: training examples, n rows: `positive`, the features of both.
        groups: (n,) codes of examples that depend on each other.
        seeds: trainings of each fold.
        say: told how far it is.
        most: of more examples some groups are taken, always the same.

    Raises:
        TrainingError: there are too few independent attacks or benign examples to hold any out.
    """
    examples, groups = _at_most(examples, groups, most)
    positive = examples.column("positive").to_numpy(zero_copy_only=False).astype(bool)
    fold_of = _folds(positive, groups, before.name)
    folds = int(fold_of.max()) + 1
    scores: list[list[NDArray[np.float64]]] = []
    seconds: list[list[float]] = [[], []]
    for number in range(seeds):
        say(f"{before.name}: training {folds} times without and with the features")
        pair: list[NDArray[np.float64]] = []
        for side, detector in enumerate((before, after)):
            held = np.zeros(len(positive))
            for fold in range(folds):
                began = time.perf_counter()
                held[fold_of == fold] = _scores(detector, examples, fold_of != fold, number)
                seconds[side].append(time.perf_counter() - began)
            pair.append(held)
        scores.append(pair)
    budget = _budget(before)
    return Lift(
        detector=before.name,
        gains=dict(_gains(scores, positive, groups, fold_of, budget, before.seed)),
        budget=budget,
        examples=len(positive),
        positives=int(positive.sum()),
        groups=len(np.unique(groups)),
        folds=folds,
        seeds=seeds,
        fit_seconds=(float(np.median(seconds[0])), float(np.median(seconds[1]))),
    )


def _scores(
    detector: catalog_pb2.Detector, examples: pa.Table, learned: NDArray[np.bool_], seed: int
) -> NDArray[np.float64]:
    """The scores of the examples that were not learned from."""
    names = feature_names(detector)
    positive = examples.column("positive").to_numpy(zero_copy_only=False).astype(bool)
    labels = (
        np.array(examples.column("label").to_pylist(), dtype=np.str_)
        if "label" in examples.column_names
        else None
    )
    everything = Examples(examples.select(names), positive, labels)
    model = family_of(detector).fit(everything.where(learned), Training(detector.seed + seed))
    return model.score(everything.where(~learned).units)


def _folds(
    positive: NDArray[np.bool_], groups: NDArray[np.int64], detector: str
) -> NDArray[np.int64]:
    """The fold of each example: groups whole, those with attacks spread evenly."""
    attacked = np.unique(groups[positive])
    quiet = np.setdiff1d(np.unique(groups), attacked)
    # Where every group has attacks, benign examples are spread with them.
    parts = [part for part in (attacked, quiet) if len(part)]
    folds = min(FOLDS, len(attacked), len(quiet) or len(attacked))
    if folds < 2 or positive.all():
        raise TrainingError(
            f"{detector} has training examples of {len(attacked)} independent attacks and"
            f" {len(quiet)} benign groups: two of each are needed to hold some out; contribute more"
        )
    chance = np.random.default_rng(0)
    fold = np.zeros(int(groups.max()) + 1, dtype=np.int64)
    for part in parts:
        fold[chance.permutation(part)] = np.arange(len(part)) % folds
    return fold[groups]


def _gains(
    scores: list[list[NDArray[np.float64]]],
    positive: NDArray[np.bool_],
    groups: NDArray[np.int64],
    fold_of: NDArray[np.int64],
    budget: float,
    seed: int,
) -> Iterator[tuple[str, Gain]]:
    _, codes = np.unique(groups, return_inverse=True)
    sides = [[list(_rankings(pair[side], positive, fold_of)) for pair in scores] for side in (0, 1)]
    for measure in _MEASURES:
        # Equal resamples for both sides are what pairs them.
        weights = [np.ones(len(positive))]
        weights += curves.bootstrap_weights(len(positive), codes, RESAMPLES, seed)
        values = np.array(
            [[_mean(side, measure, each, budget) for side in sides] for each in weights]
        )
        differences = (values[:, 1] - values[:, 0])[1:]
        low, high = np.nanpercentile(differences, [2.5, 97.5])
        yield measure, Gain(float(values[0, 0]), float(values[0, 1]), float(low), float(high))


@dataclass(frozen=True, eq=False)
class _Fold:
    members: NDArray[np.intp]
    positive: NDArray[np.bool_]
    ranking: Ranking


def _rankings(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], fold_of: NDArray[np.int64]
) -> Iterator[_Fold]:
    for fold in range(int(fold_of.max()) + 1):
        members = np.flatnonzero(fold_of == fold)
        ranking = Ranking.of(scores[members], np.inf)
        yield _Fold(members, positive[members], ranking)


def _mean(
    seeds: list[list[_Fold]], measure: str, weights: NDArray[np.float64], budget: float
) -> float:
    """The mean over folds and seeds; folds whose resample lacks a class are left out."""
    found: list[float] = []
    for folds in seeds:
        for fold in folds:
            counts = fold.ranking.count(fold.positive, weights[fold.members])
            value = (
                curves.average_precision(*counts)
                if measure == "average_precision"
                else curves.recall_at_fpr(*counts, budget)
            )
            if counts[0].sum() and not np.isnan(value):
                found.append(float(value))
    return float(np.mean(found)) if found else float("nan")


def _budget(detector: catalog_pb2.Detector) -> float:
    point = detector.operating_point
    return point.significance or point.max_false_positive_rate


def _at_most(
    examples: pa.Table, groups: NDArray[np.int64], most: int
) -> tuple[pa.Table, NDArray[np.int64]]:
    if examples.num_rows <= most:
        return examples, groups
    order = np.random.default_rng(0).permutation(int(groups.max()) + 1)[groups]
    limit = np.partition(order, most)[most]
    taken = order < limit
    return examples.filter(pa.array(taken)), groups[taken]
