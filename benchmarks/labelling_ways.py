"""Ways to choose what an analyst is asked about, of a feed of units without labels.

- `ours`: what `/label` asks, by `triage.learning.selection`, with the pools of `Asking`;
- `top_scores`: the highest scores without a verdict, as a queue sorted by score offers them;
- `random_alerts`: any alerts;
- `nearest`: the nearest to the threshold, whatever they look like (uncertainty alone);
- `patterns`: one unit of each pattern, the patterns of most alerts first (clusters alone);
- `committee`: as `ours`, but instead of what is near the threshold what a committee disagrees
  about: three models, each trained on a bootstrap of the examples, and the model itself (Seung,
  Opper, Sompolinsky, Query by Committee, COLT 1992; query by bagging: Abe, Mamitsuka, ICML 1998);
- `expected_errors`: as `ours`, but instead of what is near the threshold what promises most for
  precision and recall: the chance that the model is wrong about a unit, by the verdicts on its
  pattern, times how many units of the feed have this pattern.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.interface import Model
from triage.learning.asking import POOL
from triage.learning.selection import Candidate, Looks, choose, closeness, doubt, looks
from triage.queue.patterns import pattern_of
from whetstone.scoring.alerts import explanation

Rows = NDArray[np.int64]
Voter = tuple[Model, float]
"""A model and its threshold."""

_TOP = 5
"""Parts of an explanation that an alert keeps."""


@dataclass(eq=False)
class Feed:
    """The units that can be asked about, as the model of this round sees them.

    Attributes:
        units: their features.
        positive: (n,) the truth, which an analyst tells of `asked` ones alone.
        asked: (n,) who has a verdict.
        scores: (n,) of the model of this round.
        threshold: from it on, an alert.
        model: of this round.
        bagged: trains the models of a committee.
        draw: random numbers.
        known: looks of units with a verdict, as they were when it was given.
        told: verdicts by pattern: attacks, and none.
    """

    units: pa.Table
    positive: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    scores: NDArray[np.float64]
    threshold: float
    model: Model
    bagged: Callable[[], Sequence[Voter]]
    draw: np.random.Generator
    known: list[Looks] = field(default_factory=list[Looks])
    told: dict[str, Counter[bool]] = field(default_factory=lambda: defaultdict(Counter))

    def free(self, above: bool) -> Rows:
        """Units without a verdict on one side of the threshold, the nearest to it first."""
        side = np.flatnonzero(~self.asked & ((self.scores >= self.threshold) == above))
        order = np.argsort(np.abs(self.scores[side] - self.threshold), kind="stable")
        return side[order]

    def pool(self, above: int = POOL, below: int = POOL) -> Rows:
        """So many of the nearest on either side."""
        return np.concatenate([self.free(above=True)[:above], self.free(above=False)[:below]])

    def explained(self, rows: Rows) -> list[list[dict[str, Any]]]:
        """The explanations of units, as alerts would have them."""
        found = self.model.explain(self.units.take(pa.array(rows)))
        return [explanation(contributions[:_TOP]) for contributions in found]

    def pattern(self, why: Sequence[dict[str, Any]]) -> str:
        """The pattern of an explanation."""
        return pattern_of("", why).key

    def judge(self, rows: Rows) -> None:
        """The analyst gives verdicts on these units."""
        for row, why in zip(rows, self.explained(rows), strict=True):
            self.known.append(looks(why))
            self.told[self.pattern(why)][bool(self.positive[row])] += 1
        self.asked[rows] = True

    def worthiest(
        self, pool: Rows, promise: Sequence[float], why: Sequence[Any], most: int
    ) -> Rows:
        """By promise × doubt × novelty; where all looks like something judged, the nearest."""
        candidates: list[Candidate] = []
        for row, each, explained in zip(pool, promise, why, strict=True):
            told = self.told[self.pattern(explained)]
            left = doubt(told[True], told[False])
            candidates.append(Candidate(str(row), each, left, looks(explained)))
        chosen = [int(c.candidate.alert_id) for c in choose(candidates, most, self.known)]
        rest = [row for row in nearest(self, most) if row not in chosen]
        return np.array([*chosen, *rest][:most], np.int64)


def ours(feed: Feed, most: int) -> Rows:
    """What `/label` would ask."""
    pool = feed.pool()
    ranked = closeness(feed.scores[pool].tolist(), feed.threshold)
    return feed.worthiest(pool, ranked, feed.explained(pool), most)


def top_scores(feed: Feed, most: int) -> Rows:
    """The highest scores without a verdict."""
    free = np.flatnonzero(~feed.asked)
    return free[np.argsort(-feed.scores[free], kind="stable")][:most]


def random_alerts(feed: Feed, most: int) -> Rows:
    """Any alerts; where there are fewer, the highest scores below the threshold."""
    alerts = feed.draw.permutation(feed.free(above=True))
    return np.concatenate([alerts, feed.free(above=False)])[:most]


def nearest(feed: Feed, most: int) -> Rows:
    """The nearest to the threshold, as many from above as from below."""
    above, below = feed.free(above=True), feed.free(above=False)
    half = max(most // 2, most - len(below))
    return np.concatenate([above[:half], below[: most - len(above[:half])]])


def patterns(feed: Feed, most: int) -> Rows:
    """One alert of each pattern, the largest patterns first, those judged least before others."""
    pool = feed.pool(above=4 * POOL)
    members: dict[str, list[int]] = defaultdict(list)
    for row, why in zip(pool, feed.explained(pool), strict=True):
        members[feed.pattern(why)].append(int(row))
    order = sorted(members, key=lambda key: (feed.told[key].total(), -len(members[key])))
    first = [members[key][0] for key in order]
    rest = [row for key in order for row in members[key][1:]]
    return np.array([*first, *rest][:most], np.int64)


def committee(feed: Feed, most: int) -> Rows:
    """What the models disagree about most; among the equally disputed, the nearest first."""
    free = np.concatenate([feed.free(above=True), feed.free(above=False)])
    units = feed.units.take(pa.array(free))
    votes = [model.score(units) >= threshold for model, threshold in feed.bagged()]
    votes.append(feed.scores[free] >= feed.threshold)
    share = np.mean(votes, axis=0)
    near = closeness(feed.scores[free].tolist(), feed.threshold)
    first = np.lexsort((-np.array(near), -share * (1 - share)))[: 2 * POOL]
    promise = [1 - rank / len(first) for rank in range(len(first))]
    return feed.worthiest(free[first], promise, feed.explained(free[first]), most)


def expected_errors(feed: Feed, most: int) -> Rows:
    """What the model is likely to be wrong about, and many other units with it."""
    pool = feed.pool(2 * POOL, 2 * POOL)
    near = closeness(feed.scores[pool].tolist(), feed.threshold)
    why = feed.explained(pool)
    keys = [feed.pattern(each) for each in why]
    sizes = Counter(keys)
    promise: list[float] = []
    for row, key, close in zip(pool, keys, near, strict=True):
        told, alert = feed.told[key], bool(feed.scores[row] >= feed.threshold)
        # From the prior that what is at the threshold is wrong every second time.
        wrong = (told[not alert] + close) / (told.total() + 2)
        promise.append(wrong * sizes[key])
    return feed.worthiest(pool, promise, why, most)


WAYS: dict[str, Callable[[Feed, int], Rows]] = {
    way.__name__: way
    for way in (ours, top_scores, random_alerts, nearest, patterns, committee, expected_errors)
}
