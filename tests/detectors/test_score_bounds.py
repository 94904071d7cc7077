"""Bounds that training puts into a model's manifest, for comparison in service."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.evaluation.bounds import bounds
from detectors.evaluation.calibration import calibrate
from whetstone.errors import InputError, ReleaseError
from whetstone.releases.bounds import BOUNDS, Bounds

SCORES = arrays(float, st.integers(1, 80), elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0]))


def made(benign: np.ndarray, test: np.ndarray, threshold: float = 1.0) -> Bounds:
    return bounds(benign, test, threshold, calibrate(benign))


@given(SCORES, SCORES)
@settings(max_examples=40)
def test_every_unit_is_counted_in_the_bin_of_its_score(benign: np.ndarray, test: np.ndarray):
    found = made(benign, test)
    assert (sum(found.benign), sum(found.judged)) == (len(benign), len(test))
    assert found.counted(benign).tolist() == list(found.benign)
    upper = [*found.edges, np.inf]
    for i, count in enumerate(np.cumsum(found.judged)):
        assert count == (test <= upper[i]).sum()


@given(SCORES, SCORES)
@settings(max_examples=40)
def test_they_survive_a_manifest(benign: np.ndarray, test: np.ndarray):
    found = made(benign, test)
    assert Bounds.of(json.loads(json.dumps({BOUNDS: found.to_dict()}))) == found


@given(SCORES, SCORES, st.randoms())
@settings(max_examples=40)
def test_they_do_not_depend_on_the_order_of_the_units(benign: np.ndarray, test: np.ndarray, rng):
    shuffled = np.array(rng.sample(benign.tolist(), len(benign)))
    assert made(shuffled, test[::-1]) == made(benign, test)


def test_of_20_000_different_scores_21_edges_are_kept():
    scores = np.random.default_rng(1).normal(size=20_000)
    assert len(made(scores, scores).edges) == 21


@pytest.mark.parametrize(
    ("validation", "alerting", "least", "most"),
    [(1_000, 10, 1_500, 2_500), (10_000, 10, 15_000, 25_000), (300, 300, 400, 100_000)],
)
def test_rarer_alerts_need_more_units(validation: int, alerting: int, least: int, most: int):
    benign = np.zeros(validation)
    benign[:alerting] = 2.0
    assert least <= made(benign, benign).units <= most


def test_the_share_of_alerts_is_that_of_the_calibration():
    benign = np.arange(100.0)
    found = made(benign, benign, threshold=95.0)
    assert found.alerts == calibrate(benign).share(95.0)


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_is_not_finite_is_refused(score: float):
    with pytest.raises(InputError, match="test examples"):
        made(np.array([1.0]), np.array([score]))


def test_without_test_units_benign_ones_stand_for_them():
    found = made(np.arange(50.0), np.array([]))
    assert found.judged == found.benign


@pytest.mark.parametrize(
    "values",
    [
        [],
        {},
        {"edges": [], "benign": [1], "judged": [1], "alerts": [0, 0, 1], "units": 1},
        {"edges": [1], "benign": [1], "judged": [1, 0], "alerts": [0, 0, 1], "units": 1},
        {"edges": [1], "benign": [1, -1], "judged": [1, 0], "alerts": [0, 0, 1], "units": 1},
        {
            "edges": [1, 1],
            "benign": [1, 1, 1],
            "judged": [1, 1, 1],
            "alerts": [0, 0, 1],
            "units": 1,
        },
        {"edges": [1], "benign": [1, 1], "judged": [1, 0], "alerts": [0, 1], "units": 1},
        {"edges": [1], "benign": [1, 1], "judged": [0, 0], "alerts": [0, 0, 1], "units": 1},
    ],
)
def test_what_are_no_bounds_is_refused(values: object):
    with pytest.raises(ReleaseError, match="Train the model anew"):
        Bounds.of({BOUNDS: values})


def test_bundles_made_without_have_none():
    assert Bounds.of({}) is None
