"""Thresholds that fewer scores reach than can be counted: from how the tail of scores falls."""

import math

import numpy as np
from numpy.typing import NDArray

from whetstone.errors import TrainingError

_BODY = 0.98  # share of the scores below the tail
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
    if len(scores) * (1 - _BODY) < _FEWEST:
        raise TrainingError(
            f"{len(scores)} benign training units do not show how the tail of their scores falls: "
            f"{_FEWEST / (1 - _BODY):.0f} do; or give the operating point as "
            "max_false_positive_rate"
        )
    if significance >= 1 - _BODY:
        return float(np.quantile(scores, 1 - significance))
    start = np.quantile(scores, _BODY)
    above = scores[scores > start]
    scale = float((above - start).mean()) if len(above) else 0.0
    share = len(above) / len(scores)
    if share <= significance:  # the tail is one value, or nearly
        return float(np.nextafter(start, np.inf))
    return float(start + scale * math.log(share / significance))
