"""The ONNX graph of a `LanguageNetwork`, node by node: the same numbers without torch."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, helper
from torch import nn
from torch.nn import functional

from detectors.networks.language_network import (
    Architecture,
    Decoder,
    DecoderLayer,
    LanguageNetwork,
    Stack,
    TwoStacks,
)
from whetstone.scoring.batches import padded_length
from whetstone.scoring.onnx import INPUT, LENGTHS, OUTPUT, PARTS

Array = NDArray[np.generic]

_EPSILON = 1e-5  # of torch's LayerNorm
_FAR = -1e9  # added to the attention to later positions, of which nothing is left then
# Where torch's gates, chunks of one matrix, stand in ONNX's order.
_GATES = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}


def language_nodes(network: LanguageNetwork) -> tuple[list[NodeProto], dict[str, Array]]:
    """Nodes and constants from `features` and `lengths` to `score` and `parts`.

    A line's score is the mean loss of its tokens and its end. A token's part is its loss divided by
    their number; the end's is added to the last token, so that a line's parts sum up to its score
    (an empty line has none).
    """
    graph = _Nodes()
    hidden = _hidden(graph, network)
    losses = _losses(graph, network, hidden)
    _score(graph, losses, network.architecture)
    return graph.nodes, graph.constants


class _Nodes:
    """Nodes in the making, and the constants that they read."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, Array] = {}

    def add(self, operation: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node; the name of its output, a new one by default."""
        name = output or f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def constant(self, name: str, value: Array) -> str:
        """Add a constant; its name."""
        self.constants[name] = value
        return name

    def integers(self, *values: int) -> str:
        """A constant of whole numbers, such as axes or a shape."""
        name = "integers_" + "_".join(str(value) for value in values)
        return self.constant(name, np.array(values, dtype=np.int64))

    def number(self, name: str, value: float) -> str:
        """A constant scalar."""
        return self.constant(name, np.array(value, dtype=np.float32))

    def weight(self, name: str, tensor: torch.Tensor) -> str:
        """A constant of trained numbers."""
        value = tensor.detach().cpu().numpy().astype(np.float32)
        return self.constant(name, np.ascontiguousarray(value))

    def dense(self, name: str, inputs: str, layer: nn.Linear) -> str:
        """A linear layer."""
        product = self.add("MatMul", inputs, self.weight(f"{name}.weight", layer.weight.T))
        return self.add("Add", product, self.weight(f"{name}.bias", layer.bias))

    def normalized(self, name: str, inputs: str, norm: nn.LayerNorm) -> str:
        """Layer normalization."""
        weights = self.weight(f"{name}.weight", norm.weight), self.weight(f"{name}.bias", norm.bias)
        return self.add("LayerNormalization", inputs, *weights, axis=-1, epsilon=_EPSILON)

    def length(self, tensor: str, axis: int) -> str:
        """The size [1] of a tensor along an axis."""
        return self.add("Shape", tensor, start=axis, end=axis + 1)

    def positions(self, count: str) -> str:
        """0, 1 ... up to a count [1], as a column [count, 1]."""
        limit = self.add("Squeeze", count, self.integers(0))
        zero = self.constant("zero", np.array(0, dtype=np.int64))
        one = self.constant("one", np.array(1, dtype=np.int64))
        return self.add("Unsqueeze", self.add("Range", zero, limit, one), self.integers(1))


def _hidden(graph: _Nodes, network: LanguageNetwork) -> str:
    """The state that predicts each position: [t + 1, n, width]."""
    symbols = graph.add("Concat", _edge(graph), _ids(graph), axis=0)
    embedding = graph.weight("embedding", network.embedding.weight)
    inputs = graph.add("Gather", embedding, symbols, axis=0)
    body = network.body
    if isinstance(body, Decoder):
        return _decoder(graph, inputs, body, network.architecture)
    if isinstance(body, TwoStacks):
        return _two_stacks(graph, inputs, body, network.architecture)
    assert isinstance(body, Stack)
    return _stack(graph, "stack", inputs, body, network.architecture)


def _ids(graph: _Nodes) -> str:
    """The tokens [t, n]."""
    return graph.add("Transpose", INPUT, perm=[1, 0])


def _edge(graph: _Nodes) -> str:
    """Start, end and padding [1, n]."""
    shape = graph.add("Concat", graph.integers(1), graph.length(INPUT, 0), axis=0)
    padding = graph.constant("padding", np.zeros((1, 1), dtype=np.int64))
    return graph.add("Expand", padding, shape)


def _stack(
    graph: _Nodes,
    name: str,
    inputs: str,
    stack: Stack,
    architecture: Architecture,
    ends: str | None = None,
) -> str:
    """Recurrent layers; with `ends` int32 [n], they read backwards from there."""
    how = {"hidden_size": architecture.width}
    if architecture.cell == "gru":
        how |= {"linear_before_reset": 1}  # as torch has it
    backwards = {"direction": "reverse"} if ends else {}
    hidden = inputs
    for at, layer in enumerate(stack.layers):
        weights = _recurrent_weights(graph, f"{name}.{at}", layer, _GATES[architecture.cell])
        states = graph.add(
            architecture.cell.upper(), hidden, *weights, ends or "", **how, **backwards
        )
        states = graph.add("Squeeze", states, graph.integers(1))  # the axis of directions
        hidden = graph.add("Add", hidden, states) if architecture.residual and at else states
    return hidden


def _recurrent_weights(
    graph: _Nodes, name: str, layer: nn.Module, order: tuple[int, ...]
) -> tuple[str, str, str]:
    """Input weights, recurrent weights and both biases in ONNX's order of gates."""

    def ordered(parameter: str) -> torch.Tensor:
        gates = getattr(layer, parameter).chunk(len(order))
        return torch.cat([gates[at] for at in order])

    biases = torch.cat([ordered("bias_ih_l0"), ordered("bias_hh_l0")])
    return (
        graph.weight(f"{name}.inputs", ordered("weight_ih_l0")[None]),
        graph.weight(f"{name}.states", ordered("weight_hh_l0")[None]),
        graph.weight(f"{name}.biases", biases[None]),
    )


def _two_stacks(graph: _Nodes, inputs: str, body: TwoStacks, architecture: Architecture) -> str:
    """See `TwoStacks.forward`."""

    def part(start: int, end: int) -> str:
        return graph.add("Slice", inputs, *(graph.integers(at) for at in (start, end, 0)))

    forwards = _stack(graph, "forwards", inputs, body.forwards, architecture)
    following = graph.add("Concat", part(2, 2**31), part(0, 1), part(0, 1), axis=0)
    ends = graph.add("Cast", LENGTHS, to=TensorProto.INT32)
    backwards = _stack(graph, "backwards", following, body.backwards, architecture, ends)
    return graph.dense("join", graph.add("Concat", forwards, backwards, axis=2), body.join)


def _decoder(graph: _Nodes, inputs: str, body: Decoder, architecture: Architecture) -> str:
    """See `Decoder.forward`."""
    count = graph.length(inputs, 0)
    # A line is padded beyond the longest one; what is added there is never looked at.
    padding = padded_length(architecture.max_length) - architecture.max_length
    learned = graph.weight("positions", functional.pad(body.positions, (0, 0, 0, padding))[:, None])
    used = graph.add("Slice", learned, graph.integers(0), count, graph.integers(0))
    hidden = graph.add("Transpose", graph.add("Add", inputs, used), perm=[1, 0, 2])
    mask = _later(graph, count)
    for at, layer in enumerate(body.layers):
        assert isinstance(layer, DecoderLayer)
        hidden = _attend(graph, f"decoder.{at}", hidden, mask, layer, architecture)
        hidden = _think(graph, f"decoder.{at}", hidden, layer)
    return graph.add("Transpose", graph.normalized("norm", hidden, body.norm), perm=[1, 0, 2])


def _later(graph: _Nodes, count: str) -> str:
    """What keeps a position (row) from attending to a later one (column): [t + 1, t + 1]."""
    position = graph.positions(count)
    later = graph.add("Greater", graph.add("Transpose", position, perm=[1, 0]), position)
    return graph.add("Where", later, graph.number("far", _FAR), graph.number("near", 0.0))


def _attend(
    graph: _Nodes,
    name: str,
    hidden: str,
    mask: str,
    layer: DecoderLayer,
    architecture: Architecture,
) -> str:
    """Attention and its input: [n, t + 1, width]."""
    heads, width = architecture.heads, architecture.width
    normal = graph.normalized(f"{name}.attention_norm", hidden, layer.attention_norm)
    projected = graph.dense(f"{name}.projected", normal, layer.queries_keys_values)
    split = graph.integers(0, 0, 3, heads, width // heads)
    by_head = graph.add("Transpose", graph.add("Reshape", projected, split), perm=[2, 0, 3, 1, 4])
    queries, keys, values = (
        graph.add("Gather", by_head, graph.constant(f"part_{at}", np.array(at)), axis=0)
        for at in range(3)
    )
    similar = graph.add("MatMul", queries, graph.add("Transpose", keys, perm=[0, 1, 3, 2]))
    scaled = graph.add("Mul", similar, graph.number("scale", (width // heads) ** -0.5))
    attention = graph.add("Softmax", graph.add("Add", scaled, mask), axis=-1)
    attended = graph.add("Transpose", graph.add("MatMul", attention, values), perm=[0, 2, 1, 3])
    merged = graph.add("Reshape", attended, graph.integers(0, 0, width))
    return graph.add("Add", hidden, graph.dense(f"{name}.attended", merged, layer.attended))


def _think(graph: _Nodes, name: str, hidden: str, layer: DecoderLayer) -> str:
    """Two dense layers, GELU between them, and their input: [n, t + 1, width]."""
    normal = graph.normalized(f"{name}.dense_norm", hidden, layer.dense_norm)
    wide = graph.dense(f"{name}.widen", normal, layer.widen)
    error = graph.add("Erf", graph.add("Mul", wide, graph.number("root_half", 0.5**0.5)))
    half = graph.add("Mul", wide, graph.number("half", 0.5))
    active = graph.add("Mul", half, graph.add("Add", error, graph.number("unit", 1.0)))
    return graph.add("Add", hidden, graph.dense(f"{name}.narrow", active, layer.narrow))


def _losses(graph: _Nodes, network: LanguageNetwork, hidden: str) -> str:
    """The loss of each position, whether it counts or not: [t + 1, n].

    The vocabulary's logits are there for one position after the other only: all at once, they would
    take a thousand times the memory of the lines.
    """
    graph.weight("output.weight", network.output.weight.T)
    graph.weight("output.bias", network.output.bias)
    targets = graph.add("Concat", _ids(graph), _edge(graph), axis=0)
    return graph.add("Scan", hidden, targets, body=_loss_of_one_position(), num_scan_inputs=2)


def _loss_of_one_position() -> GraphProto:
    """From a state [n, width] and its target [n] to the loss [n]."""
    step = _Nodes()
    logits = step.add("Add", step.add("MatMul", "state", "output.weight"), "output.bias")
    column = step.add("Unsqueeze", "target", "integers_1")
    chosen = step.add("GatherElements", step.add("LogSoftmax", logits, axis=1), column, axis=1)
    step.add("Neg", step.add("Squeeze", chosen, "integers_1"), output="loss")
    return helper.make_graph(
        step.nodes,
        "loss_of_one_position",
        [
            helper.make_tensor_value_info("state", TensorProto.FLOAT, ["n", "width"]),
            helper.make_tensor_value_info("target", TensorProto.INT64, ["n"]),
        ],
        [helper.make_tensor_value_info("loss", TensorProto.FLOAT, ["n"])],
    )


def _score(graph: _Nodes, losses: str, architecture: Architecture) -> None:
    """From the losses [t + 1, n] of all positions to `score` and `parts`."""
    count = _count(graph, architecture)
    position = graph.positions(graph.length(losses, 0))
    nothing = graph.number("nothing", 0.0)
    counted = graph.add("Where", graph.add("Less", position, count), losses, nothing)
    divisor = graph.add("Max", graph.add("Cast", count, to=TensorProto.FLOAT), "least_count")
    graph.number("least_count", 1.0)
    shares = graph.add("Div", counted, divisor)
    graph.add("ReduceSum", shares, graph.integers(0), keepdims=0, output=OUTPUT)

    def part(tensor: str, start: int, end: int) -> str:
        return graph.add("Slice", tensor, *(graph.integers(at) for at in (start, end, 0)))

    place = part(position, 0, -1)
    last = graph.add("Sub", LENGTHS, graph.integers(1))
    tokens = graph.add("Where", graph.add("Less", place, LENGTHS), part(shares, 0, -1), nothing)
    end = graph.add("Where", graph.add("Equal", place, last), part(shares, 1, 2**31), nothing)
    graph.add("Transpose", graph.add("Add", tokens, end), perm=[1, 0], output=PARTS)


def _count(graph: _Nodes, architecture: Architecture) -> str:
    """How many positions of each line have a loss, [n]; see `predicted_positions`."""
    if architecture.bidirectional:
        return LENGTHS
    longest = graph.integers(architecture.max_length)
    has_end = graph.add("Cast", graph.add("Less", LENGTHS, longest), to=TensorProto.INT64)
    return graph.add("Add", LENGTHS, has_end)
