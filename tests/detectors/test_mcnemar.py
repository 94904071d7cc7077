"""The exact tests that the gate rests on, against independent implementations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from detectors.evaluation.budget import budget_of, clopper_pearson
from detectors.evaluation.mcnemar import exact_p, mcnemar
from detectors.evaluation.metrics import evaluate

COUNTS = st.integers(0, 400)


@given(COUNTS, COUNTS)
def test_the_p_value_is_that_of_the_exact_binomial_test(b: int, c: int) -> None:
    expected = binomtest(b, b + c).pvalue if b + c else 1.0
    assert exact_p(b, c) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_only_examples_that_one_model_alone_gets_right_count(pairs) -> None:
    challenger, champion = (np.array([p[at] for p in pairs], dtype=bool) for at in (0, 1))
    test = mcnemar(challenger, champion)
    assert test.b == sum(old and not new for new, old in pairs)
    assert test.c == sum(new and not old for new, old in pairs)
    assert test.p == exact_p(test.b, test.c)
    assert mcnemar(champion, challenger).p == test.p
    alone = np.arange(len(pairs))
    assert mcnemar(challenger, champion, alone) == test


def test_a_group_counts_once_however_many_examples_it_has() -> None:
    champion = np.ones(1000, dtype=bool)
    challenger = np.repeat([False, True, True, True], 250)
    groups = np.repeat(np.arange(4), 250)
    apart, together = mcnemar(challenger, champion), mcnemar(challenger, champion, groups)
    assert (apart.b, together.b) == (250, 1)
    assert apart.lost == together.lost == 0.25
    assert apart.worse(0.01)
    assert not together.worse(0.01)


@given(st.integers(1, 3000), st.data())
def test_the_interval_of_a_share_is_the_exact_one(n: int, data) -> None:
    count = data.draw(st.integers(0, n))
    expected = binomtest(count, n).proportion_ci(method="exact")
    assert clopper_pearson(count, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(
    ("alerts", "benign", "budget", "holds"),
    [
        (0, 1000, 0.01, True),
        (20, 1000, 0.01, True),
        (40, 1000, 0.01, False),
        (3, 20, 0.05, True),  # 15 %, and too few to tell
        (18, 20, 0.05, False),
        (8, 1000, 0.001, True),  # eightfold, and within a point
        (30, 1000, 0.001, False),
        (980, 1000, 0.05, False),
    ],
)
def test_the_budget_is_missed_where_the_whole_interval_lies_beyond_the_limit(
    alerts: int, benign: int, budget: float, holds: bool
) -> None:
    scores = (np.arange(benign) < alerts).astype(np.float64)
    metrics = evaluate(scores, np.zeros(benign, dtype=bool), threshold=0.5, seed=0)
    found = budget_of(metrics, budget)
    assert found.holds == holds == (found.low <= found.limit)
    assert found.limit == max(2 * budget, budget + 0.01)
    assert found.rate == alerts / benign


def test_windows_of_one_host_are_no_evidence_one_by_one() -> None:
    scores = np.repeat([1.0, 0.0, 0.0, 0.0], 250)
    hosts = np.repeat(np.arange(4), 250)
    benign = np.zeros(1000, dtype=bool)
    alone = evaluate(scores, benign, threshold=0.5, seed=0)
    together = evaluate(scores, benign, threshold=0.5, seed=0, groups=hosts)
    assert not budget_of(alone, 0.05).holds
    assert budget_of(together, 0.05).holds
