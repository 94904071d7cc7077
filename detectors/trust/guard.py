"""The poison guard: which of the new contributions made a challenger worse than the champion.

A challenger is harmed where it is worse than the champion on the part of the core test set that the
champion's training knew; what was contributed since may have poisoned its own test examples, too.
Then it is trained again without what is new, in halves, until the smallest set of contributions is
found without which it would not have been harmed (`smallest_culprits`).

References:
    Nelson et al., Exploiting Machine Learning to Subvert Your Spam Filter, LEET 2008: reject on
    negative impact, which judges single examples; here it is contributors, who can be asked.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation.comparison import Comparison, PairedScores, compare
from detectors.evaluation.curves import Ranking, average_precision
from detectors.evaluation.mcnemar import mcnemar
from detectors.trust.bisection import TrialsUsedUpError, smallest_culprits
from whetstone.errors import TrainingError

MOST_TRIALS = 24
"""Trainings of one investigation."""
TOLERANCE = 0.01
"""Recall on the core test set that contributions may cost."""
_RECOVERED = 0.75  # of what was lost
_PLACEBOS = 3
_BEYOND = 1.5  # times the range of the challenger and its placebos, about two standard deviations


@dataclass(frozen=True, eq=False)
class Trial:
    """A model trained without somebody: its scores (n,) of the core examples, its threshold."""

    scores: NDArray[np.float64]
    threshold: float


@dataclass(frozen=True)
class Investigation:
    """What came of it.

    Attributes:
        harmed: whether the challenger is worse than the champion.
        reason: a sentence.
        new: origins that the champion was not trained on, and how many examples each has.
        culprits: the smallest set of them without which it is not harmed.
        trainings: how many models were trained.
        numbers: recall on the core test set: of the `champion`, `with` the culprits, `without`
            them; McNemar's figures.
    """

    harmed: bool
    reason: str
    new: dict[str, int]
    culprits: tuple[str, ...] = ()
    trainings: int = 0
    numbers: dict[str, Any] = field(default_factory=dict[str, Any])

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "harmed": self.harmed,
            "reason": self.reason,
            "new": self.new,
            "culprits": list(self.culprits),
            "trainings": self.trainings,
            **self.numbers,
        }


def investigate(
    pair: PairedScores,
    thresholds: tuple[float, float],
    new: dict[str, int],
    trial: Callable[[frozenset[str]], Trial],
    placebo: Callable[[int, int], Trial],
    *,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    trusted: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
    most: int = MOST_TRIALS,
) -> Investigation:
    """Find who harmed a challenger.

    Args:
        pair: both models' scores of the core examples that the champion's training knew.
        thresholds: of challenger and champion.
        new: origins that the champion was not trained on, with their numbers of examples.
        trial: trains as the challenger was trained, without some of them; TrainingError where what
            is left does not suffice, which heals nothing.
        placebo: trains as the challenger was trained, without so many of the examples that are not
            new, drawn by a seed.
        tolerance: of the gate.
        seed: of the bootstrap.
        trusted: origins that a person released from quarantine: they are not looked at again.
        say: told how far it is.
        most: trainings at most.
    """
    search = _Search(pair, thresholds, tolerance, seed, trial, say)
    harm = search.harm(pair, thresholds)
    if harm is None:
        return Investigation(False, "It is not worse on what the champion knew", new)
    asked = sorted(new.keys() - set(trusted))
    if not asked:
        reason = "It is worse, though nothing is new since the champion but what a person released"
        return Investigation(True, reason, new)
    say(f"worse than the champion: training without the {len(asked)} origins that are new")
    try:
        if not search.heals(frozenset(asked)):
            reason = "Without anything that was contributed since, it is worse all the same"
            return Investigation(True, reason, new, (), search.trainings)
        found = smallest_culprits(asked, search.heals, most - _PLACEBOS)
        culprits = search.told_from_chance(found, new, placebo)
    except TrialsUsedUpError:
        reason = f"{most} trainings did not suffice to tell which of {len(asked)} origins it was"
        return Investigation(True, reason, new, (), search.trainings)
    if not culprits:
        reason = "It is worse, and no origin can be told from chance that would be to blame"
        return Investigation(True, reason, new, (), search.trainings)
    recall = {
        "champion": recall_of(pair.champion, thresholds[1], pair.positive),
        "with": recall_of(pair.challenger, thresholds[0], pair.positive),
        "without": search.recall(culprits),
    }
    reason = (
        f"Trained without {', '.join(sorted(culprits))} it is not worse than the champion: recall"
        f" on the core test set {recall['with']:.4f} with, {recall['without']:.4f} without,"
        f" champion {recall['champion']:.4f}"
    )
    numbers = {"recall": recall, "decisions": harm.numbers["decisions"]}
    return Investigation(True, reason, new, tuple(sorted(culprits)), search.trainings, numbers)


class _Search:
    """Trains without sets of origins, and remembers what became of each."""

    def __init__(
        self,
        pair: PairedScores,
        thresholds: tuple[float, float],
        tolerance: float,
        seed: int,
        trial: Callable[[frozenset[str]], Trial],
        say: Callable[[str], None],
    ) -> None:
        self._pair, self._thresholds = pair, thresholds
        self._tolerance, self._seed = tolerance, seed
        self._trial, self._say = trial, say
        self._challenger = Trial(pair.challenger, thresholds[0])
        self._champion = Trial(pair.champion, thresholds[1])
        self._wanted = -np.inf
        self._trials: dict[frozenset[str], Trial] = {}
        self.trainings = 0

    def heals(self, removed: frozenset[str]) -> bool:
        """Whether a model trained without these origins is not harmed.

        Nor may it be so by a hair's breadth: of what the challenger lost against the champion and
        the model without anything new, which is asked for first, it has to recover most.
        """
        self.trainings += 1
        try:
            trial = self._trial(removed)
        except TrainingError as error:
            self._say(f"trial {self.trainings}: without {len(removed)}: {error}")
            return False
        self._trials[removed] = trial
        pair = self._pair.against(trial.scores)
        quality = self._quality(trial)
        if self.trainings == 1:
            lost = min(quality, self._quality(self._champion)) - self._quality(self._challenger)
            self._wanted = self._quality(self._challenger) + _RECOVERED * lost
        harmed = self.harm(pair, (trial.threshold, self._thresholds[1])) is not None
        healed = not harmed and quality >= self._wanted
        self._say(
            f"trial {self.trainings}: without {len(removed)} origins core recall is"
            f" {self.recall(removed):.4f}: {'' if healed else 'not '}healed"
        )
        return healed

    def harm(self, pair: PairedScores, thresholds: tuple[float, float]) -> Comparison | None:
        """The comparison by which a model is harmed; None where it is not."""
        if not len(pair.positive):
            return None
        found = compare("the core test set", pair, thresholds, self._tolerance, self._seed)
        return found if found.worse or _loses_recall(pair, thresholds, found) else None

    def told_from_chance(
        self,
        culprits: frozenset[str],
        new: dict[str, int],
        placebo: Callable[[int, int], Trial],
    ) -> frozenset[str]:
        """Those culprits without whom a model is better than chance would have it.

        Whatever is left out changes a model, of some families much. How much is seen from placebos:
        models without as many examples that nobody suspects. A culprit, the one with the fewest
        examples first, is acquitted where the model that has it again is as good but for that.
        """
        count = sum(new[name] for name in culprits)
        chance = [self._quality(self._challenger)]
        for number in range(_PLACEBOS):
            self._say(f"placebo {number + 1} of {_PLACEBOS}: without {count} others")
            self.trainings += 1
            chance.append(self._quality(placebo(count, number)))
        noise = _BEYOND * (max(chance) - min(chance))
        healthy = self._quality(self._trials[culprits])
        kept = culprits
        for name in sorted(culprits, key=lambda name: (new[name], name)):
            rest = kept - {name}
            if rest not in self._trials and rest:
                self.heals(rest)
            again = self._trials.get(rest, self._challenger)
            if healthy - self._quality(again) <= noise:
                kept = rest
        return kept

    def _quality(self, model: Trial) -> float:
        """Ranking and decisions in one: the mean of average precision and balanced accuracy."""
        positive = self._pair.positive
        right = (model.scores >= model.threshold) == positive
        decided = float(np.mean([right[one].mean() for one in (positive, ~positive) if one.any()]))
        if positive.all() or not positive.any():
            return decided
        counts = Ranking.of(model.scores, model.threshold).count(positive)
        return (float(average_precision(*counts)) + decided) / 2

    def recall(self, removed: frozenset[str]) -> float:
        """Of the model trained without these origins."""
        trial = self._trials[removed]
        return recall_of(trial.scores, trial.threshold, self._pair.positive)


def _loses_recall(pair: PairedScores, thresholds: tuple[float, float], found: Comparison) -> bool:
    """Whether more attacks than a point are lost beyond chance, whatever the gate tolerates."""
    attacks = pair.where(pair.positive)
    if not len(attacks.positive):
        return False
    test = mcnemar(
        attacks.challenger >= thresholds[0], attacks.champion >= thresholds[1], attacks.groups
    )
    gained = found.numbers.get("balanced_accuracy", {"interval": [0.0, 0.0]})["interval"][0] > 0
    return test.worse(TOLERANCE) and not gained


def recall_of(scores: NDArray[np.float64], threshold: float, positive: NDArray[np.bool_]) -> float:
    """Share of the attacks whose scores (n,) reach the threshold; 0 without attacks."""
    return float((scores[positive] >= threshold).mean()) if positive.any() else 0.0
