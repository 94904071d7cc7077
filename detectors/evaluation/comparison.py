"""Two models on the same examples: paired bootstrap and McNemar's test. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import curves
from detectors.evaluation.curves import Ranking
from detectors.evaluation.mcnemar import McNemar, mcnemar
from detectors.evaluation.metrics import RESAMPLES
from whetstone.errors import InputError

_WORDS = {
    "average_precision": "Average precision",
    "balanced_accuracy": "Balanced accuracy at the threshold",
    "share_right": "The share judged rightly",
}


@dataclass(frozen=True, eq=False)
class PairedScores:
    """What two models say about the same n examples.

    Attributes:
        positive: (n,) bool, the attacks.
        challenger: (n,) scores.
        champion: (n,) scores.
        groups: (n,) codes 0..g-1 of examples that depend on each other; None: independent.
        labels: (n,) names of the classes, of which attacks may have several; None: unknown.
    """

    positive: NDArray[np.bool_]
    challenger: NDArray[np.float64]
    champion: NDArray[np.float64]
    groups: NDArray[np.int64] | None = None
    labels: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        if not self.positive.shape == self.challenger.shape == self.champion.shape:
            raise InputError("Paired scores need one score of each model for each label")

    def where(self, mask: NDArray[np.bool_]) -> "PairedScores":
        """Those for which `mask` (n,) is true."""
        groups = None if self.groups is None else self.groups[mask]
        if groups is not None and len(groups):
            groups = np.unique(groups, return_inverse=True)[1].astype(np.int64)
        return PairedScores(
            self.positive[mask],
            self.challenger[mask],
            self.champion[mask],
            groups,
            None if self.labels is None else self.labels[mask],
        )

    def against(self, challenger: NDArray[np.float64]) -> "PairedScores":
        """The same with the scores (n,) of another challenger."""
        return replace(self, challenger=challenger)


@dataclass(frozen=True)
class Comparison:
    """What became of a comparison.

    Attributes:
        worse: whether the challenger is worse beyond the tolerance and beyond chance.
        reasons: a sentence for each thing that was looked at.
        numbers: the same as JSON takes it: by measure, `decisions` and, where attacks have several
            labels, `labels`.
    """

    worse: bool
    reasons: list[str]
    numbers: dict[str, Any]


def compare(
    title: str, pair: PairedScores, thresholds: tuple[float, float], tolerance: float, seed: int
) -> Comparison:
    """Whether the challenger is worse than the champion on the same examples.

    It is where one of these says so:

    1. Paired bootstrap: the whole 95 % interval of the difference lies below minus `tolerance`, of
       the average precision or of the balanced accuracy, each model at its own threshold. Where
       there is one class only, it is the share judged rightly.
    2. McNemar's exact test of the decisions, on the attacks and on the benign examples: p below
       0.05, and more than `tolerance` of the class lost. Unless what is gained in the other class
       is more: the whole interval of balanced accuracy lies above zero. The test of all decisions
       is told, too; it decides nothing, as a hundred attacks drown in ten thousand benign ones.
    3. The same on the attacks of each label, p times the number of labels: an average does not see
       that one kind of attack is found no more.

    The bootstrap looks at the size of a loss where examples are many, the exact test at its
    certainty where they are few.

    Args:
        title: of the examples, as the sentences have it.
        pair: both models' scores; at least one example.
        thresholds: of challenger and champion.
        tolerance: share that may be lost.
        seed: of the bootstrap.
    """
    numbers: dict[str, Any] = {}
    reasons: list[str] = []
    worse = False
    for measure in _measures(pair):
        numbers[measure] = found = _bootstrap(pair, thresholds, measure, seed)
        lost = found["interval"][1] < -tolerance
        worse = worse or lost
        reasons.append(_sentence(title, measure, found, lost, tolerance))
    outweighed = "balanced_accuracy" in numbers and numbers["balanced_accuracy"]["interval"][0] > 0
    tests = dict(_decisions(pair, thresholds))
    numbers["decisions"] = {name: test.to_dict() for name, test in tests.items()}
    refused = [name for name, t in tests.items() if name != "all" and t.worse(tolerance)]
    worse = worse or bool(refused and not outweighed)
    reasons.append(_decided(title, tests, refused, outweighed))
    labels = dict(_by_label(pair, thresholds))
    if len(labels) > 1:
        numbers["labels"] = {label: test.to_dict() for label, test in labels.items()}
        gone = {n: t for n, t in labels.items() if t.worse(tolerance, len(labels))}
        worse = worse or bool(gone)
        reasons += [
            f"Attacks of label {label} on {title}: {test.lost:.1%} of {test.n} are found no more"
            f" ({test}, of {len(labels)} labels), worse beyond {tolerance:.4f}"
            for label, test in gone.items()
        ]
    return Comparison(worse, reasons, numbers)


def _measures(pair: PairedScores) -> tuple[str, ...]:
    both = bool(pair.positive.any()) and not pair.positive.all()
    return ("average_precision", "balanced_accuracy") if both else ("share_right",)


def _bootstrap(
    pair: PairedScores, thresholds: tuple[float, float], measure: str, seed: int
) -> dict[str, Any]:
    values, resamples = [], []
    for scores, threshold in zip((pair.challenger, pair.champion), thresholds, strict=True):
        measured = _measured(measure, scores, threshold, pair.positive)
        values.append(measured(np.ones(len(scores))))
        # Equal seeds give both models the same resamples, which is what pairs them.
        drawn = curves.bootstrap_weights(len(scores), pair.groups, RESAMPLES, seed)
        resamples.append([measured(weights) for weights in drawn])
    differences = np.subtract(*resamples)
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    return {
        "n": len(pair.positive),
        "positives": int(pair.positive.sum()),
        "challenger": values[0],
        "champion": values[1],
        "difference": values[0] - values[1],
        "interval": [float(low), float(high)],
    }


def _measured(
    measure: str, scores: curves.Floats, threshold: float, positive: NDArray[np.bool_]
) -> Callable[[curves.Floats], float]:
    """The measure of scored examples as a function of their bootstrap weights."""
    if measure == "average_precision":
        ranking = Ranking.of(scores, threshold)
        return lambda weights: float(curves.average_precision(*ranking.count(positive, weights)))
    right = (scores >= threshold) == positive
    if measure == "share_right":
        return lambda weights: float(weights[right].sum() / weights.sum())

    def balanced(weights: curves.Floats) -> float:
        with np.errstate(invalid="ignore"):  # a resample may lack one class
            shares = [
                weights[right & one].sum() / weights[one].sum() for one in (positive, ~positive)
            ]
        return float(np.mean(shares))

    return balanced


def _right(
    pair: PairedScores, thresholds: tuple[float, float]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) which examples each model judges rightly."""
    return (
        (pair.challenger >= thresholds[0]) == pair.positive,
        (pair.champion >= thresholds[1]) == pair.positive,
    )


def _decisions(
    pair: PairedScores, thresholds: tuple[float, float]
) -> Iterator[tuple[str, McNemar]]:
    everything = np.ones(len(pair.positive), dtype=bool)
    classes = {"all": everything, "attacks": pair.positive, "benign": ~pair.positive}
    for name, mask in classes.items():
        if mask.any():
            part = pair.where(mask)
            yield name, mcnemar(*_right(part, thresholds), part.groups)


def _by_label(pair: PairedScores, thresholds: tuple[float, float]) -> Iterator[tuple[str, McNemar]]:
    if pair.labels is None:
        return
    for label in np.unique(pair.labels[pair.positive]):
        part = pair.where(pair.positive & (pair.labels == label))
        yield str(label), mcnemar(*_right(part, thresholds), part.groups)


def _sentence(
    title: str, measure: str, comparison: dict[str, Any], worse: bool, tolerance: float
) -> str:
    low, high = comparison["interval"]
    return (
        f"{_WORDS[measure]} on {title} ({comparison['n']} examples, "
        f"{comparison['positives']} positive): challenger {comparison['challenger']:.4f}, "
        f"champion {comparison['champion']:.4f}, difference {comparison['difference']:+.4f} "
        f"[{low:+.4f}, {high:+.4f}], {'' if worse else 'not '}worse beyond {tolerance:.4f}"
    )


def _decided(title: str, tests: dict[str, McNemar], refused: list[str], outweighed: bool) -> str:
    told = "; ".join(f"{name}: {test}" for name, test in tests.items())
    start = f"Decisions on {title} that one model alone gets right (champion b, challenger c): "
    if not refused:
        return f"{start}{told}; not worse beyond chance"
    lost = ", ".join(f"{tests[name].lost:.1%} of {name}" for name in refused)
    end = ", outweighed by the other class" if outweighed else ", worse beyond chance"
    return f"{start}{told}; lost {lost}{end}"
