"""How good scores are: metrics with intervals, and the threshold that a budget allows. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import curves
from detectors.evaluation.curves import Ranking
from whetstone.errors import InputError, TrainingError

FALSE_POSITIVE_RATES = (0.001, 0.01, 0.05)
RESAMPLES = 200

_BLOCKS = 4096  # of scores in a resample: bounds time and memory, whatever n is


@dataclass(frozen=True)
class Metrics:
    """Detection quality of one set of scores at one threshold.

    A metric that these examples leave undefined is None, and `undefined` says why.

    Attributes:
        n: number of examples; `positives` of them are attacks.
        threshold: scores that reach it are alerts.
        true_positives: alerts that are attacks; with the next three, the counts at the threshold.
        precision: share of alerts that are attacks.
        recall: share of attacks that are alerts.
        f1: harmonic mean of the two.
        false_positive_rate: share of benign examples that are alerts.
        average_precision: sum over the ranking of precision times gained recall.
        auc: area under the ROC curve.
        recall_at_fpr: highest recall at a false-positive rate of at most 0.001, 0.01, 0.05.
            With fewer than 1 / rate benign examples it allows no false positive at all.
        intervals: 95% percentile bootstrap, low and high, by the name of the metric
            (`recall_at_fpr_0.01` and so on); only for what is defined.
        undefined: reason by the name of the metric.
        groups: number of groups that were resampled as a whole; n where each example is its own.
        seed: of the bootstrap.
    """

    n: int
    positives: int
    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    precision: float | None
    recall: float | None
    f1: float | None
    false_positive_rate: float | None
    average_precision: float | None
    auc: float | None
    recall_at_fpr: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    undefined: dict[str, str]
    groups: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self) | {"intervals": {k: list(v) for k, v in self.intervals.items()}}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Metrics":
        """What `to_dict` gave."""
        intervals = {name: (low, high) for name, (low, high) in values["intervals"].items()}
        return Metrics(**{**values, "intervals": intervals})


def evaluate(
    scores: NDArray[np.float64],
    positive: NDArray[np.bool_],
    threshold: float,
    seed: int,
    groups: NDArray[Any] | None = None,
) -> Metrics:
    """Judge scores against labels.

    Args:
        scores: (n,) finite, higher is worse.
        positive: (n,) bool, the attacks.
        threshold: scores that reach it are alerts.
        seed: of the bootstrap.
        groups: (n,) of any values; examples with equal values depend on each other (the windows
            of one host) and are resampled together. None: all are independent.

    Complexity: O(n log n), and O(resamples * n) more with groups.

    Raises:
        InputError: lengths differ, or a score is not finite.
    """
    _check(scores, positive, groups)
    positives = int(positive.sum())
    ranking = Ranking.of(scores, threshold)
    counts = ranking.count(positive)
    values = {name: float(value) for name, value in _metrics(*counts, ranking.alerts).items()}
    codes = _codes(groups)
    undefined = _reasons(values, positives, len(scores) - positives)
    alerts = scores >= threshold
    true = int((alerts & positive).sum())
    false = int(alerts.sum()) - true
    known = {name: None if name in undefined else value for name, value in values.items()}
    return Metrics(
        n=len(scores),
        positives=positives,
        threshold=float(threshold),
        true_positives=true,
        false_positives=false,
        true_negatives=len(scores) - positives - false,
        false_negatives=positives - true,
        recall_at_fpr={str(rate): known.pop(_at_fpr(rate)) for rate in FALSE_POSITIVE_RATES},
        intervals=_intervals(ranking, positive, codes, seed, set(values) - set(undefined)),
        undefined=undefined,
        groups=len(scores) if codes is None else int(codes.max()) + 1,
        seed=seed,
        **known,
    )


def choose_threshold(benign_scores: NDArray[np.float64], max_fpr: float) -> float:
    """The lowest threshold at which these benign scores keep within the budget.

    At most `max_fpr` of them reach it; it lies just above one of them, so of equal scores either
    all or none become alerts. Choose it on validation data, never on test data.

    Args:
        benign_scores: (n,) finite scores of benign validation examples.
        max_fpr: budget, 0 to 1.

    Raises:
        TrainingError: there are no benign validation examples.
        InputError: the budget is not a share, or a score is not finite.
    """
    if not 0 <= max_fpr <= 1:
        raise InputError(f"A maximum false-positive rate is between 0 and 1, not {max_fpr}")
    if not len(benign_scores):
        raise TrainingError(
            "There is no benign validation example to choose a threshold on: contribute more "
            "benign activity"
        )
    if not np.isfinite(benign_scores).all():
        raise InputError("A threshold needs finite scores")
    allowed = int(np.floor(max_fpr * len(benign_scores)))
    if allowed == len(benign_scores):
        return float(benign_scores.min())
    first_refused = np.sort(benign_scores)[len(benign_scores) - 1 - allowed]
    return float(np.nextafter(first_refused, np.inf))


def _check(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], groups: NDArray[Any] | None
) -> None:
    if scores.ndim != 1 or scores.shape != positive.shape or positive.dtype != np.bool_:
        raise InputError(
            f"Scores of shape {scores.shape} need as many boolean labels, "
            f"got {positive.dtype} of shape {positive.shape}"
        )
    if groups is not None and groups.shape != scores.shape:
        raise InputError(f"{len(scores)} scores cannot have groups of shape {groups.shape}")
    if not np.isfinite(scores).all():
        raise InputError("Only finite scores can be evaluated")


def _codes(groups: NDArray[Any] | None) -> NDArray[np.int64] | None:
    """Groups as codes 0..g-1; None where each example is a group of its own."""
    if groups is None or not len(groups):
        return None
    distinct, codes = np.unique(groups, return_inverse=True)
    return None if len(distinct) == len(groups) else codes.astype(np.int64)


def _at_fpr(rate: float) -> str:
    return f"recall_at_fpr_{rate}"


def _metrics(
    positive: curves.Floats, benign: curves.Floats, alerts: int
) -> dict[str, curves.Floats]:
    nothing = np.full(positive.shape[:-1], np.nan)
    empty = positive.shape[-1] == 0
    return {
        **curves.at_threshold(positive, benign, alerts),
        "average_precision": nothing if empty else curves.average_precision(positive, benign),
        "auc": curves.auc(positive, benign),
        **{
            _at_fpr(rate): nothing if empty else curves.recall_at_fpr(positive, benign, rate)
            for rate in FALSE_POSITIVE_RATES
        },
    }


def _reasons(values: dict[str, float], positives: int, benign: int) -> dict[str, str]:
    if not positives and not benign:
        why = "no examples"
    elif not positives:
        why = "no positive examples"
    elif not benign:
        why = "no benign examples"
    else:
        why = "no alerts"
    return {
        name: "no alerts" if name == "precision" and positives + benign else why
        for name, value in values.items()
        if np.isnan(value)
    }


def _intervals(
    ranking: Ranking,
    positive: NDArray[np.bool_],
    groups: NDArray[np.int64] | None,
    seed: int,
    defined: set[str],
) -> dict[str, tuple[float, float]]:
    if not defined:
        return {}
    coarse = ranking.coarse(_BLOCKS)
    resamples = curves.resampled(coarse, positive, groups, RESAMPLES, seed)
    intervals = {}
    for name, values in _metrics(*resamples, coarse.alerts).items():
        if name in defined and not np.isnan(values).all():
            low, high = np.nanpercentile(values, [2.5, 97.5])
            intervals[name] = (float(low), float(high))
    return intervals
