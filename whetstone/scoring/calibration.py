"""From a score to 'so many benign units a day score as high': what a score costs in alerts.

A calibration is a part of the bundle's manifest, so an environment reads it without training code.
`detectors.evaluation.calibration` makes it.

The share of benign units that reach a score is counted on validation units: k of n give the share
(k + 1/2) / (n + 1), with Wilson's 95 % interval (Journal of the American Statistical Association,
1927), which reaches from 0 to about 4 / n where none does. Nothing is extrapolated; see
`detectors.evaluation.calibration` for what that was measured against.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whetstone.errors import InputError

CALIBRATION = "calibration"
"""Its key in a bundle's manifest."""

_Z = 1.96  # 95 %


@dataclass(frozen=True)
class Expected:
    """An expected number and its 95 % interval."""

    low: float
    value: float
    high: float

    def times(self, factor: float) -> "Expected":
        """The same for so many times as much."""
        return Expected(self.low * factor, self.value * factor, self.high * factor)

    def __str__(self) -> str:
        return f"{_short(self.value)} [{_short(self.low)} – {_short(self.high)}]"


@dataclass(frozen=True)
class Calibration:
    """How many of n benign validation units score at least so high, by score.

    Attributes:
        n: units.
        scores: some of their scores, ascending, each once; all of the highest ones.
        reached: how many units score at least each of them.
    """

    n: int
    scores: tuple[float, ...]
    reached: tuple[int, ...]

    def __post_init__(self) -> None:
        counts = (self.n, *self.reached, 0)
        if (
            len(self.reached) != len(self.scores)
            or list(self.scores) != sorted(set(self.scores))
            or list(counts) != sorted(counts, reverse=True)
        ):
            raise InputError("A calibration needs ascending scores and how many units reach each")

    def share(self, score: float) -> Expected:
        """Of the benign units that score at least so high."""
        at = bisect_left(self.scores, score)
        return _share((*self.reached, 0)[at], self.n)

    def a_day(self, score: float, units: int) -> Expected:
        """How many benign units score at least so high on a day with so many units."""
        return self.share(score).times(units)

    def many_a_day(self, scores: NDArray[np.float64], units: int) -> NDArray[np.float64]:
        """The value of `a_day` for each of (n,) scores."""
        reached = np.array([*self.reached, 0])[np.searchsorted(self.scores, scores)]
        return (reached + 0.5) / (self.n + 1) * units

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {"n": self.n, "scores": list(self.scores), "reached": list(self.reached)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Calibration":
        """What `to_dict` gave.

        Raises:
            InputError: it is something else.
        """
        try:
            scores = tuple(float(score) for score in values["scores"])
            reached = tuple(int(count) for count in values["reached"])
            return Calibration(int(values["n"]), scores, reached)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"Not a calibration: {error}; train the model anew") from error


def _share(reached: int, n: int) -> Expected:
    share, square = reached / n, _Z * _Z / n
    middle = (share + square / 2) / (1 + square)
    half = _Z * sqrt((share * (1 - share) + square / 4) / n) / (1 + square)
    low = middle - half if reached else 0.0
    high = middle + half if reached < n else 1.0
    return Expected(low, (reached + 0.5) / (n + 1), high)


def _short(value: float) -> str:
    """Three digits: 0.0123, 4.56, 789, 12,300."""
    digits = float(f"{value:.3g}")
    return f"{digits:,.0f}" if digits >= 100 else f"{digits:g}"
