"""Building ONNX graphs of the form that `whetstone.scoring.onnx` runs."""

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from whetstone.scoring.onnx import BASELINES_KEY, FAMILY_KEY, FEATURES_KEY, INPUT, OUTPUT

# Fixed, so that a newer onnx package neither changes a graph's bytes nor outruns a sensor's
# onnxruntime: these are read by every onnxruntime since 1.14.
_IR_VERSION = 8
_OPSETS = {"": 17, "ai.onnx.ml": 3}
_COLUMN_AXIS = "column_axis"


def assemble(
    family: str,
    names: Sequence[str],
    baselines: NDArray[np.float32],
    nodes: Sequence[NodeProto],
    constants: dict[str, NDArray[np.generic]],
) -> bytes:
    """The serialized graph that runs `nodes` from `features` to `score`.

    Args:
        family: name of the model family.
        names: the d features.
        baselines: (d,) benign medians, NaN where none is known.
        nodes: from the input `features`, float32 [n, d], to the output `score`, float32 [n].
        constants: what the nodes read beside that, by name.
    """
    graph = helper.make_graph(
        list(nodes),
        family,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", len(names)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n"])],
        [
            numpy_helper.from_array(value, name)
            for name, value in {**constants, _COLUMN_AXIS: np.array([1])}.items()
        ],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
    model: ModelProto = helper.make_model(
        graph, producer_name="whetstone", ir_version=_IR_VERSION, opset_imports=opsets
    )
    known = [None if np.isnan(value) else float(value) for value in baselines]
    helper.set_model_props(
        model,
        {
            FAMILY_KEY: family,
            FEATURES_KEY: json.dumps(list(names)),
            BASELINES_KEY: json.dumps(known),
        },
    )
    checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def impute(output: str) -> list[NodeProto]:
    """Nodes that replace missing features by the constant `medians`."""
    return [
        helper.make_node("IsNaN", [INPUT], ["missing"]),
        helper.make_node("Where", ["missing", "medians", INPUT], [output]),
    ]


def squeeze(column: str, output: str) -> NodeProto:
    """The node that turns `column` [n, 1] into `output` [n]."""
    return helper.make_node("Squeeze", [column, _COLUMN_AXIS], [output])
