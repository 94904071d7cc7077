"""Precision without labels: estimated, never measured, and later held against the verdicts.

Three estimators, each with the assumption under which it is right:

- `from_tail`: benign units reach the threshold as often as benign validation units did. So many
  false alerts are to be expected; what comes beyond them is attack (Storey's false discovery rate).
- `from_confidence`: the share of attacks at a score is that of the labelled examples, corrected for
  how rare attacks are now (confidence-based performance estimation).
- `from_agreement`: another detector confirms this one's true and false alerts as often as it does
  on labelled examples. The share of alerts that it raises too then tells how many are right. That
  the two err independently is not assumed: on real data they err on the same units.

What each was off by on real data stands in docs/detection-quality.md.

References:
    Storey, A direct approach to false discovery rates, JRSS B 64 (3), 2002.
    Saerens, Latinne, Decaestecker, Adjusting the outputs of a classifier to new a priori
    probabilities, Neural Computation 14 (1), 2002.
    Garg, Balakrishnan, Lipton, Neyshabur, Sedghi, Leveraging unlabeled data to predict
    out-of-distribution performance, ICLR 2022.
    Rubin, The Bayesian bootstrap, Annals of Statistics 9 (1), 1981.
    Rogan, Gladen, Estimating prevalence from the results of a screening test, American Journal of
    Epidemiology 107 (1), 1978.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.quality.figures import Estimate
from whetstone.scoring.calibration import Expected

FEWEST_ALERTS = 10
"""Of fewer alerts no share can be told."""
FEWEST_POSITIVES = 10
"""Fewer labelled attacks do not show how scores of attacks are distributed."""
FEWEST_CONFIRMED = 3
"""Labelled alerts, true and false each, that show how another detector treats them."""
LEAST_POWER = 0.3
"""Another detector that tells true from false alerts less well than this says nothing."""
MOST_UNITS = 4_000
"""Scores that are looked at; of more, those at evenly spaced ranks."""
RESAMPLES = 100
_Z = 1.96
_HALF = 0.5
_ROUNDS = 200
_DRAWS = 4_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Held-out examples with their labels.

    Attributes:
        scores: (n,) by the model whose alerts are judged.
        positive: (n,) bool, the attacks.
    """

    scores: Floats
    positive: NDArray[np.bool_]


@dataclass(frozen=True)
class Confirmation:
    """How another detector treats this one's alerts on labelled examples.

    Attributes:
        true_both, true: of the true alerts, those that it raises too.
        false_both, false: of the false ones.
    """

    true_both: int
    true: int
    false_both: int
    false: int


def from_tail(alerts: int, expected: Expected) -> Estimate:
    """Precision of alerts of which so many are expected to be false.

    Args:
        alerts: that were raised.
        expected: false alerts to expect of as many units, by the model's calibration.
    """
    if alerts < FEWEST_ALERTS:
        return _too_few(alerts)
    # Beside the uncertain rate, chance: so many are expected, some more or fewer come.
    most = expected.high + _Z * math.sqrt(expected.high)
    least = max(0.0, expected.low - _Z * math.sqrt(expected.low))
    value, low, high = (_within(1 - wrong / alerts) for wrong in (expected.value, most, least))
    return Estimate(value, min(low, value), max(high, value))


def from_confidence(alerts: Floats, units: Floats, labelled: Labelled, seed: int = 0) -> Estimate:
    """Precision of alerts as the mean confidence in them.

    Confidence is an isotonic regression of the labels on the scores; the share of attacks now is
    found from the scores of all units by expectation maximisation. O(resamples * n log n).

    Args:
        alerts: (k,) scores of the alerts.
        units: (m,) scores of all units, alerts among them.
        labelled: held-out examples.
        seed: of the Bayesian bootstrap over the labelled examples.
    """
    if len(alerts) < FEWEST_ALERTS:
        return _too_few(len(alerts))
    positives = int(labelled.positive.sum())
    negatives = len(labelled.positive) - positives
    if min(positives, negatives) < FEWEST_POSITIVES:
        return Estimate(
            None,
            reason=f"not computable: {positives} labelled attacks and {negatives} benign examples,"
            f" {FEWEST_POSITIVES} of each are the fewest",
        )
    alerts, units = _thinned(alerts), _thinned(units)
    drawn = np.random.default_rng(seed)
    found = [
        _confidence(
            alerts,
            units,
            labelled,
            drawn.exponential(size=len(labelled.positive)),
            (drawn.gamma(_HALF), drawn.gamma(_HALF)),
        )
        for _ in range(RESAMPLES)
    ]
    low, value, high = (float(each) for each in np.percentile(found, [2.5, 50, 97.5]))
    return Estimate(value, low, high)


def from_agreement(alerts: int, agreed: int, other: Confirmation, seed: int = 0) -> Estimate:
    """Precision of alerts of which another detector raises so many too.

    Args:
        alerts: on units that the other detector scored.
        agreed: of them, on those that it alerts on.
        other: how often it confirms true and false alerts.
        seed: of the draws from Jeffreys' posteriors of the three shares.
    """
    if alerts < FEWEST_ALERTS:
        return _too_few(alerts)
    if min(other.true, other.false) < FEWEST_CONFIRMED:
        return Estimate(
            None,
            reason=f"not computable: {other.true} true and {other.false} false alerts are labelled,"
            f" {FEWEST_CONFIRMED} of each are the fewest",
        )
    right, wrong = other.true_both / other.true, other.false_both / other.false
    if right - wrong < LEAST_POWER:
        return Estimate(
            None,
            reason=f"not computable: the other detector confirms {right:.0%} of true and"
            f" {wrong:.0%} of false alerts, which tells too little",
        )
    drawn = np.random.default_rng(seed)
    share, finds, errs = (
        drawn.beta(hits + _HALF, rows - hits + _HALF, _DRAWS)
        for hits, rows in (
            (agreed, alerts),
            (other.true_both, other.true),
            (other.false_both, other.false),
        )
    )
    told = finds > errs
    found = np.clip((share[told] - errs[told]) / (finds[told] - errs[told]), 0.0, 1.0)
    low, value, high = (float(each) for each in np.percentile(found, [2.5, 50, 97.5]))
    return Estimate(value, low, high)


def _confidence(
    alerts: Floats,
    units: Floats,
    labelled: Labelled,
    weights: Floats,
    unseen: tuple[float, float],
) -> float:
    """The mean confidence in alerts by one resample; `unseen` weighs what no label shows.

    That is a benign example that scores as high as any, and an attack that scores as low: without
    them a score that no benign example has reached so far would be certain.
    """
    from sklearn.isotonic import IsotonicRegression

    scores = np.append(labelled.scores, [labelled.scores.max(), labelled.scores.min()])
    positive = np.append(labelled.positive.astype(float), [0.0, 1.0])
    weights = np.append(weights, unseen)
    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    curve.fit(scores, positive, sample_weight=weights)
    before = float(np.average(positive, weights=weights))
    now = _prior(_inside(curve.predict(units)), before)
    return float(_corrected(_inside(curve.predict(alerts)), before, now).mean())


def _inside(confidence: Floats) -> Floats:
    # At exactly 0 or 1 it would never move, however rare attacks have become.
    return np.clip(confidence, 1e-9, 1 - 1e-9)


def _prior(confidence: Floats, before: float) -> float:
    """The share of attacks among units whose confidences were made at a share `before`."""
    now = before
    for _ in range(_ROUNDS):
        following = float(_corrected(confidence, before, now).mean())
        if abs(following - now) < 1e-7:
            break
        now = following
    return now


def _corrected(confidence: Floats, before: float, now: float) -> Floats:
    attack = confidence * (now / before)
    benign = (1 - confidence) * ((1 - now) / (1 - before))
    return attack / (attack + benign)


def _thinned(scores: Floats) -> Floats:
    if len(scores) <= MOST_UNITS:
        return scores
    ranks = np.linspace(0, len(scores) - 1, MOST_UNITS).round().astype(int)
    return np.sort(scores)[ranks]


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))


def _too_few(alerts: int) -> Estimate:
    return Estimate(None, reason=f"not computable: {alerts} alerts, {FEWEST_ALERTS} are the fewest")
