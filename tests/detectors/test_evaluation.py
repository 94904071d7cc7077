"""Metrics, with scikit-learn as the oracle, and thresholds."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from detectors.evaluation.curves import Ranking
from detectors.evaluation.metrics import Metrics, choose_threshold, evaluate
from whetstone.errors import InputError, TrainingError

# Few distinct values, so that ties are the rule.
TIED = st.integers(-5, 5).map(float)
ANY = st.floats(-1e300, 1e300)
SCORES = st.one_of(st.lists(TIED, min_size=1, max_size=60), st.lists(ANY, min_size=1, max_size=60))


def judged(n: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.1
    return rng.normal(size=n) + 1.5 * positive, positive


@given(SCORES, st.floats(0, 1))
@settings(max_examples=300)
def test_a_chosen_threshold_keeps_within_the_budget_and_wastes_none(
    values: list[float], max_fpr: float
) -> None:
    scores = np.array(values)
    threshold = choose_threshold(scores, max_fpr)
    assert (scores >= threshold).mean() <= max_fpr
    lower = scores[scores < threshold]
    if len(lower):  # the next lower score, with all its equals, would not have fitted
        assert (scores >= lower.max()).mean() > max_fpr


def test_a_budget_of_nothing_alerts_on_no_benign_example_but_just_above() -> None:
    scores = np.array([0.1, 0.7, 0.7])
    threshold = choose_threshold(scores, 0.0)
    assert threshold > 0.7
    assert np.nextafter(threshold, 0) == 0.7


def test_choosing_a_threshold_without_benign_examples_says_what_to_contribute() -> None:
    with pytest.raises(TrainingError, match="contribute more benign activity"):
        choose_threshold(np.array([]), 0.01)


@pytest.mark.parametrize("max_fpr", [-0.1, 1.1, np.nan])
def test_an_impossible_budget_is_refused(max_fpr: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        choose_threshold(np.array([1.0]), max_fpr)


@given(st.data(), SCORES, ANY)
@settings(max_examples=60)
def test_metrics_equal_those_of_scikit_learn(
    data: st.DataObject, values: list[float], threshold: float
) -> None:
    scores = np.array([*values, *values[:1]])
    labels = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    positive = np.array([*labels, not labels[0]])
    got = evaluate(scores, positive, threshold, seed=0)
    alerts = scores >= threshold
    expected = {
        "average_precision": sklearn_metrics.average_precision_score(positive, scores),
        "auc": sklearn_metrics.roc_auc_score(positive, scores),
        "recall": sklearn_metrics.recall_score(positive, alerts),
        "f1": sklearn_metrics.f1_score(positive, alerts),
        "precision": sklearn_metrics.precision_score(positive, alerts) if alerts.any() else None,
        "false_positive_rate": alerts[~positive].mean(),
    }
    for name, value in expected.items():
        assert getattr(got, name) == pytest.approx(value, abs=1e-9), name
    fpr, recall, _ = sklearn_metrics.roc_curve(positive, scores, drop_intermediate=False)
    for rate in (0.001, 0.01, 0.05):
        assert got.recall_at_fpr[str(rate)] == pytest.approx(recall[fpr <= rate].max())
    counts = sklearn_metrics.confusion_matrix(positive, alerts, labels=[False, True]).ravel()
    assert tuple(counts) == (
        got.true_negatives,
        got.false_positives,
        got.false_negatives,
        got.true_positives,
    )


def test_intervals_hold_their_metric_and_narrow_with_more_examples() -> None:
    few, many = (evaluate(*judged(n), threshold=1.5, seed=1) for n in (500, 20_000))
    for metrics in (few, many):
        flat = metrics.to_dict() | {
            f"recall_at_fpr_{rate}": value for rate, value in metrics.recall_at_fpr.items()
        }
        assert len(metrics.intervals) == 9
        for name, (low, high) in metrics.intervals.items():
            assert low <= flat[name] <= high, name
    assert np.ptp(many.intervals["auc"]) < np.ptp(few.intervals["auc"]) / 3


def test_the_interval_of_a_rate_covers_what_theory_says() -> None:
    scores, positive = np.ones(1000), np.ones(1000, dtype=bool)
    scores[:300] = 0
    low, high = evaluate(scores, positive, threshold=0.5, seed=3).intervals["recall"]
    deviation = (0.7 * 0.3 / 1000) ** 0.5
    assert (low, high) == pytest.approx((0.7 - 1.96 * deviation, 0.7 + 1.96 * deviation), abs=0.006)


def test_examples_that_depend_on_each_other_widen_the_interval() -> None:
    scores, positive = judged(200)
    repeated = np.repeat(scores, 20), np.repeat(positive, 20)
    hosts = np.repeat([f"host-{at}" for at in range(200)], 20)
    apart = evaluate(*repeated, threshold=1.5, seed=1)
    together = evaluate(*repeated, threshold=1.5, seed=1, groups=hosts)
    assert (apart.groups, together.groups) == (4000, 200)
    assert together.average_precision == apart.average_precision
    ratio = np.ptp(together.intervals["auc"]) / np.ptp(apart.intervals["auc"])
    assert ratio == pytest.approx(20**0.5, rel=0.35)


def test_groups_of_one_example_each_change_nothing() -> None:
    scores, positive = judged(300)
    assert evaluate(scores, positive, 1.0, seed=1, groups=np.arange(300)[::-1]) == evaluate(
        scores, positive, 1.0, seed=1
    )


def test_equal_seeds_give_equal_intervals_and_others_do_not() -> None:
    first, again, other = (evaluate(*judged(), threshold=1.0, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.intervals != other.intervals


def test_coarse_rankings_keep_the_top_apart_and_the_threshold_between_blocks() -> None:
    scores, _ = judged(50_000)
    for threshold in (-np.inf, -1.0, 2.0, np.inf):
        coarse = Ranking.of(scores, threshold).coarse(1000)
        assert coarse.blocks <= 1001
        alerts = scores >= threshold
        assert (coarse.block[alerts] < coarse.alerts).all()
        assert (coarse.block[~alerts] >= coarse.alerts).all()
        order = np.argsort(-scores)
        assert (np.diff(coarse.block[order]) >= 0).all()
        np.testing.assert_array_equal(coarse.block[order[:500]], np.arange(500))


def test_many_examples_are_judged_in_seconds() -> None:
    metrics = evaluate(*judged(300_000), threshold=2.0, seed=0)
    low, high = metrics.intervals["average_precision"]
    assert low < metrics.average_precision < high < low + 0.02


@pytest.mark.parametrize(
    ("positive", "reason", "defined"),
    [
        ([False] * 4, "no positive examples", {"false_positive_rate", "precision"}),
        ([True] * 4, "no benign examples", {"recall", "f1", "precision"}),
        ([], "no examples", set()),
    ],
)
def test_what_a_missing_class_leaves_undefined_is_none_with_the_reason(
    positive: list[bool], reason: str, defined: set[str]
) -> None:
    scores = np.arange(len(positive), dtype=float)
    metrics = evaluate(scores, np.array(positive, dtype=bool), threshold=2.0, seed=0)
    assert set(metrics.undefined.values()) == {reason}
    names = ("precision", "recall", "f1", "false_positive_rate", "average_precision", "auc")
    assert {name for name in names if getattr(metrics, name) is not None} == defined
    assert set(metrics.intervals) == defined
    assert set(metrics.recall_at_fpr.values()) == {None}


def test_precision_without_alerts_is_none_with_the_reason() -> None:
    metrics = evaluate(np.zeros(4), np.array([True, False, True, False]), threshold=1.0, seed=0)
    assert (metrics.precision, metrics.recall, metrics.f1) == (None, 0, 0)
    assert metrics.undefined == {"precision": "no alerts"}


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="finite"):
        evaluate(np.array([np.nan]), np.array([True]), threshold=1.0, seed=0)


def test_metrics_survive_json() -> None:
    metrics = evaluate(*judged(), threshold=1.0, seed=0)
    text = json.dumps(metrics.to_dict(), allow_nan=False)
    assert Metrics.from_dict(json.loads(text)) == metrics
