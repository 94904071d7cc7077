"""Thresholds that fewer scores reach than can be counted: from how the tail of scores falls."""

import math

import numpy as np
from numpy.typing import NDArray

from whetstone.errors import TrainingError

_TAIL, _LARGEST_TAIL = 0.02, 0.1  # share of the scores that are its tail
_FEWEST = 10  # in the tail


def tail_threshold(scores: NDArray[np.float64], significance: float) -> float:
    """The score that a benign unit reaches with probability `significance`.

    What exceeds a high quantile is taken as exponential, which the excesses of most distributions
    approach; so a significance below 1 / n can be asked for, where counting knows nothing. Within
    the body of the scores it is their quantile.

    Args:
        scores: (n,) of benign units.
        significance: between 0 and 1.

    Raises:
        TrainingError: an impossible significance, or too few scores.

    References:
        Pickands, Statistical Inference Using Extreme Order Statistics, Annals of Statistics 3 (1),
        1975.
    """
    if not 0 < significance < 1:
        raise TrainingError(f"A significance lies between 0 and 1, not at {significance}")
    if len(scores) * _LARGEST_TAIL < _FEWEST:
        raise TrainingError(
            f"{len(scores)} benign training units do not show how the tail of their scores falls: "
            f"{_FEWEST / _LARGEST_TAIL:.0f} do; or give the operating point as "
            "max_false_positive_rate"
        )
    tail = max(_TAIL, _FEWEST / len(scores))
    if significance >= tail:
        return float(np.quantile(scores, 1 - significance))
    start = np.quantile(scores, 1 - tail)
    above = scores[scores > start]
    scale = float((above - start).mean()) if len(above) else 0.0
    share = len(above) / len(scores)
    if share <= significance:  # the tail is one value, or nearly
        return float(np.nextafter(start, np.inf))
    return float(start + scale * math.log(share / significance))
