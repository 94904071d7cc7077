"""The precision of a detector from a random slice of its alerts (pure).

Verdicts of the queue say little of all alerts: analysts look at what is risky first, and what they
were asked about was chosen because the model is unsure of it. Of a random slice the chance of each
alert to be in it is known, so that each judged alert stands for as many as were not drawn beside it
(Horvitz, Thompson, JASA 1952; as a ratio Hájek 1971).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from whetstone.shares import wilson


@dataclass(frozen=True)
class Stratum:
    """The alerts of a detector in an environment on a day.

    Attributes:
        alerts: how many there are.
        drawn: how many of them are in the slice.
        outcomes: whether it was an attack, of each member that somebody judged by looking at it.
    """

    alerts: int
    drawn: int
    outcomes: tuple[bool, ...]


@dataclass(frozen=True)
class SlicePrecision:
    """Attacks among all alerts, as the slice tells.

    Attributes:
        value: the estimate; None: no member was judged.
        low, high: its 95% interval.
        least, most: the estimate if no, or every, member without a verdict were an attack. Where
            they lie apart, it matters who answered: the estimate is unbiased once all are judged.
        alerts: in all strata.
        drawn: members of the slice, `judged` of them.
    """

    value: float | None
    low: float | None
    high: float | None
    least: float | None
    most: float | None
    alerts: int
    drawn: int
    judged: int


def slice_precision(strata: Sequence[Stratum]) -> SlicePrecision:
    """The precision over all alerts of the strata.

    A judged alert weighs as many alerts as its stratum has for each that was judged. The interval
    is Wilson's with the effective number of verdicts, (Σw)² / Σw² (Kish, Survey Sampling, 1965);
    it leaves out that a slice of nearly all alerts is surer than that.
    """
    heard = [s for s in strata if s.outcomes]
    weights = [s.alerts / len(s.outcomes) for s in heard]
    total = sum(s.alerts for s in heard)
    squares = sum(w * w * len(s.outcomes) for s, w in zip(heard, weights, strict=True))
    attacks = sum(w * sum(s.outcomes) for s, w in zip(heard, weights, strict=True))
    value = attacks / total if total else None
    interval = None
    if value is not None:
        effective = total * total / squares
        interval = wilson(value * effective, effective)
    least, most = _bounds([s for s in strata if s.drawn])
    return SlicePrecision(
        value=value,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        least=least,
        most=most,
        alerts=sum(s.alerts for s in strata),
        drawn=sum(s.drawn for s in strata),
        judged=sum(len(s.outcomes) for s in strata),
    )


def _bounds(strata: Sequence[Stratum]) -> tuple[float | None, float | None]:
    alerts = sum(s.alerts for s in strata)
    if not alerts:
        return None, None
    known = sum(s.alerts / s.drawn * sum(s.outcomes) for s in strata)
    silent = sum(s.alerts / s.drawn * (s.drawn - len(s.outcomes)) for s in strata)
    return known / alerts, (known + silent) / alerts
