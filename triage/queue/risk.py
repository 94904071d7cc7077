"""How much a group of alerts matters: calibrated score × asset weight × evidence.

    risk = calibrated · weight · size · corroboration · standing

- `calibrated` is what the worst alert of the group says, from 0 to 1: 1 / (1 + benign units a day
  that score as high); of a model that cannot tell, 1 - threshold / (2 · score).
- `weight` is the asset's, as the catalog says; 1 of what it does not name.
- `size` is 1 + log2(alerts) / 10: a thousand alerts count twice as much as one.
- `corroboration` is 1 + half of the other detectors, up to four, that speak of the same subject
  (the first value of the entity) on the same day, and whom no analyst has contradicted.
- `standing` is what analysts said of the pattern in this environment: twice the mean of the Beta
  posterior of "an attack" over its judged groups, from an even prior. It moves in steps of √2, so
  that the thousandth verdict does not touch each group again.
"""

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, distinct, func, or_

from triage import schema

MOST_OTHERS = 4
_A = schema.alerts.c
_LARGEST = 1e300
CALIBRATED: ColumnElement[float] = case(
    (and_(_A.per_day >= 0, _A.per_day < _LARGEST), 1.0 / (1.0 + _A.per_day)),
    (and_(_A.threshold > 0, _A.score >= _A.threshold), 1.0 - 0.5 * _A.threshold / _A.score),
    else_=0.5,
)
"""What an alert says by itself, from 0 to 1."""


@dataclass(frozen=True)
class Risk:
    """The factors of a group's risk.

    Attributes:
        detectors: that speak of the subject on that day, with the group's own.
    """

    calibrated: float
    weight: float
    size: float
    corroboration: float
    standing: float
    detectors: int

    @property
    def value(self) -> float:
        """Their product, by which the queue is ordered."""
        return self.calibrated * self.weight * self.size * self.corroboration * self.standing


def size(alerts: int) -> float:
    """What a number of alerts counts."""
    return 1 + math.log2(max(1, alerts)) / 10


def corroboration(detectors: int) -> float:
    """What detectors that agree count."""
    return 1 + 0.5 * min(MOST_OTHERS, max(0, detectors - 1))


def standing(attacks: int, others: int) -> float:
    """What judged groups of a pattern say about the rest.

    Args:
        attacks: groups in which analysts found an attack.
        others: groups in which they found none.
    """
    mean = (attacks + 1) / (attacks + others + 2)
    return 2.0 ** (round(2 * math.log2(2 * mean)) / 2)


def corroborated(detectors: ColumnElement[int]) -> ColumnElement[float]:
    """`corroboration` in SQL."""
    others = case((detectors > MOST_OTHERS, MOST_OTHERS), (detectors < 1, 0), else_=detectors - 1)
    return 1.0 + 0.5 * others


def speaking(groups: Any) -> ColumnElement[int]:
    """Of some groups, in SQL: how many detectors speak whom no analyst has contradicted."""
    speaks = or_(groups.state == "open", groups.true_positives > 0)
    return func.count(distinct(case((speaks, groups.detector))))


def ranked(
    base: ColumnElement[float], detectors: ColumnElement[int], said: ColumnElement[float]
) -> ColumnElement[float]:
    """`Risk.value` in SQL, from calibrated · weight · size, the detectors and the standing."""
    return base * corroborated(detectors) * said
