"""Detection metrics over weighted counts, for one sample or many resamples at once, and bootstrap.

Scores are first ranked into blocks of equal scores, the highest first. A sample is then two arrays
(..., b): how many positive and how many benign examples each block holds. All metrics take such
arrays and reduce the last axis; they are NaN where a sample leaves them undefined.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Examples in blocks of equal (or, in `coarse`, close) scores.

    Attributes:
        block: (n,) the block of each example, 0 for the highest scores.
        blocks: how many there are.
        alerts: how many blocks, from the first, reach the threshold.
    """

    block: NDArray[np.int64]
    blocks: int
    alerts: int

    @staticmethod
    def of(scores: Floats, threshold: float) -> "Ranking":
        """Rank n scores; a score that reaches the threshold is an alert."""
        descending, block = np.unique(-scores, return_inverse=True)
        alerts = int(np.searchsorted(descending, -threshold, side="right"))
        return Ranking(block.astype(np.int64), len(descending), alerts)

    def coarse(self, limit: int) -> "Ranking":
        """At most about `limit` blocks, so that the cost of resampling is bounded.

        The highest scores stay apart, where recall at a low false-positive rate is decided; the
        further down, the more are put together. The threshold stays between two blocks.
        """
        if self.blocks <= limit:
            return self
        half = limit // 2
        spread = np.geomspace(half, self.blocks - 1, half).astype(np.int64)
        kept = self.alerts if self.alerts < self.blocks else 0
        starts = np.unique(np.concatenate([np.arange(half), spread, [kept]]))
        block = np.searchsorted(starts, self.block, side="right") - 1
        alerts = int(np.searchsorted(starts, self.alerts))
        return Ranking(block.astype(np.int64), len(starts), alerts)

    def count(
        self, positive: NDArray[np.bool_], weights: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Positive and benign examples of each block, (b,) each, counted `weights` (n,) times."""
        counts = [
            np.bincount(
                self.block[mask],
                weights=None if weights is None else weights[mask],
                minlength=self.blocks,
            ).astype(np.float64)
            for mask in (positive, ~positive)
        ]
        return counts[0], counts[1]


def resampled(
    ranking: Ranking,
    positive: NDArray[np.bool_],
    groups: NDArray[np.int64] | None,
    resamples: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Bootstrap: counts as `Ranking.count` gives them, (resamples, b) each.

    Args:
        ranking: n examples.
        positive: (n,) labels.
        groups: (n,) codes 0..g-1; examples of a group come and go together. None: one by one.
        resamples: how many.
        seed: of the random draws.
    """
    if groups is None:  # n equally likely draws fall into the blocks multinomially
        counts = np.concatenate(ranking.count(positive))
        draws = np.random.default_rng(seed).multinomial(
            len(positive), counts / counts.sum(), size=resamples
        )
        draws = draws.astype(np.float64)
        return draws[:, : ranking.blocks], draws[:, ranking.blocks :]
    pairs = [
        ranking.count(positive, weights)
        for weights in bootstrap_weights(len(positive), groups, resamples, seed)
    ]
    return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])


def bootstrap_weights(
    n: int, groups: NDArray[np.int64] | None, resamples: int, seed: int
) -> Iterator[Floats]:
    """How often each of n examples (n,) occurs in each resample; equal seeds, equal weights."""
    rng = np.random.default_rng(seed)
    units = n if groups is None else int(groups.max()) + 1
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(units, size=units), minlength=units).astype(np.float64)
        yield drawn if groups is None else drawn[groups]


def average_precision(positive: Floats, benign: Floats) -> Floats:
    """Mean precision over the positive examples: sum of precision times gained recall.

    NaN without positive or without benign examples.
    """
    true, false = positive.cumsum(-1), benign.cumsum(-1)
    precision = _ratio(true, true + false, empty=0.0)
    gained = _ratio(positive, true[..., -1:])
    return np.where(false[..., -1] > 0, (precision * gained).sum(-1), np.nan)


def auc(positive: Floats, benign: Floats) -> Floats:
    """Probability that a positive example scores higher than a benign one, ties counting half."""
    below = benign.sum(-1, keepdims=True) - benign.cumsum(-1) + benign / 2
    return _ratio((positive * below).sum(-1), positive.sum(-1) * benign.sum(-1))


def recall_at_fpr(positive: Floats, benign: Floats, max_fpr: float) -> Floats:
    """The highest recall that any threshold reaches without exceeding the false-positive rate."""
    fpr = _ratio(benign.cumsum(-1), benign.sum(-1, keepdims=True))
    recall = _ratio(positive.cumsum(-1), positive.sum(-1, keepdims=True))
    best = np.where(fpr <= max_fpr, recall, 0.0).max(-1, initial=0.0)
    return np.where(np.isnan(recall[..., -1] + fpr[..., -1]), np.nan, best)


def at_threshold(positive: Floats, benign: Floats, alerts: int) -> dict[str, Floats]:
    """Precision, recall, F1 and false-positive rate when the first `alerts` blocks alert."""
    true, false = positive[..., :alerts].sum(-1), benign[..., :alerts].sum(-1)
    positives = positive.sum(-1)
    return {
        "precision": _ratio(true, true + false),
        "recall": _ratio(true, positives),
        "f1": np.where(positives > 0, _ratio(2 * true, true + false + positives), np.nan),
        "false_positive_rate": _ratio(false, benign.sum(-1)),
    }


def _ratio(part: Floats, whole: Floats, empty: float = np.nan) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, empty)
