"""Whether a challenger may replace the champion. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import curves
from detectors.evaluation.curves import Ranking
from detectors.evaluation.metrics import RESAMPLES, Metrics
from whetstone.catalog import catalog_pb2
from whetstone.errors import InputError


@dataclass(frozen=True, eq=False)
class PairedScores:
    """What two models say about the same n examples.

    Attributes:
        positive: (n,) bool, the attacks.
        challenger: (n,) scores.
        champion: (n,) scores.
        groups: (n,) codes 0..g-1 of examples that depend on each other; None: independent.
    """

    positive: NDArray[np.bool_]
    challenger: NDArray[np.float64]
    champion: NDArray[np.float64]
    groups: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if not self.positive.shape == self.challenger.shape == self.champion.shape:
            raise InputError("Paired scores need one score of each model for each label")


@dataclass(frozen=True)
class GateDecision:
    """The outcome.

    Attributes:
        passed: whether the challenger becomes champion.
        reasons: one sentence for each thing that was looked at, with its numbers.
        numbers: the same numbers, as JSON takes them.
    """

    passed: bool
    reasons: list[str]
    numbers: dict[str, Any]


def decide(
    challenger: Metrics,
    champion: Metrics | None,
    core: PairedScores | None,
    verdicts: PairedScores | None,
    gate: catalog_pb2.Gate,
    seed: int = 0,
) -> GateDecision:
    """Decide on a challenger.

    It needs `gate.min_average_precision` on the core test set. Against a champion it must also not
    be worse, there and on recent verdicts: it is worse where the whole 95% interval of the paired
    bootstrap difference lies below minus `gate.tolerance`. Compared are average precision and, each
    model at its own threshold, balanced accuracy: a good ranking is worth nothing to analysts when
    the operating point hides it. On examples of one class only (verdicts often are all false
    positives) it is the share judged rightly.

    Args:
        challenger: its metrics on the core test set.
        champion: its metrics on the same set; None where nothing is in service yet.
        core: both models' scores on the core test set; needed where there is a champion.
        verdicts: the same on examples from recent verdicts; None where there are none.
        gate: the rules.
        seed: of the bootstrap.

    Raises:
        InputError: there is a champion, and no scores to compare it by.
    """
    good, reason = _good_enough(challenger, gate.min_average_precision)
    numbers: dict[str, Any] = {
        "average_precision": challenger.average_precision,
        "min_average_precision": gate.min_average_precision,
        "tolerance": gate.tolerance,
    }
    if champion is None:
        return GateDecision(good, [reason, "There is no champion to compare with"], numbers)
    if core is None or not len(core.positive):
        raise InputError("A champion is compared by both models' scores on the core test set")
    passed, reasons = good, [reason]
    thresholds = (challenger.threshold, champion.threshold)
    for name, title, pair in (
        ("core", "the core test set", core),
        ("verdicts", "recent verdicts", verdicts),
    ):
        if pair is None or not len(pair.positive):
            reasons.append(f"There are no {title} to compare on")
            continue
        numbers[name] = {}
        for measure in _measures(pair):
            numbers[name][measure] = comparison = _compare(pair, thresholds, measure, seed)
            kept = comparison["interval"][1] >= -gate.tolerance
            passed = passed and kept
            reasons.append(_sentence(title, measure, comparison, kept, gate.tolerance))
    return GateDecision(passed, reasons, numbers)


def _good_enough(challenger: Metrics, minimum: float) -> tuple[bool, str]:
    value = challenger.average_precision
    if value is None:
        return False, (
            "The challenger has no average precision on the core test set: "
            f"{challenger.undefined['average_precision']}"
        )
    if challenger.positives and not challenger.true_positives:
        return False, (
            f"At its threshold the challenger finds none of {challenger.positives} positive "
            "examples of the core test set"
        )
    good = value >= minimum
    return good, (
        f"Average precision on the core test set is {value:.4f}, "
        f"{'at least' if good else 'below'} the required {minimum:.4f}"
    )


def _measures(pair: PairedScores) -> tuple[str, ...]:
    both = bool(pair.positive.any()) and not pair.positive.all()
    return ("average_precision", "balanced_accuracy") if both else ("share_right",)


def _compare(
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


def _sentence(
    title: str, measure: str, comparison: dict[str, Any], kept: bool, tolerance: float
) -> str:
    words = {
        "average_precision": "Average precision",
        "balanced_accuracy": "Balanced accuracy at the threshold",
        "share_right": "The share judged rightly",
    }
    low, high = comparison["interval"]
    return (
        f"{words[measure]} on {title} ({comparison['n']} examples, "
        f"{comparison['positives']} positive): challenger {comparison['challenger']:.4f}, "
        f"champion {comparison['champion']:.4f}, difference {comparison['difference']:+.4f} "
        f"[{low:+.4f}, {high:+.4f}], {'not ' if kept else ''}worse beyond {tolerance:.4f}"
    )
