"""Which units no model can tell apart."""

import numpy as np
import pyarrow as pa
import pytest

from detectors.evaluation.baselines import baselines, duplicate_share, oracle_ceiling
from detectors.evaluation.identity import identities
from detectors.interface import Examples


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, 2.5, None, 1.5], pa.float64()),
        ([True, False, None, True], pa.bool_()),
        (["b", "", None, "b"], pa.string()),
        ([["a", "b"], ["b", "a"], None, ["a", "b"]], pa.list_(pa.string())),
        ([[1, 2], [12], [], [1, 2]], pa.list_(pa.int64())),
        ([[2**53], [2**53 + 1], [None], [2**53]], pa.list_(pa.int64())),
        ([[0.5], [0.5, 0.5], [None], [0.5]], pa.list_(pa.float64())),
    ],
)
def test_units_are_equal_where_their_features_are(values: list[object], kind: pa.DataType) -> None:
    (found,) = identities(pa.table({"x": pa.array(values, kind)}))
    assert found[0] == found[3]
    assert len(set(found.tolist())) == 3


def test_numbers_are_what_a_model_sees_of_them() -> None:
    (found,) = identities(pa.table({"x": [0.1, 0.1 + 1e-12, -0.0, 0.0, float("nan"), None]}))
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert found[4] == found[5]


def test_all_features_count() -> None:
    (found,) = identities(pa.table({"x": [1, 1, 2], "y": [["a"], ["b"], ["a"]]}))
    assert len(set(found.tolist())) == 3


def test_an_empty_list_is_not_a_missing_one() -> None:
    (found,) = identities(pa.table({"x": pa.array([[], None], pa.list_(pa.string()))}))
    assert found[0] != found[1]


def test_units_of_several_tables_are_compared_whatever_their_chunks() -> None:
    first = pa.table({"x": pa.chunked_array([[["a"]], [["b"]]])})
    one, other = identities(first, first.slice(1))
    assert one[1:].tolist() == other.tolist()
    assert duplicate_share(first.slice(1), first) == 0.5


def test_the_ceiling_of_texts_and_sequences_is_that_of_equal_ones_with_both_labels() -> None:
    positive = np.array([True, True, False])
    for same in (["a", "b", "b"], [["a"], ["b"], ["b"]]):
        ceiling = oracle_ceiling(pa.table({"x": same}), positive)
        assert ceiling.contradictions == 2
        assert ceiling.auc == 0.75


def test_each_kind_of_feature_has_its_baselines() -> None:
    units = pa.table(
        {
            "count": [1, 2, 3],
            "service": ["http", "ssh", "http"],
            "keys": [["a"], ["b", "b"], []],
            "gaps": [[0.5], [], [1.5, 2.5]],
        }
    )
    found = baselines(Examples(units, None), Examples(units, None))
    assert {"unseen_vector", "nearest_benign", "stide", "length_range"} <= set(found)
    assert found["unseen_vector"].tolist() == [0, 0, 0]
    assert "entropy" in baselines(*[Examples(units.select(["service"]), None)] * 2)
    assert "nearest_benign" in baselines(*[Examples(units.select(["gaps"]), None)] * 2)


def test_a_series_is_judged_by_a_few_numbers_about_it() -> None:
    train = Examples(pa.table({"gaps": [[1.0, 1.0], [3.0, 3.0]]}), None)
    test = Examples(pa.table({"gaps": [[2.0, 2.0], [2.0, 2.0, 2.0], [2.0, 9.0]]}), None)
    scores = baselines(train, test)["largest_deviation"]
    assert scores[0] == 0  # the mean of what training had
    assert scores[1] == 1  # one longer, where length was constant
    assert scores[2] == 7  # the largest was 2 ± 1 and is 9
