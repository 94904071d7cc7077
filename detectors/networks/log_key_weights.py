"""A network's weights as constants of its graph, and back: how a warm start takes up a graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from detectors.networks.log_key_network import KeyNetwork, Shape

Floats = NDArray[np.float32]

_CELLS = "cells."
# Which chunk of torch's gates stands where in ONNX's order, and the way back.
_TO_ONNX = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}
_TO_TORCH = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 2, 3, 1)}


def constants_of(network: KeyNetwork) -> dict[str, Floats]:
    """By name: linear weights (in, out); of cells, layer by layer, `cells.weight_ih_l0` and
    `cells.weight_hh_l0` (1, gates * h, in) and `cells.bias_l0` (1, 2 * gates * h); others as in
    torch.
    """
    order = _TO_ONNX[network.shape.cell]
    state = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    constants: dict[str, Floats] = {}
    for name, value in state.items():
        if not name.startswith(_CELLS):
            constants[name] = value.T.copy() if _transposed(name) else value
        elif "weight" in name:
            constants[name] = _reordered(value, order)[None]
    for layer in range(network.shape.layers):
        biases = [_reordered(state[f"cells.bias_{kind}_l{layer}"], order) for kind in ("ih", "hh")]
        constants[f"cells.bias_l{layer}"] = np.concatenate(biases)[None]
    return constants


def state_of(graph: bytes, shape: Shape) -> dict[str, Tensor] | None:
    """The state of the network that a graph was made from; its number of ids may be another.

    None where the graph was made from a network of another shape.
    """
    constants = constants_of_graph(graph)
    state: dict[str, Tensor] = {}
    for name, expected in KeyNetwork(shape).state_dict().items():
        value = _to_torch(name, constants, _TO_TORCH[shape.cell])
        first = 1 if _by_id(name) else 0
        if value is None or value.shape[first:] != expected.shape[first:]:
            return None
        state[name] = torch.from_numpy(value.copy())
    return state


def constants_of_graph(graph: bytes) -> dict[str, NDArray[Any]]:
    """All constants of a graph, by name."""
    model = onnx.load_from_string(graph)
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


def of_other_ids(state: Mapping[str, Tensor], taken: Sequence[int]) -> dict[str, Tensor]:
    """The state of a network of other ids, each of which takes over the rows of an old one.

    Args:
        state: of the network so far.
        taken: for each new id the old one.
    """
    rows = torch.tensor(taken)
    return {name: value[rows] if _by_id(name) else value for name, value in state.items()}


def _to_torch(name: str, constants: Mapping[str, Floats], order: Sequence[int]) -> Floats | None:
    kept = name.replace("bias_ih", "bias").replace("bias_hh", "bias")
    if kept not in constants:
        return None
    value = constants[kept]
    if not name.startswith(_CELLS):
        return value.T if _transposed(name) else value
    value = value[0]
    if kept != name:
        value = np.split(value, 2)[1 if "bias_hh" in name else 0]
    return _reordered(value, order) if len(value) % len(order) == 0 else None


def _reordered(value: Floats, order: Sequence[int]) -> Floats:
    chunks = np.split(value, len(order))
    return np.concatenate([chunks[at] for at in order])


def _transposed(name: str) -> bool:
    """Whether it is the weight of a linear layer."""
    return name in ("next_key.weight", "value_features.weight", "value_means.weight")


def _by_id(name: str) -> bool:
    """Whether a parameter has a row for each id."""
    return name.startswith(("embedding.", "next_key.", "value_scales."))
