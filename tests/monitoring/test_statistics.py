"""Statistics on the data that breaks the usual ones: heavy tails, rare events, gaps, infinities."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitoring.statistics import (
    category_psi,
    quantile_psi,
    rate_change,
    sample,
    tail_share,
    wilson,
)

ANY = arrays(np.float64, st.integers(0, 120), elements=st.floats(width=64))
NUMBERS = arrays(np.float64, st.integers(30, 200), elements=st.floats(-1e9, 1e9))


def pareto(n: int = 5_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).pareto(1.1, n) + 1


@given(NUMBERS)
def test_equal_data_do_not_drift(values: np.ndarray) -> None:
    shift = quantile_psi(values, values)
    assert shift.value == 0
    assert not shift.significant


@given(ANY, ANY)
def test_any_numbers_give_an_index_or_a_reason(before: np.ndarray, after: np.ndarray) -> None:
    shift = quantile_psi(before, after)
    assert (shift.value is None) == bool(shift.reason)
    assert shift.value is None or (shift.value >= 0 and np.isfinite(shift.value))


@given(NUMBERS, NUMBERS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(before: np.ndarray, after: np.ndarray, random) -> None:
    shuffled = [np.array(random.sample(side.tolist(), side.size)) for side in (before, after)]
    assert quantile_psi(*shuffled) == quantile_psi(before, after)


@given(NUMBERS, st.integers(2, 5))
def test_the_same_rows_several_times_are_no_drift(values: np.ndarray, times: int) -> None:
    assert not quantile_psi(values, np.tile(values, times)).significant


@given(st.integers(0, 1_000))
def test_three_times_the_bytes_of_a_heavy_tail_is_drift(seed: int) -> None:
    shift = quantile_psi(pareto(seed=seed), 3 * pareto(seed=seed + 1))
    assert shift.significant
    assert shift.value is not None
    assert shift.value > 0.25


@given(st.integers(0, 1_000), st.floats(1e3, 1e300))
def test_one_outlier_is_no_drift(seed: int, outlier: float) -> None:
    before, after = pareto(seed=seed), pareto(seed=seed + 1)
    shift = quantile_psi(before, np.append(after, outlier))
    assert shift.value is not None
    assert shift.value < 0.05


def test_an_outlier_does_not_hide_drift() -> None:
    shift = quantile_psi(pareto(), np.append(3 * pareto(seed=1), 1e9))
    assert shift.value is not None
    assert shift.value > 0.25


def test_growth_behind_a_wall_of_zeros_is_drift() -> None:
    counts = np.where(np.arange(5_000) % 20, 0, pareto())
    shift = quantile_psi(counts, 100 * counts)
    assert shift.significant
    assert shift.value is not None
    assert shift.value > 0.2


def test_a_constant_that_changes_either_way_is_drift() -> None:
    five = np.full(500, 5.0)
    for other in (4.0, 6.0):
        assert (quantile_psi(five, np.full(500, other)).value or 0) > 1


def test_the_last_bits_of_a_sum_are_no_drift() -> None:
    assert quantile_psi(np.full(500, 0.1), np.full(500, 0.1 + 1e-15)).value == 0


def test_values_that_go_missing_are_drift() -> None:
    gone = np.where(np.arange(5_000) % 5, pareto(), np.nan)
    shift = quantile_psi(pareto(), gone)
    assert shift.significant
    assert shift.value is not None
    assert shift.value > 0.2


def test_infinities_are_the_outermost_values() -> None:
    endless = np.where(np.arange(5_000) % 2, pareto(), np.inf)
    assert quantile_psi(endless, endless).value == 0
    assert (quantile_psi(pareto(), endless).value or 0) > 0.25


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
    assert quantile_psi(before, after).reason == f"not computable: {reason}"
    assert tail_share(before, after).reason == f"not computable: {reason}"


@pytest.mark.parametrize("n", [40, 200, 2_000])
def test_chance_is_seldom_called_significant(n: int) -> None:
    random = np.random.default_rng(n)
    reference = random.lognormal(size=2_000)
    found = sum(quantile_psi(reference, random.lognormal(size=n)).significant for _ in range(500))
    assert found <= 5


def test_the_reference_formula_on_two_categories() -> None:
    shift = category_psi({"a": 5_000_000, "b": 5_000_000}, {"a": 8_000_000, "b": 2_000_000})
    assert shift.value == pytest.approx(0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5), rel=1e-5)


@given(st.dictionaries(st.one_of(st.none(), st.text(max_size=3)), st.integers(30, 99), min_size=1))
def test_equal_categories_do_not_drift(counts: dict[str | None, int]) -> None:
    assert category_psi(counts, dict(reversed(counts.items()))).value == 0


def test_values_never_seen_before_are_drift_among_many_categories() -> None:
    before = {f"user{i}": 10 for i in range(500)}
    after = before | {f"new{i}": 10 for i in range(500)}
    assert (category_psi(before, after).value or 0) > 0.25


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
    assert (quantile_psi(before, after).value or 0) < 0.01
    tail = tail_share(before, after)
    assert tail.significant
    assert tail.current == pytest.approx(0.02, abs=0.003)


def test_the_wilson_interval_is_that_of_the_books() -> None:
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 0) is None


@given(st.integers(0, 50), st.integers(1, 50))
def test_an_interval_contains_its_share(hits: int, rows: int) -> None:
    low, high = wilson(min(hits, rows), rows) or (1, 0)
    assert 0 <= low <= min(hits, rows) / rows <= high <= 1


def table(n: int) -> pa.Table:
    return pa.table({"id": np.arange(n), 'odd "name"': np.arange(n) % 7})


def test_a_sample_has_the_budget_s_size_and_the_same_rows_whatever_their_order() -> None:
    rows = table(5_000)
    shuffled = rows.take(pa.array(np.random.default_rng(0).permutation(5_000)))
    chosen, again = sample(rows, 400), sample(shuffled, 400)
    assert chosen.num_rows == 400
    assert sorted(chosen["id"].to_pylist()) == sorted(again["id"].to_pylist())


def test_a_small_table_is_its_own_sample() -> None:
    rows = table(10)
    assert sample(rows, 10) is rows


def test_equal_rows_are_thinned_like_any_other() -> None:
    rows = pa.table({"value": [0] * 9_000 + list(range(1, 1_001))})
    zeros = sample(rows, 1_000)["value"].to_pylist().count(0)
    assert 850 < zeros < 950
