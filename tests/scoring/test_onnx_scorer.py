"""The runtime's part of scoring: loading graphs, tables to matrices, explanations."""

import decimal
import json

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper

from detectors.graphs import assemble
from whetstone.errors import InputError
from whetstone.scoring.explain import explain
from whetstone.scoring.matrix import feature_matrix
from whetstone.scoring.onnx import OnnxScorer

BASELINES = np.array([1, np.nan], dtype=np.float32)


def sum_of_features() -> bytes:
    known = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["known"]),
    ]
    total = helper.make_node("ReduceSum", ["known", "axis"], ["score"], keepdims=0)
    constants = {"zero": np.array(0, dtype=np.float32), "axis": np.array([1])}
    return assemble("sum", ["a", "b"], BASELINES, [*known, total], constants)


def changed(edit) -> bytes:
    model = onnx.load_from_string(sum_of_features())
    edit(model)
    return model.SerializeToString()


def without_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def another_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("known", TensorProto.FLOAT, ["n", 2]))


def three_names(model: onnx.ModelProto) -> None:
    named = {p.key: p.value for p in model.metadata_props} | {"features": json.dumps(["a"] * 3)}
    helper.set_model_props(model, named)


def one_baseline(model: onnx.ModelProto) -> None:
    named = {p.key: p.value for p in model.metadata_props} | {"baselines": "[1]"}
    helper.set_model_props(model, named)


def test_a_graph_brings_its_names_and_baselines() -> None:
    scorer = OnnxScorer(sum_of_features())
    assert (scorer.family, scorer.names) == ("sum", ("a", "b"))
    np.testing.assert_array_equal(scorer.baselines, BASELINES)


def test_many_rows_on_several_threads_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = OnnxScorer(sum_of_features())
    monkeypatch.setattr(scorer, "_threads", 3)
    rows = np.arange(40_000, dtype=np.float32).reshape(20_000, 2)
    np.testing.assert_array_equal(scorer.score(rows), rows.sum(axis=1, dtype=np.float64))


def test_rows_in_any_memory_layout_are_scored_alike() -> None:
    rows = np.arange(60, dtype=np.float32).reshape(30, 2)
    scorer = OnnxScorer(sum_of_features())
    for same in (np.asfortranarray(rows), rows.astype(np.float64)):
        np.testing.assert_array_equal(scorer.score(same), scorer.score(rows))


@pytest.mark.parametrize("shape", [(2,), (3, 1), (3, 3), (0, 3)])
def test_a_matrix_that_does_not_fit_is_refused_with_what_fits(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expects \(n, 2\), the columns a, b"):
        OnnxScorer(sum_of_features()).score(np.zeros(shape, dtype=np.float32))


@pytest.mark.parametrize("graph", [b"", b"no graph", sum_of_features()[:100]])
def test_bytes_that_are_no_graph_are_refused(graph: bytes) -> None:
    with pytest.raises(InputError):
        OnnxScorer(graph)


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (without_metadata, "metadata has no usable 'family'"),
        (another_output, "one output 'score'"),
        (three_names, r"one input 'features', float32 \[n, 3\]"),
        (one_baseline, "one baseline for each feature"),
    ],
)
def test_a_graph_of_another_form_is_refused(edit, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        OnnxScorer(changed(edit))


def test_an_explanation_says_what_replacing_a_feature_would_change() -> None:
    scorer = OnnxScorer(sum_of_features())
    explained = explain(scorer, np.array([-4, 2], np.float32), scorer.baselines, scorer.names)
    assert [(c.feature, c.value, c.contribution) for c in explained] == [("a", -4, -5), ("b", 2, 2)]


def test_a_missing_value_is_explained_as_none() -> None:
    scorer = OnnxScorer(sum_of_features())
    explained = explain(scorer, np.array([np.nan, 0], np.float32), scorer.baselines, scorer.names)
    assert [(c.feature, c.value, c.contribution) for c in explained] == [
        ("a", None, -1),
        ("b", 0, 0),
    ]


def test_an_explanation_of_another_width_is_refused() -> None:
    scorer = OnnxScorer(sum_of_features())
    with pytest.raises(InputError, match="needs 2 values"):
        explain(scorer, np.zeros(3, np.float32), scorer.baselines, scorer.names)


def test_columns_of_all_numeric_types_become_one_matrix() -> None:
    table = pa.table(
        {
            "flag": pa.array([True, None, False]),
            "count": pa.array([1, None, 2**40], pa.int64()),
            "total": pa.array([decimal.Decimal(7), None, decimal.Decimal(1)], pa.decimal128(38, 0)),
            "ratio": pa.array([0.5, None, float("nan")]),
            "nothing": pa.nulls(3),
            "text": ["a", "b", "c"],
        }
    )
    nan = np.nan
    expected = [[0.5, 1, 1, 7, nan], [nan] * 5, [nan, 0, 2**40, 1, nan]]
    matrix = feature_matrix(table, ["ratio", "flag", "count", "total", "nothing"])
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, np.array(expected, dtype=np.float32))


def test_a_feature_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="text is string"):
        feature_matrix(pa.table({"text": ["a"]}), ["text"])


def test_a_feature_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no feature b, c; it has a"):
        feature_matrix(pa.table({"a": [1]}), ["a", "b", "c"])
