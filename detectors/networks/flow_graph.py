"""The ONNX form of `flow_sequence`: cut a sequence into windows, judge each, let them vote.

Sequences of up to `length` flows are one window; of longer ones a window begins every `length / 2`
flows until one reaches the end. The cutting is part of the graph, so that a unit is scored in the
same way wherever it is scored, and any padding gives the same score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from detectors.networks.flow_network import KERNEL, FlowNetwork
from whetstone.scoring.onnx import CLASSES, INPUT, LENGTHS, OUTPUT, PARTS

Constants = dict[str, NDArray[np.generic]]


def window_starts(flows: int, length: int) -> list[int]:
    """Where the windows of a sequence begin; neighbours share half of their flows."""
    stride = length // 2
    return [0, *range(stride, max(flows - length, 0) + stride, stride)]


@dataclass(frozen=True)
class Voting:
    """What a graph needs to know beside the network.

    Attributes:
        length: flows of a window, even.
        positive: of the k classes, which ones are positive; some, not all.
    """

    length: int
    positive: Sequence[bool]


def flow_graph(network: FlowNetwork, voting: Voting) -> tuple[list[NodeProto], Constants]:
    """The nodes from ids and lengths to `score`, `parts` and `classes`, and their constants."""
    constants: Constants = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "two": np.array([2]),
        "scalar_zero": np.array(0),
        "scalar_one": np.array(1),
        "length": np.array([voting.length]),
        "stride": np.array([voting.length // 2]),
        "positive": np.flatnonzero(voting.positive),
        "negative": np.flatnonzero(~np.array(voting.positive)),
    }
    columns = len(network.increments)
    nodes = [*_windows(columns), *_steps(network, constants), *_body(network, constants)]
    return [*nodes, *_opinions(network, constants), *_vote(), *_parts()], constants


def _node(operation: str, inputs: str, output: str, **attributes: object) -> NodeProto:
    return helper.make_node(operation, inputs.split(), [output], **attributes)  # pyright: ignore[reportArgumentType]


def _windows(columns: int) -> list[NodeProto]:
    """`ids` [m, w, c] of the m windows of all units, with `window_lengths` and `counted` [n, v].

    Each unit gets v windows, as many as the longest padding needs; those that begin after the
    windows of a unit's own length are not counted.
    """
    return [
        _node("Shape", INPUT, "width", start=1, end=2),
        _node("Min", "width length", "window_width"),
        # Without rounding down: windows that begin before the rest is covered.
        _node("Sub", "width length", "uncovered"),
        _node("Sub", "stride one", "round_up"),
        _node("Add", "uncovered round_up", "rounded_up"),
        _node("Div", "rounded_up stride", "further_signed"),
        _node("Max", "further_signed zero", "further"),
        _node("Add", "further one", "windows"),
        _node("Mul", "further stride", "last_start"),
        _node("Add", "last_start window_width", "covered"),
        _node("Sub", "covered width", "beyond"),
        _node("Concat", "zero zero zero zero beyond zero", "pads", axis=0),
        _node("Pad", f"{INPUT} pads", "long_enough"),
        _node("Squeeze", "windows zero", "window_count"),
        _node("Squeeze", "window_width zero", "window_steps"),
        _node("Range", "scalar_zero window_count scalar_one", "window_numbers"),
        _node("Range", "scalar_zero window_steps scalar_one", "step_numbers"),
        _node("Mul", "window_numbers stride", "starts"),
        _node("Unsqueeze", "starts one", "starts_column"),
        _node("Add", "starts_column step_numbers", "places"),
        _node("Gather", "long_enough places", "cut", axis=1),
        helper.make_node("Constant", [], ["each_window"], value_ints=[-1]),
        helper.make_node("Constant", [], ["columns"], value_ints=[columns]),
        _node("Concat", "each_window window_width columns", "ids_shape", axis=0),
        _node("Reshape", "cut ids_shape", "ids"),
        _node("Unsqueeze", f"{LENGTHS} one", "lengths_column"),
        _node("Sub", "lengths_column starts", "remaining"),
        _node("Max", "remaining zero", "remaining_or_none"),
        _node("Min", "remaining_or_none window_width", "window_lengths"),
        _node("Sub", "length stride", "overlap"),
        _node("Greater", "remaining overlap", "reaches_further"),
        _node("Equal", "window_numbers zero", "first"),
        _node("Or", "reaches_further first", "counted_bool"),
        _node("Cast", "counted_bool", "counted", to=TensorProto.FLOAT),
    ]


def _steps(network: FlowNetwork, constants: Constants) -> list[NodeProto]:
    """`steps` [m, w, d]: the sums of embeddings; `inside` [m, w, 1]: 0 after a window's end."""
    nodes: list[NodeProto] = []
    total = ""
    for at, table in enumerate(network.tables()):
        constants[f"column{at}"] = np.array(at)
        constants[f"table{at}"] = _values(table)
        nodes += [
            _node("Gather", f"ids column{at}", f"ids{at}", axis=2),
            _node("Gather", f"table{at} ids{at}", f"embedded{at}", axis=0),
        ]
        if at:
            nodes.append(_node("Add", f"{total} embedded{at}", f"sum{at}"))
        total = f"sum{at}" if at else "embedded0"
    return [
        *nodes,
        _node("Identity", total, "steps"),
        _node("Reshape", "window_lengths each_window", "flat_lengths"),
        _node("Unsqueeze", "flat_lengths one", "flat_lengths_column"),
        _node("Less", "step_numbers flat_lengths_column", "inside_bool"),
        _node("Cast", "inside_bool", "inside_flat", to=TensorProto.FLOAT),
        _node("Unsqueeze", "inside_flat two", "inside"),
    ]


def _body(network: FlowNetwork, constants: Constants) -> list[NodeProto]:
    """`hidden` [m, w, d]."""
    if network.recurrent is not None:
        return _gru(network, constants)
    nodes = [
        _node("Transpose", "steps", "channels0", perm=[0, 2, 1]),
        _node("Unsqueeze", "inside_flat one", "inside_channels"),
    ]
    for at, convolution in enumerate(network.convolutions):
        constants[f"kernel{at}"] = _values(convolution.weight)  # pyright: ignore[reportArgumentType]
        constants[f"shift{at}"] = _values(convolution.bias)  # pyright: ignore[reportArgumentType]
        nodes += [
            _node(
                "Conv",
                f"channels{at} kernel{at} shift{at}",
                f"convolved{at}",
                pads=[KERNEL // 2, KERNEL // 2],
            ),
            _node("Relu", f"convolved{at}", f"positive{at}"),
            _node("Mul", f"positive{at} inside_channels", f"channels{at + 1}"),
        ]
    last = len(network.convolutions)
    return [*nodes, _node("Transpose", f"channels{last}", "hidden", perm=[0, 2, 1])]


def _gru(network: FlowNetwork, constants: Constants) -> list[NodeProto]:
    # No lengths: what follows a window's end never reaches the steps before it.
    gru = network.recurrent
    assert gru is not None
    constants["gru_input"] = _gates(_values(gru.weight_ih_l0))[None]
    constants["gru_hidden"] = _gates(_values(gru.weight_hh_l0))[None]
    biases = [_gates(_values(bias)) for bias in (gru.bias_ih_l0, gru.bias_hh_l0)]
    constants["gru_bias"] = np.concatenate(biases)[None]
    return [
        _node("Transpose", "steps", "steps_first", perm=[1, 0, 2]),
        _node(
            "GRU",
            "steps_first gru_input gru_hidden gru_bias",
            "gru_output",
            hidden_size=gru.hidden_size,
            linear_before_reset=1,
        ),
        _node("Squeeze", "gru_output one", "states"),
        _node("Transpose", "states", "hidden", perm=[1, 0, 2]),
    ]


def _opinions(network: FlowNetwork, constants: Constants) -> list[NodeProto]:
    """`opinions` [m, w, k] of steps, and `window_odds` [m, k], their means."""
    constants["opinion"] = np.ascontiguousarray(_values(network.opinion.weight).T)
    constants["opinion_bias"] = _values(network.opinion.bias)
    return [
        _node("MatMul", "hidden opinion", "unshifted"),
        _node("Add", "unshifted opinion_bias", "opinions"),
        _node("Mul", "opinions inside", "known_opinions"),
        _node("ReduceSum", "known_opinions one", "summed", keepdims=0),
        _node("Max", "flat_lengths_column one", "divisor_whole"),
        _node("Cast", "divisor_whole", "divisor", to=TensorProto.FLOAT),
        _node("Div", "summed divisor", "window_odds"),
    ]


def _vote() -> list[NodeProto]:
    """`classes` [n, k], probabilities by the mean log-probability of the windows, and `score`."""
    return [
        _node("LogSoftmax", "window_odds", "window_votes", axis=1),
        _node("Shape", "window_votes", "class_count", start=1, end=2),
        _node("Concat", "each_window windows class_count", "votes_shape", axis=0),
        _node("Reshape", "window_votes votes_shape", "votes"),
        _node("Unsqueeze", "counted two", "counted_votes"),
        _node("Mul", "votes counted_votes", "valid_votes"),
        _node("ReduceSum", "valid_votes one", "vote_sum", keepdims=0),
        _node("ReduceSum", "counted one", "vote_count", keepdims=1),
        _node("Div", "vote_sum vote_count", "vote"),
        _node("Softmax", "vote", CLASSES, axis=1),
        _node("Gather", f"{CLASSES} positive", "positive_classes", axis=1),
        _node("ReduceSum", "positive_classes one", OUTPUT, keepdims=0),
    ]


def _parts() -> list[NodeProto]:
    """`parts` [n, t]: each flow's log-odds of the positive classes, by its share of the vote."""
    return [
        _node("Gather", "opinions positive", "for", axis=2),
        _node("Gather", "opinions negative", "against", axis=2),
        _node("ReduceLogSumExp", "for", "for_sum", axes=[2], keepdims=0),
        _node("ReduceLogSumExp", "against", "against_sum", axes=[2], keepdims=0),
        _node("Sub", "for_sum against_sum", "odds"),
        _node("Mul", "odds inside_flat", "known_odds"),
        _node("Div", "known_odds divisor", "odds_shares"),
        _node("Concat", "each_window windows window_width", "shares_shape", axis=0),
        _node("Reshape", "odds_shares shares_shape", "window_shares"),
        _node("Div", "counted vote_count", "window_weights"),
        _node("Unsqueeze", "window_weights two", "window_weights_column"),
        _node("Mul", "window_shares window_weights_column", "weighted_shares"),
        _node("Mul", "windows window_width", "places_count"),
        _node("Concat", "each_window places_count", "flat_shape", axis=0),
        _node("Reshape", "weighted_shares flat_shape", "flat_shares"),
        _node("Shape", "flat_shares", "flat_shares_shape"),
        _node("Reshape", "places flat_shape", "places_row"),
        _node("Expand", "places_row flat_shares_shape", "places_of_all"),
        _node("Shape", LENGTHS, "units"),
        _node("Concat", "units covered", "covered_shape", axis=0),
        _node("ConstantOfShape", "covered_shape", "nothing"),
        _node(
            "ScatterElements",
            "nothing places_of_all flat_shares",
            "spread",
            axis=1,
            reduction="add",
        ),
        _node("Slice", "spread zero width one", PARTS),
    ]


def _values(parameter: object) -> NDArray[np.float32]:
    return parameter.detach().cpu().numpy().astype(np.float32)  # pyright: ignore[reportAttributeAccessIssue]


def _gates(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of a gated unit in the order of ONNX: torch puts reset before update."""
    reset, update, new = np.split(rows, 3)
    return np.concatenate([update, reset, new])
