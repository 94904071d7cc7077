"""Building ONNX graphs of the form that `whetstone.scoring.onnx` runs."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from whetstone.scoring.onnx import (
    BASELINES_KEY,
    CLASSES,
    FAMILY_KEY,
    INPUT,
    INPUTS_KEY,
    MEMBERS,
    OUTPUT,
    PARTS,
    GraphInput,
    member_prefix,
)

# Fixed, so that a newer onnx package neither changes a graph's bytes nor outruns a sensor's
# onnxruntime: these are read by every onnxruntime since 1.14.
_IR_VERSION = 8
_OPSETS = {"": 17, "ai.onnx.ml": 3}
_COLUMN_AXIS = "column_axis"
_TYPES = {np.float32: TensorProto.FLOAT, np.int64: TensorProto.INT64}


def assemble(
    family: str,
    inputs: Sequence[GraphInput],
    nodes: Sequence[NodeProto],
    constants: Mapping[str, NDArray[np.generic]],
    *,
    baselines: Mapping[str, float | str | None] | None = None,
    parts: bool = False,
    classes: Sequence[str] = (),
    members: Sequence[str] = (),
    member_parts: Sequence[int] = (),
) -> bytes:
    """The serialized graph that runs `nodes` from its inputs to `score`.

    Args:
        family: name of the model family.
        inputs: what the nodes begin with.
        nodes: from the inputs to the outputs.
        constants: what the nodes read beside the inputs, by name.
        baselines: what each feature of a dense input is for benign units; None where unknown.
        parts: whether the nodes give the output `parts` too.
        classes: names of the classes, where the nodes give `classes`.
        members: names of the members, where the nodes give `members`.
        member_parts: numbers of the members whose parts the nodes give.
    """
    outputs: dict[str, list[str | int]] = {OUTPUT: ["n"]}
    if parts:
        outputs[PARTS] = ["n", "t"]
    if classes:
        outputs[CLASSES] = ["n", len(classes)]
    if members:
        outputs[MEMBERS] = ["n", len(members)]
    for number in member_parts:
        outputs[member_prefix(number) + PARTS] = ["n", f"{member_prefix(number)}t"]
    given = []
    for one in inputs:
        dtype = _TYPES[one.encoding.dtype]  # pyright: ignore[reportArgumentType]
        # Sequences of different members have different lengths, so these need different names.
        prefix = one.name.removesuffix(INPUT)
        shape = [f"{prefix}t" if size == "t" else size for size in one.encoding.shape]
        given.append(helper.make_tensor_value_info(one.name, dtype, shape))
        if one.ragged:
            given.append(helper.make_tensor_value_info(one.lengths, TensorProto.INT64, ["n"]))
    graph = helper.make_graph(
        list(nodes),
        family,
        given,
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        [
            numpy_helper.from_array(value, name)
            for name, value in {**constants, _COLUMN_AXIS: np.array([1])}.items()
        ],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
    model: ModelProto = helper.make_model(
        graph, producer_name="whetstone", ir_version=_IR_VERSION, opset_imports=opsets
    )
    metadata = {
        FAMILY_KEY: family,
        INPUTS_KEY: json.dumps([one.spec() for one in inputs]),
        BASELINES_KEY: json.dumps(dict(baselines or {})),
    }
    if classes:
        metadata[CLASSES] = json.dumps(list(classes))
    if members:
        metadata[MEMBERS] = json.dumps(list(members))
    helper.set_model_props(model, metadata)
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
