"""What a model has to beat: scores that need no model, and what the data allow at best. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.curves import Ranking, auc, average_precision
from detectors.interface import Examples, benign_medians
from whetstone.errors import InputError

_NEIGHBOURS = 2000  # distinct benign training vectors that distances are measured to
_ROWS = 256  # test rows a step, which bounds the memory of the distances


def baselines(train: Examples, test: Examples, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Scores (n,) of the `test` examples by the simplest rules; all learn from benign ones only.

    - `unseen_vector`: 1 where the very same feature values never occurred in training, else 0.
    - `largest_deviation`: the largest distance of any feature from its training mean, in standard
      deviations; a feature that was constant counts its distance in units of its own.
    - `total`: how far the sum of the features (the length of a session, where they are counts)
      lies from the training median.
    - `nearest_benign`: Euclidean distance, features standardized, to the nearest of at most 2,000
      distinct training examples.

    Raises:
        InputError: there are no benign training examples, or the features differ.
    """
    benign = train.benign()
    if train.names != test.names:
        raise InputError("Training and test examples have different features")
    if not len(benign):
        raise InputError("Baselines need benign training examples")
    medians = np.nan_to_num(benign_medians(benign)).astype(np.float64)
    known, asked = (_known(examples.features, medians) for examples in (benign, test))
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    seen, judged = (known - mean) / scale, (asked - mean) / scale
    totals = known.sum(axis=1)
    return {
        "unseen_vector": (~np.isin(_keys(test.features), _keys(benign.features))).astype(float),
        "largest_deviation": np.abs(judged).max(axis=1, initial=0.0),
        "total": np.abs(asked.sum(axis=1) - np.median(totals)),
        "nearest_benign": _nearest(judged, _sample(seen, seed)),
    }


@dataclass(frozen=True)
class Ceiling:
    """What the best possible scorer reaches, for it cannot tell equal feature vectors apart.

    Attributes:
        average_precision: of ranking each vector by its own share of attacks.
        auc: of the same ranking.
        f1: at the best threshold of that ranking.
        contradictions: examples whose feature vector occurs with both labels.
    """

    average_precision: float | None
    auc: float | None
    f1: float | None
    contradictions: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


def oracle_ceiling(features: NDArray[np.float32], positive: NDArray[np.bool_]) -> Ceiling:
    """The ceiling for (n, d) features with labels (n,); None where a class is missing."""
    _, vector = np.unique(_keys(features), return_inverse=True)
    attacks = np.bincount(vector, weights=positive)
    sizes = np.bincount(vector)
    mixed = (attacks > 0) & (attacks < sizes)
    contradictions = int(sizes[mixed].sum())
    if not positive.any() or positive.all():
        return Ceiling(None, None, None, contradictions)
    ranking = Ranking.of((attacks / sizes)[vector], threshold=np.inf)
    counts = ranking.count(positive)
    true, false = (count.cumsum() for count in counts)
    f1 = float((2 * true / (true + false + positive.sum())).max())
    return Ceiling(float(average_precision(*counts)), float(auc(*counts)), f1, contradictions)


def duplicate_share(train: NDArray[np.float32], test: NDArray[np.float32]) -> float:
    """Share of the test rows whose very feature values occur in training; 0 for no test rows."""
    return float(np.isin(_keys(test), _keys(train)).mean()) if len(test) else 0.0


def _known(features: NDArray[np.float32], medians: NDArray[np.float64]) -> NDArray[np.float64]:
    finite = np.nan_to_num(features, nan=np.nan)
    return np.where(np.isnan(finite), medians, finite)


def _keys(features: NDArray[np.float32]) -> NDArray[np.void]:
    """Each row as one value that is equal for equal rows; missing values equal each other."""
    rows = np.ascontiguousarray(np.where(np.isnan(features), np.float32(np.nan), features + 0.0))
    return rows.astype(np.float32).view(f"V{4 * features.shape[1]}").ravel()


def _sample(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    distinct = np.unique(rows, axis=0)
    if len(distinct) <= _NEIGHBOURS:
        return distinct
    return np.random.default_rng(seed).choice(distinct, _NEIGHBOURS, replace=False)


def _nearest(rows: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    nearest = np.empty(len(rows))
    squares = (known**2).sum(axis=1)
    for at in range(0, len(rows), _ROWS):
        part = rows[at : at + _ROWS]
        squared = (part**2).sum(axis=1)[:, None] - 2 * part @ known.T + squares
        nearest[at : at + _ROWS] = np.sqrt(squared.min(axis=1).clip(0))
    return nearest
