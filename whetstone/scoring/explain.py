"""Why a unit got its score, from nothing but a scorer: works from a bundle alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from whetstone.errors import InputError


class Scorer(Protocol):
    """Anything that scores rows, such as an `OnnxScorer`."""

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score (n, d) features to (n,); higher is worse."""
        ...


@dataclass(frozen=True)
class Contribution:
    """What one feature adds to a score.

    Attributes:
        feature: its name.
        value: its value in the unit; None where it is missing.
        contribution: how much lower the score would be, had this feature alone its benign median.
    """

    feature: str
    value: float | None
    contribution: float


def explain(
    scorer: Scorer,
    row: NDArray[np.float32],
    baselines: NDArray[np.float32],
    names: Sequence[str],
) -> list[Contribution]:
    """Explain the score of one row, the largest contribution (by amount) first.

    All d + 1 rows are scored in one batch. Features that say the same thing share no credit: the
    score stays where it is when only one of them is replaced.

    Args:
        scorer: the model.
        row: (d,) features of the unit.
        baselines: (d,) what is usual for benign units; NaN is a missing value.
        names: the d features.

    Raises:
        InputError: `row`, `baselines` and `names` differ in length.
    """
    width = len(names)
    if row.shape != (width,) or baselines.shape != (width,):
        raise InputError(
            f"An explanation needs {width} values and baselines, "
            f"got shapes {row.shape} and {baselines.shape}"
        )
    rows = np.tile(row, (width + 1, 1))
    replaced = np.arange(width)
    rows[replaced, replaced] = baselines
    scores = scorer.score(rows)
    contributions = [
        Contribution(
            feature=name,
            value=None if np.isnan(row[i]) else float(row[i]),
            contribution=float(scores[width] - scores[i]),
        )
        for i, name in enumerate(names)
    ]
    return sorted(contributions, key=lambda c: -abs(c.contribution))
