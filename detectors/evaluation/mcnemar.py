"""McNemar's exact test: whether two models, each at its own threshold, differ by more than chance.

Examples that both judge rightly, or both wrongly, say nothing about a difference. Of the others,
chance alone would give each model half.

References:
    McNemar, Note on the sampling error of the difference between correlated proportions or
    percentages, Psychometrika 12 (2), 1947.
    Dietterich, Approximate Statistical Tests for Comparing Supervised Classification Learning
    Algorithms, Neural Computation 10 (7), 1998: of the tests that need one training only, this one
    has an acceptable error of the first kind.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

SIGNIFICANCE = 0.05
"""Below it a difference is not taken for chance."""


@dataclass(frozen=True)
class McNemar:
    """The test's figures.

    Attributes:
        n: examples.
        b: groups in which the champion judges more examples rightly; without groups, the examples
            that only the champion judges rightly.
        c: the same for the challenger.
        p: probability of a split as uneven as b to c, either way, if both were equally good; 1
            where they differ nowhere.
        lost: share of the examples that the challenger judges rightly less; negative: more.
    """

    n: int
    b: int
    c: int
    p: float
    lost: float

    def worse(self, tolerance: float, tests: int = 1) -> bool:
        """Whether the challenger is worse by more than `tolerance`, and not by chance.

        Args:
            tolerance: share of the examples.
            tests: how many such tests are looked at together (Bonferroni).
        """
        return self.b > self.c and self.p * tests < SIGNIFICANCE and self.lost > tolerance

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    def __str__(self) -> str:
        return f"b {self.b}, c {self.c}, p {self.p:.3g}"


def mcnemar(
    challenger_right: NDArray[np.bool_],
    champion_right: NDArray[np.bool_],
    groups: NDArray[np.int64] | None = None,
) -> McNemar:
    """Compare the decisions of two models on the same n examples.

    Args:
        challenger_right: (n,) whether the challenger judges it rightly.
        champion_right: (n,) whether the champion does.
        groups: (n,) codes 0..g-1 of examples that depend on each other. A group counts once, for
            the model that judges more of it rightly: the windows of one host that both misjudge or
            one turns over together are no evidence as often as they occur. None: independent.

    Complexity: O(n).
    """
    gained = challenger_right.astype(np.int64) - champion_right.astype(np.int64)
    balance = gained if groups is None else np.bincount(groups, weights=gained)
    b, c = int((balance < 0).sum()), int((balance > 0).sum())
    n = len(gained)
    return McNemar(n, b, c, exact_p(b, c), float(-gained.sum() / n) if n else 0.0)


def exact_p(b: int, c: int) -> float:
    """The two-sided binomial p value of b against c at even odds."""
    return float(min(1.0, 2 * bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0
