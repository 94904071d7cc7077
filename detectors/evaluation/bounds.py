"""Bounds of a model: how its scores were distributed where it was judged. Pure.

A service compares with them after a swap; `whetstone.streaming.serving.judgement` says how, and has
to be changed together with `_units`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from whetstone.errors import InputError
from whetstone.releases.bounds import Bounds
from whetstone.scoring.calibration import Calibration, Expected

_SHARES = np.append(np.arange(0.05, 1.0, 0.05), (0.98, 0.99))
_FEWEST, _MOST = 400, 100_000
_TENFOLD = 10.0
_ALERTS = 20.0
_FOUND, _WRONG = 2.33, 3.02  # normal quantiles: 99 % found; 0.00125 of one look wrong


def bounds(
    benign_scores: NDArray[np.float64],
    test_scores: NDArray[np.float64],
    threshold: float,
    calibration: Calibration,
) -> Bounds:
    """The bounds of a model.

    Args:
        benign_scores: (n,) of benign validation units.
        test_scores: (m,) of all test units, attacks among them; if there are none, the benign
            validation units stand for them.
        threshold: scores that reach it are alerts.
        calibration: by `benign_scores`.

    Raises:
        InputError: a score is not finite.
    """
    for kind, scores in (("benign validation", benign_scores), ("test", test_scores)):
        if not np.isfinite(scores).all():
            raise InputError(f"Bounds need finite scores of the {kind} examples")
    alerts = calibration.share(threshold)
    # Values that occur, so that many equal scores share one bin.
    edges = np.unique(np.quantile(benign_scores, _SHARES, method="inverted_cdf"))
    return Bounds(
        tuple(edges.tolist()),
        _counted(edges, benign_scores),
        _counted(edges, test_scores if len(test_scores) else benign_scores),
        alerts,
        _units(alerts),
    )


def _counted(edges: NDArray[np.float64], scores: NDArray[np.float64]) -> tuple[int, ...]:
    counts = np.bincount(np.searchsorted(edges, scores), minlength=len(edges) + 1)
    return tuple(counts.tolist())


def _units(alerts: Expected) -> int:
    """So many that ten times as many alerts as expected are found nearly always.

    They have to stand out from the upper end of what is expected, and from three times what the
    model before gives. That is about as many as are expected, up to twice; with 20 of those, chance
    is small enough.
    """
    tenfold = min(_TENFOLD * alerts.value, 1.0)
    if tenfold <= alerts.high:
        return _MOST
    apart = _WRONG * math.sqrt(alerts.high) + _FOUND * math.sqrt(tenfold)
    needed = max((apart / (tenfold - alerts.high)) ** 2, _ALERTS / alerts.value)
    return int(min(max(math.ceil(needed), _FEWEST), _MOST))
