"""Whether a challenger may replace the champion. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import curves
from detectors.curves import Ranking
from detectors.evaluation import RESAMPLES, Metrics
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
    bootstrap difference lies below minus `gate.tolerance`. The difference is that of average
    precision; on examples of one class only (verdicts often are all false positives) that of the
    share judged rightly, each model at its own threshold.

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
        numbers[name] = comparison = _compare(pair, thresholds, seed)
        kept = comparison["interval"][1] >= -gate.tolerance
        passed = passed and kept
        reasons.append(_sentence(title, comparison, kept, gate.tolerance))
    return GateDecision(passed, reasons, numbers)


def _good_enough(challenger: Metrics, minimum: float) -> tuple[bool, str]:
    value = challenger.average_precision
    if value is None:
        return False, (
            "The challenger has no average precision on the core test set: "
            f"{challenger.undefined['average_precision']}"
        )
    good = value >= minimum
    return good, (
        f"Average precision on the core test set is {value:.4f}, "
        f"{'at least' if good else 'below'} the required {minimum:.4f}"
    )


def _compare(pair: PairedScores, thresholds: tuple[float, float], seed: int) -> dict[str, Any]:
    both = bool(pair.positive.any()) and not pair.positive.all()
    measure = "average_precision" if both else "share_right"
    values, resamples = [], []
    for scores, threshold in zip((pair.challenger, pair.champion), thresholds, strict=True):
        ranking = Ranking.of(scores, threshold)
        right = (scores >= threshold) == pair.positive

        def measured(
            weights: curves.Floats, ranking: Ranking = ranking, right: NDArray[np.bool_] = right
        ) -> float:
            if both:
                return float(curves.average_precision(*ranking.count(pair.positive, weights)))
            return float(weights[right].sum() / weights.sum())

        values.append(measured(np.ones(len(scores))))
        # Equal seeds give both models the same resamples, which is what pairs them.
        drawn = curves.bootstrap_weights(len(scores), pair.groups, RESAMPLES, seed)
        resamples.append([measured(weights) for weights in drawn])
    differences = np.subtract(*resamples)
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    return {
        "measure": measure,
        "n": len(pair.positive),
        "positives": int(pair.positive.sum()),
        "challenger": values[0],
        "champion": values[1],
        "difference": values[0] - values[1],
        "interval": [float(low), float(high)],
    }


def _sentence(title: str, comparison: dict[str, Any], kept: bool, tolerance: float) -> str:
    measure = {"average_precision": "Average precision", "share_right": "The share judged rightly"}
    low, high = comparison["interval"]
    return (
        f"{measure[comparison['measure']]} on {title} ({comparison['n']} examples, "
        f"{comparison['positives']} positive): challenger {comparison['challenger']:.4f}, "
        f"champion {comparison['champion']:.4f}, difference {comparison['difference']:+.4f} "
        f"[{low:+.4f}, {high:+.4f}], {'not ' if kept else ''}worse beyond {tolerance:.4f}"
    )
