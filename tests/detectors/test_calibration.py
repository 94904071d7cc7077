"""How many alerts a score costs: counted, with an interval that can be trusted."""

import json

import numpy as np
import pytest

from detectors.evaluation.calibration import calibrate
from whetstone.errors import InputError, TrainingError
from whetstone.scoring.calibration import Calibration

SCORES = np.random.default_rng(3).gamma(0.5, size=20_000)


def test_the_highest_scores_are_counted_one_by_one() -> None:
    calibration = calibrate(SCORES)
    highest = np.sort(SCORES)[::-1]
    for rank in (1, 2, 50, 100):
        assert calibration.share(highest[rank - 1]).value == (rank + 0.5) / 20_001
        above = np.nextafter(highest[rank - 1], np.inf)
        assert calibration.share(above).value == (rank - 0.5) / 20_001


def test_further_down_the_share_is_right_to_three_per_cent() -> None:
    calibration = calibrate(SCORES)
    for quantile in (0.01, 0.3, 0.9, 0.99):
        score = float(np.quantile(SCORES, quantile))
        assert calibration.share(score).value == pytest.approx(1 - quantile, rel=0.03)
    assert len(calibration.scores) < 500


def test_above_all_scores_the_share_is_small_and_not_zero() -> None:
    beyond = calibrate(SCORES).share(1e9)
    assert (beyond.low, beyond.value) == (0, 0.5 / 20_001)
    assert 3 / 20_000 < beyond.high < 5 / 20_000


def test_the_interval_holds_the_true_share() -> None:
    held = []
    for seed in range(200):
        drawn = np.random.default_rng(seed).random(1_000)
        for share in (0.3, 0.01, 0.002):
            expected = calibrate(drawn).share(1 - share)
            held.append(expected.low <= share <= expected.high)
    assert np.mean(held) > 0.92


def test_a_day_with_more_units_has_more_alerts() -> None:
    calibration = calibrate(SCORES)
    expected = calibration.a_day(3.0, 1_000_000)
    assert expected.value == pytest.approx((SCORES >= 3).mean() * 1_000_000, rel=0.05)
    assert expected.low < expected.value < expected.high
    many = calibration.many_a_day(np.array([3.0, -1.0]), 1_000_000)
    assert many[0] == expected.value
    assert many[1] == pytest.approx(1_000_000, rel=1e-3)


def test_ties_are_counted_together() -> None:
    calibration = calibrate(np.array([0.0] * 90 + [1.0] * 10))
    assert calibration.share(1.0).value == 10.5 / 101
    assert calibration.share(0.5).value == 10.5 / 101


def test_it_is_read_as_it_was_written() -> None:
    calibration = calibrate(SCORES)
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


@pytest.mark.parametrize(
    "damage",
    [
        {"n": None},
        {"scores": [1.0, 2.0]},
        {"scores": [3.0, 2.0, 1.0]},
        {"reached": [1, 2, 3]},
        {"reached": [9, 2, 1]},
    ],
)
def test_what_is_no_calibration_is_refused(damage: dict[str, object]) -> None:
    values = {"n": 3, "scores": [1.0, 2.0, 3.0], "reached": [3, 2, 1]}
    assert Calibration.from_dict(values).n == 3
    with pytest.raises(InputError):
        Calibration.from_dict(values | damage)


def test_there_must_be_finite_scores() -> None:
    with pytest.raises(TrainingError, match="benign"):
        calibrate(np.empty(0))
    with pytest.raises(InputError, match="finite"):
        calibrate(np.array([1.0, np.nan]))
