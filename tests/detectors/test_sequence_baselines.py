"""The rules that a model of sequences has to beat."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from detector_examples import sessions
from sklearn.metrics import roc_auc_score

from detectors.evaluation.sequence_baselines import sequence_baselines
from detectors.interface import Examples
from whetstone.errors import InputError


def units(*sequences: str | None, positive: list[bool] | None = None) -> Examples:
    """Units whose keys are the letters of the texts."""
    lists = [None if text is None else list(text) for text in sequences]
    labels = None if positive is None else np.array(positive)
    return Examples(pa.table({"keys": pa.array(lists, pa.list_(pa.string()))}), labels)


def scores(rule: str, train: Examples, *asked: str | None) -> list[float]:
    return sequence_baselines(train, units(*asked))[rule].tolist()


def test_keys_that_training_never_saw_are_counted() -> None:
    assert scores("unseen_key", units("abc", "ad"), "abd", "xax", "") == [0, 2, 0]


def test_attacks_of_the_training_examples_teach_nothing() -> None:
    train = units("ab", "xx", positive=[False, True])
    assert scores("unseen_key", train, "xx") == [2]


def test_pairs_across_two_training_units_were_never_seen() -> None:
    assert scores("unseen_bigram", units("ab", "cd"), "abcd", "bc") == [1 / 3, 1]


def test_stide_is_the_share_of_unseen_windows_of_six() -> None:
    assert scores("stide", units("abcdefgh"), "abcdefgh", "abcdefga", "bcdefgh") == [0, 1 / 3, 0]


def test_a_unit_shorter_than_a_window_is_one_window() -> None:
    train = units("abcdefgh", "ab")
    assert scores("stide", train, "ab", "abc", "ba", "") == [0, 1, 1, 0]


def test_stide_agrees_with_sets_of_tuples() -> None:
    train, test = sessions(150, 1).benign(), sessions(150, 2)
    known = {window for unit in train.units["events"].to_pylist() for window in windows(unit)}
    expected = [
        np.mean([window not in known for window in windows(unit)])
        for unit in test.units["events"].to_pylist()
    ]
    np.testing.assert_array_equal(sequence_baselines(train, test)["stide"], expected)


def windows(unit: list[str]) -> list[tuple[str, ...]]:
    return [tuple(unit[at : at + 6]) for at in range(max(1, len(unit) - 5))]


def test_a_length_is_judged_by_how_far_it_is_from_those_seen() -> None:
    assert scores("length_range", units("aa", "aaaa"), "a", "aaa", "aaaaaaa") == [1, 0, 3]


def test_a_count_vector_is_unseen_unless_a_unit_has_each_key_as_often() -> None:
    assert scores("unseen_count_vector", units("abb", "c"), "bab", "ab", "c", "x") == [0, 1, 0, 1]


def test_the_nearest_count_vector_is_so_many_keys_off_of_those_of_both() -> None:
    found = scores("nearest_count_vector", units("aabb", "cccc"), "abab", "aab", "xx")
    assert found == pytest.approx([0, 1 / 7, 1])


def test_units_without_keys_equal_those_of_training_that_have_none_either() -> None:
    found = sequence_baselines(units("ab", ""), units("", None))
    assert not np.stack(list(found.values())).any()


def test_more_training_units_than_distances_are_measured_to_are_drawn_by_the_seed() -> None:
    many = units(*("a" * first + "b" * second for first in range(30) for second in range(70)))
    found = [sequence_baselines(many, many, seed)["nearest_count_vector"] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] > 0).sum() == 100 and (found[0] != found[2]).any()


def test_of_several_columns_each_has_its_own_rules() -> None:
    both = {"keys": [["a"]], "codes": [[1, 2]]}
    found = sequence_baselines(Examples(pa.table(both), None), Examples(pa.table(both), None))
    assert {"keys.stide", "codes.stide"} < set(found)


def test_no_test_examples_get_no_scores() -> None:
    found = sequence_baselines(units("ab"), units())
    assert {len(values) for values in found.values()} == {0}


def test_baselines_without_benign_examples_are_refused() -> None:
    with pytest.raises(InputError, match="benign"):
        sequence_baselines(units("ab", positive=[True]), units("ab"))


def test_a_column_that_is_no_list_is_refused() -> None:
    numbers = Examples(pa.table({"keys": [1.0]}), None)
    with pytest.raises(InputError, match="list of keys"):
        sequence_baselines(numbers, numbers)


def test_hdfs_anomalies_have_unseen_count_vectors(real_data: Path) -> None:
    """Warning 2 of the data's README: every anomaly, and 0.4 % of the normal sessions."""

    def read(name: str) -> list[str]:
        (path,) = (real_data / "hdfs" / "deeplog_keys").glob(f"{name}*.txt.gz")
        return gzip.decompress(path.read_bytes()).decode().splitlines()

    def table(lines: list[str]) -> Examples:
        return Examples(pa.table({"keys": [line.split() for line in lines]}), None)

    normal, abnormal = read("hdfs_test_normal_part"), read("hdfs_test_abnormal_partA")
    found = sequence_baselines(table(read("hdfs_train")), table(normal + abnormal))
    unseen = found["unseen_count_vector"]
    assert unseen[len(normal) :].all()
    assert unseen[: len(normal)].mean() == pytest.approx(0.004, abs=0.001)
    positive = np.arange(len(unseen)) >= len(normal)
    assert roc_auc_score(positive, found["stide"]) > 0.9
