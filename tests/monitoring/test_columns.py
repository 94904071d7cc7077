"""Each kind of column gets the statistic that suits it, or the reason why there is none."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from monitoring.columns import (
    CATEGORY_PSI,
    ODDS_RATIO,
    QUANTILE_PSI,
    compare,
    percent,
    profile,
    short,
)


def column(values: object, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def test_flags_are_compared_by_their_rate() -> None:
    for kind in (pa.bool_(), pa.int8(), pa.float64()):
        before = column([0] * 1_000).cast(kind)
        after = column([0] * 980 + [1] * 20).cast(kind)
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
    values = list(range(1_000))
    found = compare(column(values), column([3 * value for value in values]))
    assert found.statistic == QUANTILE_PSI
    assert found.detail == "median 499 → 1,497, 95th percentile 949 → 2,847"


def test_decimals_are_numbers() -> None:
    values = column([Decimal(i) for i in range(100)])
    assert compare(values, values).value == 0


def test_text_is_compared_by_category_plain_or_encoded() -> None:
    before = column(["root", "alice"] * 100)
    after = column(["root", "mallory"] * 100)
    for encoded in (after, after.dictionary_encode()):
        found = compare(before, encoded)
        assert found.statistic == CATEGORY_PSI
        assert found.significant
        assert found.detail == "unseen values 50%"


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
def test_what_has_no_statistic_says_why(
    before: pa.ChunkedArray, after: pa.ChunkedArray, reason: str
) -> None:
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
        ([["open", "burn", "close"][: 1 + n % 3] for n in range(300)], "unknown: median 0 → 0.333"),
        ([None] * 300, "unknown: missing 0% → 100%"),
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
