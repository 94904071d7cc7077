"""What is a reason to go back to the model before, and what is not: by simulation, seeded."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.evaluation.metrics import choose_threshold
from tests.streaming_releases.probed_models import bounds_of
from whetstone.releases.bounds import Bounds
from whetstone.scoring.calibration import Expected
from whetstone.streaming.serving.judgement import (
    FEWEST_UNITS,
    LOOKS,
    Judgement,
    Seen,
    judge,
    units_needed,
)


class Model:
    """Scores a load with noise of its own; was judged on so many benign units."""

    def __init__(self, rng: np.random.Generator, judged_on: int):
        self._rng = rng
        scores = self.score(rng.normal(size=judged_on))
        self.threshold = choose_threshold(scores, 0.01)
        self.bounds: Bounds = bounds_of(scores, self.threshold)

    def score(self, loads: NDArray[np.float64]) -> NDArray[np.float64]:
        return loads + self._rng.normal(scale=0.5, size=len(loads))

    def seen(self, scores: NDArray[np.float64]) -> Seen:
        counts = tuple(self.bounds.counted(scores).tolist())
        alerts = int((scores >= self.threshold).sum())
        return Seen(self.bounds, len(scores), counts, alerts)


class Swaps:
    """Models that were judged on few or many units, any of which may follow any other."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        sizes = self.rng.choice([200, 500, 2_000], size=80)
        self._models = [Model(self.rng, int(size)) for size in sizes]

    def __call__(self, count: int) -> Iterator[tuple[Model, Model, int]]:
        """A new and an old model, and how many units there are to see; so many times."""
        for _ in range(count):
            new, old = self.rng.choice(len(self._models), size=2, replace=False)
            model = self._models[new]
            yield model, self._models[old], units_needed(model.bounds)


def probation(
    new: Model, old: Model | None, loads: NDArray[np.float64], fault: float = 0.0
) -> Judgement:
    """The judgement at the last look, or at the first that finds the model outside its bounds.

    `fault` is added to the scores of the new model.
    """
    new_scores = new.score(loads) + fault
    old_scores = old.score(loads) if old else None
    judgement = None
    for share in LOOKS:
        n = max(int(share * units_needed(new.bounds)), FEWEST_UNITS)
        before = old.seen(old_scores[:n]) if old and old_scores is not None else None
        judgement = judge(new.seen(new_scores[:n]), before)
        if not judgement.within:
            break
    assert judgement is not None
    return judgement


def test_none_of_1000_swaps_without_any_change_is_a_false_alarm():
    swaps = Swaps(seed=1)
    judgements = [
        probation(new, old, swaps.rng.normal(size=units)) for new, old, units in swaps(1_000)
    ]
    assert not [judgement for judgement in judgements if not judgement.within]


def test_while_the_traffic_changes_at_most_1_of_100_swaps_is_a_false_alarm():
    """Those few were judged on 200 units, of which two chose a threshold that is far too low."""
    swaps = Swaps(seed=2)
    outside = 0
    for new, old, units in swaps(300):
        middle, width = swaps.rng.uniform(-2, 2), swaps.rng.uniform(0.7, 1.5)
        outside += not probation(new, old, swaps.rng.normal(middle, width, size=units)).within
    assert outside <= 3


@pytest.mark.parametrize("fault", [1.5, -1.5, 1e9, -1e9])
def test_shifted_scores_are_found_within_the_stated_units(fault: float):
    swaps = Swaps(seed=3)
    judgements = [
        probation(new, old, swaps.rng.normal(size=units), fault) for new, old, units in swaps(100)
    ]
    assert sum(judgement.within for judgement in judgements) <= 1


@pytest.mark.parametrize("judged_on", [500, 2_000, 5_000])
def test_a_tenfold_alert_rate_is_found_within_the_stated_units(judged_on: int):
    missed = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        new, old = Model(rng, judged_on), Model(rng, judged_on)
        units = units_needed(new.bounds)
        # Only where scores are alerts does anything change: 1 of 10 instead of 1 of 100.
        expected = new.bounds.alerts.value
        spoilt = rng.random(units) < 9 * expected
        loads = rng.normal(size=units)
        scores = np.where(spoilt, new.threshold + 1, new.score(loads))
        judgement = judge(new.seen(scores), old.seen(old.score(loads)))
        missed += judgement.within
        assert judgement.within or "alerts are" in judgement.reason
    assert missed <= 1


def test_scores_that_changed_with_the_traffic_are_blamed_on_a_model_that_scores_alone_only():
    swaps = Swaps(seed=4)
    new, old, units = next(swaps(1))
    attack = swaps.rng.normal(loc=3.0, size=units)
    assert probation(new, old, attack).within
    assert not probation(new, None, attack).within


def test_the_numbers_that_were_compared_are_told():
    swaps = Swaps(seed=5)
    new, old, units = next(swaps(1))
    judgement = probation(new, old, swaps.rng.normal(size=units), fault=2.0)
    numbers = judgement.numbers
    assert numbers["shift"] > numbers["bearable_shift"] >= numbers["shift_before"] + 0.2
    assert "of its scores lie where they did not" in judgement.reason


def test_scores_that_are_no_numbers_are_found_at_once():
    judgement = judge(Seen(None, 3, unfit=1), None)
    assert not judgement.within
    assert "1 of 4 scores are no numbers" in judgement.reason


def test_attacks_in_any_share_are_within_bounds():
    rng = np.random.default_rng(5)
    new = Model(rng, 2_000)
    for share in (0.0, 0.1):
        attack = np.where(rng.random(2_000) < share, 5.0, 0.0)
        scores = new.score(rng.normal(size=2_000)) + attack
        shift = judge(new.seen(scores), None).numbers["shift"]
        assert shift < 0.06


def test_without_bounds_alerts_are_compared_with_those_of_the_model_before():
    old = Seen(None, 2_000, alerts=20)
    assert judge(Seen(None, 2_000, alerts=40), old).within
    assert not judge(Seen(None, 2_000, alerts=200), old).within
    assert judge(Seen(None, 2_000, alerts=2_000), None).within


def test_a_model_before_that_hardly_ran_is_no_measure():
    few = Bounds((0.0,), (990, 10), (990, 10), Expected(0.005, 0.01, 0.018), 1_000)
    new = Seen(few, 1_000, (985, 15), alerts=15)
    assert (
        judge(new, Seen(few, 10, (0, 10), alerts=10)).numbers.keys()
        == judge(new, None).numbers.keys()
    )
