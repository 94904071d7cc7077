"""Whether a model in service behaves as it did where it was judged. Pure.

Two things are looked at: how its scores are distributed, and how often they are alerts. Both are
compared with the model's own bounds and, where the model before it scores the same units at the
same time, with what became of that one: when the traffic changes, both leave their bounds, and the
new model is not to blame. Without the model before, only what no traffic should explain counts.

How little and how much is found: with 1 % probability for both things together, a model is wrongly
judged to be outside while nothing changed. A tenfold alert rate, and scores of which 40 % more than
before lie where they do not belong, are found with 99 % within the units that the bounds state (see
`detectors.evaluation.bounds`).

References:
    Massart, The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality, Annals of Probability
    18 (3), 1990.
"""

from dataclasses import dataclass
from math import exp, lgamma, log, log1p, sqrt

import numpy as np
from numpy.typing import NDArray

from whetstone.releases.bounds import Bounds

LOOKS = (0.125, 0.25, 0.5, 1.0)
"""A model is judged after these shares of the stated units."""

FEWEST_UNITS = 50
"""No model is judged on less."""

_UNITS_WITHOUT_BOUNDS = 2_000
_LEVEL = 0.01 / (2 * len(LOOKS))  # of each of the two tests at each look
_LEAST_SHIFT = 0.2  # share of the units; less than that is no reason to go back
_LEAST_SHIFT_ALONE = 0.5  # where the traffic may be the reason
_MORE_ALERTS = 3.0  # so many times those of the model before are no reason either
_MIXTURES = np.linspace(0.0, 1.0, 11)[:, np.newaxis]


@dataclass(frozen=True)
class Seen:
    """What one model did.

    Attributes:
        bounds: of the model; None for bundles made without.
        units: it scored.
        counts: how many of them in each bin of its bounds.
        alerts: how many of them are alerts; of one entity, the first.
        unfit: units whose score was no finite number; not among `units`.
    """

    bounds: Bounds | None
    units: int
    counts: tuple[int, ...] = ()
    alerts: int = 0
    unfit: int = 0


@dataclass(frozen=True)
class Judgement:
    """What was found.

    Attributes:
        within: whether the model behaves as expected, as far as `units` can show.
        reason: in words.
        numbers: what was compared, as JSON takes it.
    """

    within: bool
    reason: str
    numbers: dict[str, float]


def units_needed(bounds: Bounds | None) -> int:
    """After so many units a model is found to be within its bounds."""
    return max(bounds.units if bounds else _UNITS_WITHOUT_BOUNDS, FEWEST_UNITS)


def judge(new: Seen, old: Seen | None) -> Judgement:
    """Judge a new model by what it and the one before it did with the same units.

    Args:
        new: has scored at least `FEWEST_UNITS`.
        old: None, or too few units, where the model before did not run beside it.
    """
    if old is not None and old.units < new.units / 2:
        old = None
    if new.unfit:
        return Judgement(
            False,
            f"{new.unfit} of {new.unfit + new.units} scores are no numbers",
            {"unfit": new.unfit, "units": new.units},
        )
    rate, allowed = new.alerts / new.units, _allowed_rate(new, old)
    numbers = {"units": float(new.units), "alert_rate": rate, "allowed_alert_rate": allowed}
    found: list[str] = []
    if _chance_of_at_least(new.alerts, new.units, allowed) < _LEVEL:
        found.append(f"alerts are {rate:.3g} of its units, where {allowed:.3g} were to be expected")
    if new.bounds is not None:
        shift, bearable = shift_of(new), _bearable_shift(new, old)
        numbers |= {"shift": shift, "bearable_shift": bearable}
        if shift > bearable:
            found.append(
                f"{shift:.0%} of its scores lie where they did not where it was judged, and"
                f" {bearable:.0%} could be borne"
            )
    if old is not None:
        numbers |= {"alert_rate_before": old.alerts / old.units}
        if old.bounds is not None:
            numbers |= {"shift_before": shift_of(old)}
    reason = "; ".join(found) or f"within its bounds on {new.units} units"
    return Judgement(not found, reason, numbers)


def shift_of(seen: Seen) -> float:
    """Kolmogorov's distance, 0 to 1, from the nearest mixture of benign units and test units.

    A mixture, because traffic holds attacks in a share that nobody knows.
    """
    assert seen.bounds is not None
    benign, judged = _cumulated(seen.bounds.benign), _cumulated(seen.bounds.judged)
    mixtures = (1 - _MIXTURES) * benign + _MIXTURES * judged
    return float(np.abs(mixtures - _cumulated(seen.counts)).max(axis=1).min())


def _cumulated(counts: tuple[int, ...]) -> NDArray[np.float64]:
    return np.cumsum(counts) / sum(counts)


def _bearable_shift(new: Seen, old: Seen | None) -> float:
    """Beyond what chance moves, and beyond what became of the model before."""
    assert new.bounds is not None
    judged_on = sum(new.bounds.benign)
    chance = sqrt(log(2 / _LEVEL) / 2 * (1 / new.units + 1 / judged_on))
    if old is None or old.bounds is None:
        return _LEAST_SHIFT_ALONE + chance
    return shift_of(old) + max(_LEAST_SHIFT, chance)


def _allowed_rate(new: Seen, old: Seen | None) -> float:
    expected = new.bounds.alerts.high if new.bounds else 0.0
    if old is not None:
        return min(max(expected, _MORE_ALERTS * (old.alerts + 1) / old.units), 1.0)
    return min(_MORE_ALERTS * expected, 1.0) if new.bounds else 1.0


def _chance_of_at_least(successes: int, trials: int, share: float) -> float:
    """The upper tail of the binomial distribution."""
    if successes <= trials * share:
        return 1.0  # about a half, or more
    if share <= 0.0:
        return 0.0
    ways = lgamma(trials + 1) - lgamma(successes + 1) - lgamma(trials - successes + 1)
    rest = (trials - successes) * log1p(-share) if successes < trials else 0.0
    term = total = exp(ways + successes * log(share) + rest)
    for k in range(successes, trials):
        term *= (trials - k) / (k + 1) * share / (1 - share)
        total += term
        if term < total * 1e-9:
            break
    return min(total, 1.0)
