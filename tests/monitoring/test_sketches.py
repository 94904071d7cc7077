"""Sketches: small, equal for equal rows, mergeable, and never far from the rows."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monitoring_rows import FEATURES, replaced, scored

from monitoring.sketches import Sketch, sketch_events, sketch_scores
from monitoring.sketches.points import merged, points_of
from monitoring.sketches.tables import from_table, to_table
from monitoring.sketches.values import merged as merged_values
from monitoring.sketches.values import unseen, unseen_by_day, values_of

ANY = arrays(np.float64, st.integers(1, 400), elements=st.floats(width=32, allow_nan=False))


def ranks_off(points, rows: np.ndarray) -> float:
    """The largest difference between the sketch's ranks and the rows', as a share of the rows."""
    single = rows.astype(np.float32)
    edges = np.unique(single)
    true = np.searchsorted(np.sort(single), edges, side="right")
    return float(np.abs(points.at_most(edges) - true).max() / rows.size)


@given(ANY)
def test_few_values_are_kept_exactly(rows: np.ndarray) -> None:
    assert ranks_off(points_of(rows, 512), rows) == 0


@given(ANY, st.integers(8, 64))
def test_a_rank_is_off_by_less_than_two_steps_of_the_resolution(rows: np.ndarray, n: int) -> None:
    points = points_of(rows, n)
    assert points.known == rows.size
    assert ranks_off(points, rows) <= 2 / n + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_a_day_of_a_heavy_tail_keeps_its_ranks_and_its_top(seed: int) -> None:
    rows = np.random.default_rng(seed).pareto(1.1, 100_000)
    points = points_of(rows, 256)
    assert points.values.size < 300
    assert ranks_off(points, rows) < 0.005
    top = np.array([np.quantile(rows, 0.999)], np.float32)
    assert 1 - points.at_most(top)[0] / rows.size == pytest.approx(0.001, rel=0.3)


def test_frequent_values_are_exact_among_many() -> None:
    rows = np.where(np.arange(50_000) % 3, np.random.default_rng(1).random(50_000), 0.5)
    points = points_of(rows, 64)
    half = np.float32(0.5)
    edges = np.array([np.nextafter(half, np.float32(0)), half])
    below, upto = points.at_most(edges)
    assert upto - below == pytest.approx(np.count_nonzero(rows == 0.5), abs=1)


def test_days_merged_are_like_all_their_rows_at_once() -> None:
    days = [np.random.default_rng(day).lognormal(day / 10, 1, 5_000) for day in range(14)]
    together = merged([points_of(day, 256) for day in days], 256)
    assert together.known == pytest.approx(70_000)
    assert ranks_off(together, np.concatenate(days)) < 0.01


def test_the_order_in_which_days_are_merged_does_not_matter() -> None:
    days = [points_of(np.random.default_rng(day).lognormal(size=5_000), 64) for day in range(5)]
    one, other = merged(days, 64), merged(days[::-1], 64)
    assert one.values.tobytes() == other.values.tobytes()
    assert one.counts.tobytes() == other.counts.tobytes()


def test_scores_below_a_limit_are_as_many_as_the_rows_below_it() -> None:
    rows = np.random.default_rng(1).random(50_000)
    below = points_of(rows, 128).below(0.9)
    assert below.known / rows.size == pytest.approx(0.9, abs=0.01)
    assert below.values.max() < 0.9


def names(first: int, last: int, rows: int = 5) -> dict[str, float]:
    return {f"host{n}": float(rows) for n in range(first, last)}


def test_of_very_many_values_the_number_and_the_unseen_share_are_still_known() -> None:
    reference = values_of(names(0, 20_000), 100, 2_000)
    current = values_of(names(10_000, 30_000), 100, 2_000)
    assert reference.distinct == pytest.approx(20_000, rel=0.05)
    assert unseen(reference, current) == pytest.approx(0.5, abs=0.05)
    assert unseen(reference, reference) == 0


def test_of_values_kept_whole_the_unseen_share_is_exact() -> None:
    reference = values_of(names(0, 500), 50, 1_000)
    assert unseen(reference, values_of(names(400, 600), 50, 1_000)) == 0.5


def test_a_value_frequent_on_one_day_and_rare_on_another_is_counted_once() -> None:
    one = values_of({"a": 9, "b": 5, "c": 1}, 1, 10)
    other = values_of({"b": 9, "a": 2}, 1, 10)
    both = merged_values([one, other], 2, 10)
    assert both.counts == {"b": 14, "a": 11}
    assert (both.tail_rows, both.known) == (1, 26)


def test_the_share_that_only_one_of_several_days_has() -> None:
    days = [values_of({"usual": 90, f"odd{day}": 10}, 50, 10) for day in range(4)]
    assert unseen_by_day(days) == pytest.approx([0.1] * 4)


def sketched(seed: int = 2, n: int = 3_000) -> Sketch:
    rows = scored(n, seed=seed, environments=("berlin", "oslo"))
    keys = pa.array([["open", f"key{i % 40}"] if i % 3 else None for i in range(n)])
    paths = pa.array([f"/shop/{i}" for i in range(n)])
    table = rows.append_column("keys", keys).append_column("path", paths)
    return sketch_scores(table, (*FEATURES, "keys", "path"))


def test_a_sketch_survives_its_file_form() -> None:
    table = to_table(sketched())
    assert to_table(from_table(table)).equals(table, check_metadata=True)


def test_equal_rows_in_any_order_give_an_equal_sketch() -> None:
    rows = scored(5_000, environments=("berlin", "oslo"))
    shuffled = rows.take(pa.array(np.random.default_rng(0).permutation(5_000)))
    tables = [to_table(sketch_scores(each, FEATURES)) for each in (rows, shuffled)]
    assert tables[0].equals(tables[1], check_metadata=True)


def test_alerts_are_counted_and_left_out_of_the_features() -> None:
    rows = replaced(scored(1_000), "is_alert", np.arange(1_000) % 4 == 0)
    whole = sketch_scores(rows, FEATURES).whole
    assert (whole.rows, whole.alerts, whole.quiet) == (1_000, 250, 750)
    assert whole.columns["bytes_out"].rows == 750
    assert whole.columns["score"].rows == 1_000


def test_rows_that_do_not_say_what_is_an_alert_are_told_by_the_threshold() -> None:
    rows = scored(1_000).drop_columns(["is_alert", "threshold"])
    whole = sketch_scores(rows, FEATURES, threshold=0.5).whole
    assert whole.alerts == np.count_nonzero(rows["score"].to_numpy() >= 0.5)


def test_events_of_environments_add_up() -> None:
    hours = {"berlin": [1] * 24, "oslo": [2] * 24}
    sketch = sketch_events({"berlin": {"a": 24}, "oslo": {"a": 8, "b": 40}}, hours, {"oslo": 3})
    assert sketch.whole.rows == 72
    assert sketch.whole.rejects == 3
    assert sketch.whole.hours == (3,) * 24
    values = sketch.whole.columns["template"].values
    assert values is not None
    assert values.counts == {"b": 40, "a": 32}
