"""What one contributor's verdicts may weigh in a training set."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.trust import capped
from detectors.trust.origins import new_origins, suspects_of, without


def training_set(verdicts: list[tuple[str, bool, str]], benign: int, attacks: int) -> pa.Table:
    """`benign` and `attacks` of a contribution, and verdicts: who, positive, split."""
    rows = [
        {
            "origin": "contribution:c1",
            "contributor": "lab",
            "positive": at < attacks,
            "split": "train",
        }
        for at in range(benign + attacks)
    ] + [
        {"origin": f"verdict:{at}", "contributor": who, "positive": positive, "split": split}
        for at, (who, positive, split) in enumerate(verdicts)
    ]
    return pa.Table.from_pylist([{**row, "unit": str(at)} for at, row in enumerate(rows)])


def share_of(table: pa.Table, who: str, positive: bool) -> float:
    of_class = [
        row for row in table.to_pylist() if row["split"] == "train" and row["positive"] == positive
    ]
    return sum(row["contributor"] == who for row in of_class) / len(of_class)


NAMES = st.sampled_from(["ada", "bo", "cem", "mallory"])


@settings(max_examples=30)
@given(
    st.lists(st.tuples(NAMES, st.booleans(), st.just("train")), max_size=120),
    st.integers(20, 60),
    st.sampled_from([0.05, 0.1, 0.3]),
)
def test_nobody_has_more_than_the_share_of_a_class(verdicts, others: int, share: float) -> None:
    given_set = training_set(verdicts, others, others)
    left = capped(given_set, share)
    for who in ("ada", "bo", "cem", "mallory"):
        for positive in (True, False):
            assert share_of(left.table, who, positive) <= share
    assert sum(left.left_out.values()) == given_set.num_rows - left.table.num_rows
    assert capped(left.table, share).table.equals(left.table)


def test_as_many_stay_as_the_share_allows() -> None:
    left = capped(training_set([("mallory", False, "train")] * 500, 90, 30))
    assert left.left_out == {"verdicts:mallory": 490}
    assert share_of(left.table, "mallory", False) == pytest.approx(0.1)


def test_one_class_takes_no_room_of_the_other_and_held_out_examples_are_not_touched() -> None:
    verdicts = [("ada", True, "train")] * 3 + [("ada", False, "verdicts")] * 50
    given_set = training_set(verdicts, 50, 50)
    assert capped(given_set).table.equals(given_set)


def test_which_stay_depends_on_the_unit_and_not_on_the_order_or_on_who_gives_ids() -> None:
    given_set = training_set([("mallory", False, "train")] * 200, 90, 30)
    stays = set(capped(given_set).table["unit"].to_pylist())
    turned = given_set.take(list(reversed(range(given_set.num_rows))))
    renamed = turned.set_column(
        turned.column_names.index("origin"),
        "origin",
        pa.array([f"{one}x" for one in turned["origin"].to_pylist()]),
    )
    assert set(capped(renamed).table["unit"].to_pylist()) == stays


def test_a_first_verdict_always_counts() -> None:
    assert capped(training_set([("ada", True, "train")], 50, 0)).left_out == {}


def test_examples_that_tell_of_nobody_are_left_alone() -> None:
    plain = training_set([("ada", False, "train")] * 9, 9, 9).drop_columns(["contributor"])
    assert capped(plain).table is plain


def test_a_decision_of_two_stays_as_long_as_one_of_them_is_trusted() -> None:
    given_set = training_set([("ada, mallory", False, "train"), ("mallory", False, "train")], 1, 1)
    assert suspects_of(given_set)[2] == {"verdicts:ada", "verdicts:mallory"}
    left = without(given_set, {"verdicts:mallory"})
    assert left["contributor"].to_pylist() == ["lab", "lab", "ada, mallory"]
    assert without(given_set, {"verdicts:mallory", "contribution:c1"}).num_rows == 1


def test_only_what_the_champion_did_not_know_is_new() -> None:
    given_set = training_set([("ada", False, "train"), ("ada, bo", True, "train")], 1, 1)
    known = ["contribution:c1", "verdict:0"]
    assert new_origins(given_set, known) == {"verdicts:ada": 1, "verdicts:bo": 1}
    assert new_origins(given_set, [*known, "verdict:1"]) == {}
