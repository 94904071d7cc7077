"""Statistics on the data that breaks the usual ones: heavy tails, rare events, gaps, infinities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitoring.sketches.points import points_of
from monitoring.statistics import (
    RateChange,
    Shift,
    psi,
    quantile_psi,
    rate_change,
    tail_share,
)
from whetstone.shares import wilson

ANY = arrays(np.float64, st.integers(0, 120), elements=st.floats(width=64))
NUMBERS = arrays(np.float64, st.integers(30, 200), elements=st.floats(-1e9, 1e9))


def pareto(n: int = 5_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).pareto(1.1, n) + 1


def moved(before: np.ndarray, after: np.ndarray) -> Shift:
    return quantile_psi(points_of(before), points_of(after))


def tail(before: np.ndarray, after: np.ndarray) -> RateChange:
    return tail_share(points_of(before), points_of(after))


@given(NUMBERS)
def test_equal_data_do_not_drift(values: np.ndarray) -> None:
    shift = moved(values, values)
    assert shift.value == 0
    assert not shift.significant


@given(ANY, ANY)
def test_any_numbers_give_an_index_or_a_reason(before: np.ndarray, after: np.ndarray) -> None:
    shift = moved(before, after)
    assert (shift.value is None) == bool(shift.reason)
    assert shift.value is None or (shift.value >= 0 and np.isfinite(shift.value))


@given(NUMBERS, NUMBERS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(before: np.ndarray, after: np.ndarray, random) -> None:
    shuffled = [np.array(random.sample(side.tolist(), side.size)) for side in (before, after)]
    assert moved(*shuffled) == moved(before, after)


@given(NUMBERS, st.integers(2, 5))
def test_the_same_rows_several_times_are_no_drift(values: np.ndarray, times: int) -> None:
    assert not moved(values, np.tile(values, times)).significant


@given(st.integers(0, 1_000))
def test_three_times_the_bytes_of_a_heavy_tail_is_drift(seed: int) -> None:
    shift = moved(pareto(seed=seed), 3 * pareto(seed=seed + 1))
    assert shift.significant
    assert shift.value is not None
    assert shift.value > 0.25


@given(st.integers(0, 1_000), st.floats(1e3, 1e300))
def test_one_outlier_is_no_drift(seed: int, outlier: float) -> None:
    before, after = pareto(seed=seed), pareto(seed=seed + 1)
    shift = moved(before, np.append(after, outlier))
    assert shift.value is not None
    assert shift.value < 0.05


def test_an_outlier_does_not_hide_drift() -> None:
    shift = moved(pareto(), np.append(3 * pareto(seed=1), 1e9))
    assert shift.value is not None
    assert shift.value > 0.25


def test_growth_behind_a_wall_of_zeros_is_drift() -> None:
    counts = np.where(np.arange(5_000) % 20, 0, pareto())
    shift = moved(counts, 100 * counts)
    assert shift.significant
    assert shift.value is not None
    assert shift.value > 0.2


def test_a_constant_that_changes_either_way_is_drift() -> None:
    five = np.full(500, 5.0)
    for other in (4.0, 6.0):
        assert (moved(five, np.full(500, other)).value or 0) > 1


def test_the_last_bits_of_a_sum_are_no_drift() -> None:
    assert moved(np.full(500, 0.1), np.full(500, 0.1 + 1e-15)).value == 0


def test_values_that_go_missing_are_drift() -> None:
    gone = np.where(np.arange(5_000) % 5, pareto(), np.nan)
    shift = moved(pareto(), gone)
    assert shift.significant
    assert shift.value is not None
    assert shift.value > 0.2


def test_infinities_are_the_outermost_values() -> None:
    endless = np.where(np.arange(5_000) % 2, pareto(), np.inf)
    assert moved(endless, endless).value == 0
    assert (moved(pareto(), endless).value or 0) > 0.25


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (np.empty(0), pareto(), "no reference values"),
        (np.full(100, np.nan), pareto(), "no reference values"),
        (pareto(), np.empty(0), "no current values"),
        (pareto(), pareto(29), "29 current values, 30 needed"),
    ],
)
def test_what_cannot_be_compared_says_why(
    before: np.ndarray, after: np.ndarray, reason: str
) -> None:
    assert moved(before, after).reason == f"not computable: {reason}"
    assert tail(before, after).reason == f"not computable: {reason}"


@pytest.mark.parametrize("n", [40, 200, 2_000])
def test_chance_is_seldom_called_significant(n: int) -> None:
    random = np.random.default_rng(n)
    reference = random.lognormal(size=2_000)
    found = sum(moved(reference, random.lognormal(size=n)).significant for _ in range(500))
    assert found <= 5


def test_the_reference_formula_on_two_categories() -> None:
    shift = psi(np.array([5e6, 5e6]), np.array([8e6, 2e6]))
    assert shift.value == pytest.approx(0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5), rel=1e-5)


def test_a_rare_event_that_triples_is_significant() -> None:
    change = rate_change(50, 50_000, 150, 50_000)
    assert change.significant
    assert change.odds_ratio == pytest.approx(3, rel=0.02)


def test_one_event_more_is_not_significant() -> None:
    assert not rate_change(0, 1_000, 1, 1_000).significant


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_rate_that_falls_is_as_far_as_one_that_rises(before: int, after: int) -> None:
    up, down = rate_change(before, 100, after, 100), rate_change(after, 100, before, 100)
    assert up.odds_ratio == pytest.approx(down.odds_ratio)
    assert up.significant == down.significant


def test_one_score_in_a_hundred_that_moves_to_the_top_is_seen_in_the_tail_only() -> None:
    random = np.random.default_rng(3)
    before, after = random.beta(1, 9, 50_000), random.beta(1, 9, 50_000)
    after[:500] = 0.95
    assert (moved(before, after).value or 0) < 0.01
    top = tail(before, after)
    assert top.significant
    assert top.current == pytest.approx(0.02, abs=0.003)


def test_the_wilson_interval_is_that_of_the_books() -> None:
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 0) is None


@given(st.integers(0, 50), st.integers(1, 50))
def test_an_interval_contains_its_share(hits: int, rows: int) -> None:
    low, high = wilson(min(hits, rows), rows) or (1, 0)
    assert 0 <= low <= min(hits, rows) / rows <= high <= 1
