"""Scores compared with the earlier scores of the same user, host or network (pure).

What is ordinary for one user is not for another: these statistics say how a score lies among those
that the same entity had before. They are no feature definitions, for a definition is computed
before anything has a score; they take scores in order of time and never look ahead, so that a
stream gives the same numbers as a batch.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

_PRIOR = 4.0  # scores of everybody that an entity is taken to have had before its first


def rank_so_far(entities: Sequence[Hashable], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of an entity's scores up to this one that are lower, equal ones counting half.

    Its first score has the rank 0.5; where entities' scores are alike, ranks are uniform.

    Args:
        entities: (n,) whose score it is, in order of time.
        scores: (n,) higher is worse.

    Returns:
        (n,) between 0 and 1. Cost: O(n log n), and moving the memory of an entity's scores.
    """
    seen: defaultdict[Hashable, list[float]] = defaultdict(list)
    ranks = np.empty(len(scores))
    for at, (entity, score) in enumerate(zip(entities, scores.tolist(), strict=True)):
        own = seen[entity]
        insort(own, score)
        ranks[at] = (bisect_left(own, score) + bisect_right(own, score)) / (2 * len(own))
    return ranks


def normalized_so_far(
    entities: Sequence[Hashable], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How many standard deviations a score lies above the mean of the entity's earlier ones.

    Tuor et al. subtract the mean of the user's day; here mean and deviation are those of what came
    before, so nobody has to wait for the day to end. An entity of which little is known is taken to
    be like everybody: as if it had had four average scores before.

    Args:
        entities: (n,) whose score it is, in order of time.
        scores: (n,) higher is worse.

    Returns:
        (n,); 0 for the very first score. Cost: O(n).
    """
    everybody = _Moments()
    own: defaultdict[Hashable, _Moments] = defaultdict(_Moments)
    normalized = np.empty(len(scores))
    for at, (entity, score) in enumerate(zip(entities, scores.tolist(), strict=True)):
        before = own[entity].with_prior(everybody)
        normalized[at] = before.deviations(score)
        own[entity].add(score)
        everybody.add(score)
    return normalized


class _Moments:
    """Count, mean and sum of squared distances from the mean (Welford 1962)."""

    def __init__(self, count: float = 0.0, mean: float = 0.0, squares: float = 0.0) -> None:
        self.count, self.mean, self.squares = count, mean, squares

    def add(self, score: float) -> None:
        """Take a score in."""
        self.count += 1
        distance = score - self.mean
        self.mean += distance / self.count
        self.squares += distance * (score - self.mean)

    def with_prior(self, everybody: "_Moments") -> "_Moments":
        """As if `_PRIOR` average scores of everybody had come before these."""
        if not everybody.count:
            return self
        count = self.count + _PRIOR
        apart = everybody.mean - self.mean
        variance = everybody.squares / everybody.count
        return _Moments(
            count,
            self.mean + apart * _PRIOR / count,
            self.squares + variance * _PRIOR + apart**2 * self.count * _PRIOR / count,
        )

    def deviations(self, score: float) -> float:
        """How far a score lies above the mean; 0 while all scores were equal."""
        deviation = (self.squares / self.count) ** 0.5 if self.count else 0.0
        return (score - self.mean) / deviation if deviation else 0.0
