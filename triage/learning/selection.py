"""Which units are worth an analyst's verdict: uncertainty × diversity × cost (pure).

The worth of a unit is the product of

- *closeness*: how near to the threshold its score is among the candidates of its detector, where
  the model is least sure (uncertainty sampling: Lewis, Gale, A Sequential Algorithm for Training
  Text Classifiers, SIGIR 1994);
- *doubt*: how little verdicts on its pattern tell already: the variance of their Beta posterior;
- *novelty*: how far its explanation is from those that were judged or chosen before it (greedy
  k-centre: Gonzalez, TCS 1985; for learning: Sener, Savarese, Active Learning for CNNs: A Core-Set
  Approach, ICLR 2018);

divided by its *cost*, the time that it takes to read (Settles, Craven, Friedland, Active Learning
with Real Annotation Costs, NIPS workshop 2008). What was measured of it is in docs/labelling.md.

    ranked = closeness(scores, threshold)
    choose([Candidate("3fa9", ranked[0], doubt(16, 2), looks(alert.explanation)), …], most=20)
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Looks = Mapping[str, float]
"""What a unit looks like: a sparse vector of length 1, or an empty one where nothing is known."""


@dataclass(frozen=True)
class Candidate:
    """A unit that an analyst could be asked about.

    Attributes:
        alert_id: its id.
        closeness: 1 at the threshold, towards 0 far from it.
        doubt: 1 where no verdict tells of its pattern, towards 0 where many agree.
        looks: see `looks`; units of two detectors have nothing in common.
        cost: seconds or any other measure of reading it; only ratios count.
    """

    alert_id: str
    closeness: float
    doubt: float
    looks: Looks
    cost: float = 1.0


@dataclass(frozen=True)
class Choice:
    """A unit that was chosen, and what it would have been worth with nothing chosen before it.

    Attributes:
        worth: closeness × doubt × novelty / cost when it was chosen.
        novelty: 1 where nothing judged or chosen before looks like it, 0 where something looks
            the same.
    """

    candidate: Candidate
    worth: float
    novelty: float


def choose(candidates: Sequence[Candidate], most: int, known: Iterable[Looks] = ()) -> list[Choice]:
    """At most so many units, the worthiest first; none that looks like one before it.

    Args:
        candidates: in any order; ties go to the one that comes first.
        most: how many.
        known: looks of units that were judged already.

    Takes `most × candidates` comparisons of looks, and as many for each of `known`.
    """
    judged = list(known)
    novelty = [min((_distance(c.looks, k) for k in judged), default=1.0) for c in candidates]
    chosen: list[Choice] = []
    while len(chosen) < most:
        worth = [_worth(*pair) for pair in zip(candidates, novelty, strict=True)]
        best = max(range(len(worth)), key=worth.__getitem__, default=None)
        if best is None or worth[best] <= 0:
            break
        taken = candidates[best]
        chosen.append(Choice(taken, worth[best], novelty[best]))
        for at, other in enumerate(candidates):
            novelty[at] = min(novelty[at], _distance(other.looks, taken.looks))
        novelty[best] = 0.0
    return chosen


def closeness(scores: Sequence[float], threshold: float) -> list[float]:
    """How near each score is to the threshold, by rank on its side of it: scales do not matter.

    The nearest score of n on a side gets 1, the next 1 − 1/n …; equal scores get the same.
    """
    found = [0.0] * len(scores)
    for above in (True, False):
        side = [at for at, score in enumerate(scores) if (score >= threshold) == above]
        distances = sorted({abs(scores[at] - threshold) for at in side})
        rank = {distance: place for place, distance in enumerate(distances)}
        for at in side:
            found[at] = 1 - rank[abs(scores[at] - threshold)] / len(distances)
    return found


def doubt(attacks: int, benign: int) -> float:
    """What is left to learn of a pattern: the variance of Beta(1 + attacks, 1 + benign).

    As a share of that without any verdict: 1 with none, 0.45 with two that agree, 0.23 with five
    on either side.
    """
    a, b = 1 + attacks, 1 + benign
    return 12 * a * b / ((a + b) ** 2 * (a + b + 1))


def looks(explanation: Iterable[Mapping[str, Any]], of: str = "") -> Looks:
    """An explanation as a vector: features with coarse values, weighted by their contributions.

    Args:
        explanation: as of `triage.records.Alert`.
        of: what only units of the same may have in common: the detector.
    """
    vector: dict[str, float] = {}
    for part in explanation:
        key = f"{of}\x1f{part['feature']}\x1f{_coarse(part.get('value'))}"
        vector[key] = vector.get(key, 0.0) + abs(float(part.get("contribution") or 0.0))
    length = math.sqrt(sum(weight * weight for weight in vector.values()))
    return {key: weight / length for key, weight in vector.items()} if length else {}


def reading_cost(events: int | None) -> float:
    """How long it takes to read a unit, in units of one of a single event.

    Lines that repeat are skimmed: a thousand of them cost twice as much as one.
    """
    return 1 + math.log2(max(1, events or 1)) / 10


def _worth(candidate: Candidate, novelty: float) -> float:
    return candidate.closeness * candidate.doubt * novelty / candidate.cost


def _distance(one: Looks, other: Looks) -> float:
    """1 − cosine; between 0 and 1, as no weight is negative. 1 where either is not known."""
    if len(other) < len(one):
        one, other = other, one
    alike = sum(weight * other.get(key, 0.0) for key, weight in one.items())
    # Equal vectors are at no distance, whatever the last bits say.
    return 0.0 if alike > 1 - 1e-9 else 1 - alike


def _coarse(value: Any) -> str:
    """Numbers as the power of two below them, so that 1,000 and 1,020 failures look alike."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value) or value == 0:
        return str(value)
    return f"{'-' if value < 0 else ''}2^{math.floor(math.log2(abs(value)))}"
