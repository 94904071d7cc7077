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
from whetstone.scoring.encoding.rows import Rows
from whetstone.scoring.explain import explain
from whetstone.scoring.onnx import GraphInput, OnnxScorer

BASELINES = {"a": 1.0, "b": None}


def sum_of_features() -> bytes:
    known = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["known"]),
    ]
    total = helper.make_node("ReduceSum", ["known", "axis"], ["score"], keepdims=0)
    constants = {"zero": np.array(0, dtype=np.float32), "axis": np.array([1])}
    rows = Rows(("a", "b"), {})
    return assemble("sum", [GraphInput(rows)], [*known, total], constants, baselines=BASELINES)


def units(*rows: tuple[float, ...] | np.ndarray) -> pa.Table:
    a, b = np.array(rows, dtype=np.float32).reshape(-1, 2).T
    return pa.table({"a": a, "b": b})


def changed(edit) -> bytes:
    model = onnx.load_from_string(sum_of_features())
    edit(model)
    return model.SerializeToString()


def without_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def another_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("known", TensorProto.FLOAT, ["n", 2]))


def another_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3


def no_such_encoding(model: onnx.ModelProto) -> None:
    named = {p.key: p.value for p in model.metadata_props}
    spec = json.loads(named["inputs"])
    spec[0]["encoding"]["kind"] = "os"
    helper.set_model_props(model, named | {"inputs": json.dumps(spec)})


def test_a_graph_brings_its_names_and_baselines() -> None:
    scorer = OnnxScorer(sum_of_features())
    assert (scorer.family, scorer.names) == ("sum", ("a", "b"))
    assert scorer.baselines == BASELINES


def test_many_rows_on_several_threads_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = OnnxScorer(sum_of_features())
    monkeypatch.setattr(scorer, "_threads", 3)
    rows = np.arange(40_000, dtype=np.float32).reshape(20_000, 2)
    np.testing.assert_array_equal(scorer.score(units(*rows)), rows.sum(axis=1, dtype=np.float64))


@pytest.mark.parametrize("shape", [(3, 1), (3, 3), (0, 3)])
def test_a_tensor_that_does_not_fit_is_refused_with_what_fits(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expects \(n, 2\), of the features a, b"):
        OnnxScorer(sum_of_features()).score_encoded([np.zeros(shape, dtype=np.float32)])


@pytest.mark.parametrize("graph", [b"", b"no graph", sum_of_features()[:100]])
def test_bytes_that_are_no_graph_are_refused(graph: bytes) -> None:
    with pytest.raises(InputError):
        OnnxScorer(graph)


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (without_metadata, "metadata has no usable 'family'"),
        (another_output, "needs an output 'score'"),
        (another_input, "The graph's inputs are"),
        (no_such_encoding, "No encoding 'os'"),
    ],
)
def test_a_graph_of_another_form_is_refused(edit, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        OnnxScorer(changed(edit))


def test_an_output_that_a_graph_does_not_have_is_refused() -> None:
    scorer = OnnxScorer(sum_of_features())
    with pytest.raises(InputError, match="no output 'parts'"):
        scorer.run(scorer.encode(units((1, 2))), "parts")


def test_an_explanation_says_what_replacing_a_feature_would_change() -> None:
    (explained,) = explain(OnnxScorer(sum_of_features()), units((-4, 2)))
    assert [(c.feature, c.value, c.contribution) for c in explained] == [("a", -4, -5), ("b", 2, 2)]


def test_a_missing_value_is_explained_as_none() -> None:
    (explained,) = explain(OnnxScorer(sum_of_features()), units((np.nan, 0)))
    assert [(c.feature, c.value, c.contribution) for c in explained] == [
        ("a", None, -1),
        ("b", 0, 0),
    ]


def test_columns_of_all_numeric_types_become_one_matrix() -> None:
    table = pa.table(
        {
            "ratio": pa.array([0.5, None, float("nan")]),
            "flag": pa.array([True, None, False]),
            "count": pa.array([1, None, 2**40], pa.int64()),
            "total": pa.array([decimal.Decimal(7), None, decimal.Decimal(1)], pa.decimal128(38, 0)),
            "nothing": pa.nulls(3),
        }
    )
    nan = np.nan
    expected = [[0.5, 1, 1, 7, nan], [nan] * 5, [nan, 0, 2**40, 1, nan]]
    encoded = Rows.fitted(table).encode(table)
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, np.array(expected, dtype=np.float32))
