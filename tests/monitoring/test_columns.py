"""Each kind of column gets the statistic that suits it, or the reason why there is none."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from monitoring.drift.columns import (
    CATEGORY_PSI,
    ODDS_RATIO,
    QUANTILE_PSI,
    compare,
    compare_days,
    percent,
    profile,
)
from monitoring.sketches import Column, sketch_scores
from monitoring.sketches.facets import short


def column(values: object, kind: pa.DataType | None = None) -> Column:
    return sketch_scores(pa.table({"x": pa.array(values, kind)}), ["x"]).whole.columns["x"]


def test_flags_are_compared_by_their_rate() -> None:
    for kind in (pa.bool_(), pa.int8(), pa.float64()):
        before = column(pa.array([0] * 1_000).cast(kind))
        after = column(pa.array([0] * 980 + [1] * 20).cast(kind))
        found = compare(before, after)
        assert found.statistic == ODDS_RATIO
        assert found.significant
        assert found.detail == "set 0% → 2%"


def test_flags_that_go_missing_are_noticed() -> None:
    flags = [True, False] * 500
    found = compare(column(flags), column([None if i % 4 == 0 else f for i, f in enumerate(flags)]))
    assert found.significant
    assert found.detail == "missing 0% → 25%"


def test_numbers_are_compared_by_quantiles() -> None:
    values = list(range(200))
    found = compare(column(values), column([3 * value for value in values]))
    assert found.statistic == QUANTILE_PSI
    assert found.detail == "median 99 → 297, 95th percentile 189 → 567"


def test_decimals_are_numbers() -> None:
    values = column([Decimal(i) for i in range(100)])
    assert compare(values, values).value == 0


def test_text_is_compared_by_category_plain_or_encoded() -> None:
    before = column(["root", "alice"] * 100)
    after = pa.array(["root", "mallory"] * 100)
    for encoded in (after, after.dictionary_encode()):
        found = compare(before, column(encoded))
        assert found.statistic == CATEGORY_PSI
        assert found.significant
        assert found.detail == "new values 50%"


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (column([{"a": 1}] * 50), column([{"a": 1}] * 50), "values of type struct<a: int64>"),
        (
            column([[1]] * 50),
            column([1] * 50),
            "lists in the reference, numbers in the current rows",
        ),
        (
            column(["1"] * 50),
            column([1] * 50),
            "text in the reference, numbers in the current rows",
        ),
    ],
)
def test_what_has_no_statistic_says_why(before: Column, after: Column, reason: str) -> None:
    assert compare(before, after).reason == f"not computable: {reason}"


SESSIONS = [["open", "read", "close"][: 1 + n % 3] for n in range(300)]
PATHS = [f"/shop/item/{n}" for n in range(100, 400)]


def test_lists_of_the_same_kind_have_not_moved() -> None:
    for rows in (SESSIONS, [[float(n % 7)] * (n % 5) for n in range(300)]):
        found = compare(column(rows), column(rows[::-1]))
        assert found.statistic == QUANTILE_PSI
        assert not found.significant


@pytest.mark.parametrize(
    ("after", "moved"),
    [
        ([session * 4 for session in SESSIONS], "length: median 2 → 8"),
        ([["open", "burn", "close"][: 1 + n % 3] for n in range(300)], "unknown: 0% → 33%"),
        ([None] * 300, "length: missing 0% → 100%"),
    ],
)
def test_lists_are_compared_by_their_length_and_by_unknown_entries(
    after: list[list[str] | None], moved: str
) -> None:
    found = compare(column(SESSIONS), column(after, pa.list_(pa.string())))
    assert found.significant
    assert found.detail.startswith(moved)


def test_a_series_of_numbers_is_compared_by_its_mean() -> None:
    before = column([[1.0, 2.0, n % 10] for n in range(300)])
    found = compare(before, column([[1.0, 20.0, n % 10] for n in range(300)]))
    assert found.significant
    assert found.detail.startswith("mean: ")


def test_new_values_of_free_text_are_no_drift_but_new_words_are() -> None:
    tomorrow = [f"/shop/item/{n}" for n in range(400, 700)]
    attack = [f"/shop/root/{n}" for n in range(400, 700)]
    assert not compare(column(PATHS), column(tomorrow)).significant
    assert compare(column(PATHS), column(attack)).significant


def test_a_profile_of_lists_shows_their_lengths() -> None:
    assert profile(column(SESSIONS), column(SESSIONS[:1])) == [
        ("1", 1 / 3, 1),
        ("2", 1 / 3, 0),
        ("3", 1 / 3, 0),
    ]


def test_a_profile_shows_the_shares_behind_the_statistic() -> None:
    before = column([0] * 90 + list(range(1, 11)))
    after = column([0] * 50 + [None] * 50)
    assert profile(before, after) == [("0", 0.9, 0.5), ("> 0", 0.1, 0.0), ("missing", 0.0, 0.5)]


def test_bins_of_whole_numbers_are_named_by_whole_numbers() -> None:
    values = np.repeat(np.arange(20), 50)
    names = [name for name, _, _ in profile(column(values), column(values))]
    assert names[:3] == ["≤ 1", "2 – 3", "4 – 5"]


def test_a_profile_of_text_has_the_most_frequent_values() -> None:
    before, after = column(["a"] * 3 + ["b"]), column(["c", None])
    assert profile(before, after)[0] == ("a", 0.75, 0.0)
    assert ("missing", 0.0, 0.5) in profile(before, after)


def test_numbers_are_written_for_people() -> None:
    assert [short(x) for x in (0, 12.3456, 18070.4, 1.2e-5, -3)] == [
        "0", "12.35", "18,070", "1.2e-05", "-3",
    ]  # fmt: skip
    assert [percent(x) for x in (None, 0, 0.0123, 0.00004, 1)] == [
        "–",
        "0%",
        "1.2%",
        "0.004%",
        "100%",
    ]


def week(*, size: int = 1_000, weekend: float = 3.0) -> list[Column]:
    """Fourteen days of numbers; at weekends they are as many times as large."""
    days = []
    for day in range(14):
        random = np.random.default_rng(day)
        factor = weekend if day % 7 >= 5 else 1.0
        days.append(column(factor * random.lognormal(size=size)))
    return days


def test_what_days_always_differ_by_is_no_drift() -> None:
    another_weekend = column(3 * np.random.default_rng(99).lognormal(size=1_000))
    assert compare(week()[0], another_weekend).significant
    found = compare_days(week(), another_weekend)
    assert found.value is not None
    assert found.value > 0.2
    assert not found.significant


def test_what_no_day_before_looked_like_is_drift() -> None:
    found = compare_days(week(), column(20 * np.random.default_rng(99).lognormal(size=1_000)))
    assert found.significant
    assert found.usual is not None
    assert found.value is not None
    assert found.value > 1.25 * found.usual


def test_one_odd_day_before_changes_nothing() -> None:
    days = week(weekend=1.0)
    days[9] = column(50 * np.random.default_rng(7).lognormal(size=1_000))
    like_always = column(np.random.default_rng(99).lognormal(size=1_000))
    moved = column(3 * np.random.default_rng(99).lognormal(size=1_000))
    assert not compare_days(days, like_always).significant
    assert compare_days(days, moved).significant


def test_drift_that_goes_on_is_still_drift_after_two_days() -> None:
    days = week(weekend=1.0)
    for day in (12, 13):
        days[day] = column(3 * np.random.default_rng(100 + day).lognormal(size=1_000))
    assert compare_days(
        days, column(3 * np.random.default_rng(99).lognormal(size=1_000))
    ).significant


def test_texts_that_only_one_day_had_are_no_yardstick_s_drift_but_a_new_subnet_is() -> None:
    def subnets(day: int, *more: str) -> Column:
        return column(["10.1", "10.2", "10.3", f"guest{day}", *more] * 100)

    days = [subnets(day) for day in range(14)]
    assert not compare_days(days, subnets(20)).significant
    found = compare_days(days, subnets(20, "10.9", "10.9"))
    assert found.significant
    assert found.grown is not None
    assert (found.grown.label, round(found.grown.current, 2)) == ("new values", 0.5)


def test_two_days_are_no_window() -> None:
    found = compare_days(week()[:2], week()[0])
    assert found.reason == "not computable: 2 days before, 3 needed"
