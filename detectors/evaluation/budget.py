"""Whether the false-positive budget holds on the test set, which chose no threshold. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

from scipy.special import betaincinv

from detectors.evaluation.metrics import Metrics

FACTOR, SLACK = 2.0, 0.01


@dataclass(frozen=True)
class Budget:
    """The false-positive rate that was asked for, and what became of it.

    Attributes:
        budget: the rate that the operating point allows.
        limit: what it may become on test examples: the larger of twice the budget and a point more.
        benign: benign test examples; `false_positives` of them are alerts.
        rate: their share; None without benign examples.
        low: lower end of the 95 % interval, the lower of two: Clopper and Pearson's, which is exact
            for independent examples, and the bootstrap's, which holds groups together.
        high: upper end, likewise the higher of two.
        holds: whether the rate may lie within the limit: `low` does.
    """

    budget: float
    limit: float
    benign: int
    false_positives: int
    rate: float | None
    low: float
    high: float
    holds: bool

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    def sentence(self) -> str:
        """In words."""
        if self.rate is None:
            return "There are no benign test examples to check the false-positive budget on"
        return (
            f"{self.false_positives} of {self.benign} benign test examples are alerts:"
            f" {self.rate:.4f} [{self.low:.4f}, {self.high:.4f}], budget {self.budget:.4g};"
            f" {'may lie within' if self.holds else 'lies beyond'} the limit {self.limit:.4g}"
        )


def budget_of(metrics: Metrics, budget: float) -> Budget:
    """Check the budget on the examples that `metrics` are of.

    A threshold that k of n validation examples reach has a true rate that strays by about
    1 / sqrt(k) of itself, and benign activity of a kind that validation did not have adds to it.
    Twice the budget leaves room for that, and a point more does where budgets are small: of a
    budget of 0.001 that becomes 0.005 an analyst still sees five in a thousand. What lies beyond
    both with its whole interval is another operating point than the one that was asked for.
    """
    false, benign = metrics.false_positives, metrics.false_positives + metrics.true_negatives
    limit = max(FACTOR * budget, budget + SLACK)
    if not benign:
        return Budget(budget, limit, 0, 0, None, 0.0, 1.0, True)
    low, high = clopper_pearson(false, benign)
    drawn = metrics.intervals.get("false_positive_rate", (low, high))
    low, high = min(low, drawn[0]), max(high, drawn[1])
    return Budget(budget, limit, benign, false, false / benign, low, high, low <= limit)


def clopper_pearson(count: int, n: int) -> tuple[float, float]:
    """The exact 95 % interval of a share, count of n > 0.

    References:
        Clopper, Pearson, The use of confidence or fiducial limits illustrated in the case of the
        binomial, Biometrika 26 (4), 1934.
    """
    low = float(betaincinv(count, n - count + 1, 0.025)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 0.975)) if count < n else 1.0
    return low, high
