"""The ONNX graph of a `KeyNetwork`, node by node: the same numbers without torch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from detectors.networks.log_key_company import OFTEN, STATES, Company
from detectors.networks.log_key_network import MOST_VALUE_SURPRISE, KeyNetwork
from detectors.networks.log_key_sessions import Standard
from detectors.networks.log_key_weights import constants_of
from whetstone.scoring.encoding import PADDING
from whetstone.scoring.onnx import INPUT, LENGTHS, OUTPUT, PARTS

Array = NDArray[np.generic]

_OPERATIONS = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}


@dataclass(frozen=True)
class Scoring:
    """How the surprises of a session become its score.

    Attributes:
        candidates: 0: surprise is negative log-likelihood; else a position counts 1 where at least
            so many keys were likelier than the one that came.
        worst: how many of the most surprising positions add up to the score of the order.
    """

    candidates: int
    worst: int


def key_nodes(
    network: KeyNetwork, scoring: Scoring, company: Company | None, standard: Standard
) -> tuple[list[NodeProto], dict[str, Array]]:
    """Nodes and constants from `features` and `lengths` to `score` and `parts`.

    The part of a position is its surprise in the order, that of the end added to the last key's,
    and the strongest surprise that its key takes part in by its company.

    Args:
        network: trained.
        scoring: how to score.
        company: of keys; None: the score is that of the order alone.
        standard: of the numbers.
    """
    graph = _Graph(network)
    if network.shape.values:
        graph.values(standard)
    else:
        graph.add("Identity", INPUT, "ids")
    graph.states()
    graph.surprises(scoring.candidates)
    if company is None:
        graph.no_company()
    else:
        graph.company(company)
    graph.score(scoring.worst)
    return graph.nodes, graph.constants


class _Graph:
    """Nodes in the making, and the constants that they read."""

    def __init__(self, network: KeyNetwork) -> None:
        self._shape = network.shape
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, Array] = {
            "zero": np.array([0], np.int64),
            "one": np.array([1], np.int64),
            "two": np.array([2], np.int64),
            "last": np.array([-1], np.int64),
            "beyond": np.array([np.iinfo(np.int64).max], np.int64),
            "nothing": np.array(0, np.float32),
            "one_before": np.array([0, 1, 0, 0], np.int64),
            "one_after": np.array([0, 0, 0, 1], np.int64),
            **constants_of(network),
        }

    def add(self, operation: str, inputs: str, output: str, **attributes: Any) -> str:
        """Add a node that reads `inputs`, names with spaces between them; gives back `output`."""
        self.nodes.append(helper.make_node(operation, inputs.split(), [output], **attributes))
        return output

    def values(self, standard: Standard) -> None:
        """Take `features` [n, t, 1 + c] apart; standardize the numbers."""
        largest = np.finfo(np.float32).max
        self.constants |= {
            "centre": standard.centre,
            "scale": standard.scale,
            "largest": np.array(largest, np.float32),
            "smallest": np.array(-largest, np.float32),
            "unit": np.array(1, np.float32),
            "event_before": np.array([0, 1, 0, 0, 0, 0], np.int64),
        }
        self.add("Slice", f"{INPUT} zero one two", "id_column")
        self.add("Squeeze", "id_column two", "id_numbers")
        self.add("Cast", "id_numbers", "ids", to=TensorProto.INT64)
        self.add("Slice", f"{INPUT} one beyond two", "raw_values")
        self.constants["padding"] = np.array(PADDING, np.int64)
        self.add("IsNaN", "raw_values", "unknown_values")
        self.add("Equal", "ids padding", "beyond_end")
        self.add("Unsqueeze", "beyond_end two", "beyond_end_column")
        self.add("Or", "unknown_values beyond_end_column", "missing")
        self.add("Where", "missing nothing raw_values", "present")
        self.add("Clip", "present smallest largest", "finite")
        self.add("Abs", "finite", "size")
        self.add("Add", "size unit", "above_one")
        self.add("Log", "above_one", "log_size")
        self.add("Sign", "finite", "sign")
        self.add("Mul", "log_size sign", "logarithms")
        self.add("Gather", "centre ids", "centres")
        self.add("Gather", "scale ids", "scales")
        self.add("Sub", "logarithms centres", "centred")
        self.add("Div", "centred scales", "standardized")
        self.add("Where", "missing nothing standardized", "values")
        self.add("Not", "missing", "there")
        self.add("Cast", "there", "known", to=TensorProto.FLOAT)

    def states(self) -> None:
        """`states` [n, t + 1, h]: at each position what is known before it."""
        self.add("Pad", "ids one_before", "before")
        given = self.add("Gather", "embedding.weight before", "embedded")
        if self._shape.values:
            self.add("Pad", "values event_before", "values_before")
            self.add("Pad", "known event_before", "known_before")
            given = self.add("Concat", "embedded values_before known_before", "events", axis=2)
        given = self.add("Transpose", given, "by_step", perm=[1, 0, 2])
        operation = _OPERATIONS[self._shape.cell]
        as_torch = {"linear_before_reset": 1} if operation == "GRU" else {}
        for layer in range(self._shape.layers):
            weights = " ".join(
                f"cells.{kind}_l{layer}" for kind in ("weight_ih", "weight_hh", "bias")
            )
            self.add(
                operation,
                f"{given} {weights}",
                f"outputs{layer}",
                hidden_size=self._shape.hidden,
                **as_torch,
            )
            given = self.add("Squeeze", f"outputs{layer} one", f"layer{layer}")
        self.add("Transpose", given, "states", perm=[1, 0, 2])

    def surprises(self, candidates: int) -> None:
        """`surprises` [n, t + 1], 0 beyond the end."""
        self._linear("states", "next_key", "logits")
        self.add("Pad", "ids one_after", "targets")
        self.add("Unsqueeze", "targets two", "target_column")
        if candidates:
            self.constants["candidates"] = np.array(candidates, np.int64)
            self.add("GatherElements", "logits target_column", "came", axis=2)
            self.add("Greater", "logits came", "likelier")
            self.add("Cast", "likelier", "likelier_ones", to=TensorProto.INT64)
            self.add("ReduceSum", "likelier_ones two", "rank", keepdims=0)
            self.add("GreaterOrEqual", "rank candidates", "missed")
            given = self.add("Cast", "missed", "of_keys", to=TensorProto.FLOAT)
        else:
            self.add("LogSoftmax", "logits", "chances", axis=2)
            self.add("GatherElements", "chances target_column", "chance_column", axis=2)
            self.add("Squeeze", "chance_column two", "chance")
            given = self.add("Neg", "chance", "of_keys")
        if self._shape.values:
            self._of_values()
            given = self.add("Add", "of_keys of_values", "of_both")
        self._mask(given)

    def company(self, company: Company) -> None:
        """`of_company` [n], and `company_of_keys` [n, t]: the strongest surprise that each key
        takes part in.
        """
        size = company.size
        self.constants |= {
            "slot_of_id": company.slots,
            "company": company.table,
            "slots": np.array([size], np.int64),
            "first_states": (np.arange(size) * STATES)[1:],
            "often": np.array(OFTEN, np.int64),
            "other_slots": np.array([size - 1], np.int64),
        }
        self.add("Gather", "slot_of_id ids", "slot_ids")
        self.add("Shape", "ids", "ids_shape")
        self.add("Slice", "ids_shape zero one", "sessions")
        self.add("Concat", "sessions slots", "counts_shape", axis=0)
        self._filled("counts_shape", 0, "no_counts")
        self._filled("ids_shape", 1, "each_key")
        self.add(
            "ScatterElements", "no_counts slot_ids each_key", "counts", axis=1, reduction="add"
        )
        self.add("Slice", "counts one beyond one", "counts_of_keys")  # without those of padding
        self.add("Min", "counts_of_keys often", "occurrences")
        self.add("Add", "occurrences first_states", "states_of_slots")
        # The surprises of all pairs of states that a session has, [n, s - 1, s - 1].
        self.add("Gather", "company states_of_slots", "rows", axis=0)
        self.add("Unsqueeze", "states_of_slots one", "columns")
        self.add("Concat", "sessions other_slots other_slots", "pairs_shape", axis=0)
        self.add("Expand", "columns pairs_shape", "columns_of_pairs")
        self.add("GatherElements", "rows columns_of_pairs", "pairs", axis=2)
        self.add("ReduceMax", "pairs", "of_company", axes=[1, 2], keepdims=0)
        self.add("ReduceMax", "pairs", "as_second", axes=[1], keepdims=0)
        self.add("ReduceMax", "pairs", "as_first", axes=[2], keepdims=0)
        self.add("Max", "as_first as_second", "of_slots")
        self.add("Pad", "of_slots one_before", "of_all_slots")
        self.add("GatherElements", "of_all_slots slot_ids", "company_of_keys", axis=1)

    def no_company(self) -> None:
        """The same two, all zero."""
        self.constants["nothing_each"] = np.array([0], np.float32)
        self.add("Identity", "nothing_each", "of_company")
        self.add("Identity", "nothing_each", "company_of_keys")

    def score(self, worst: int) -> None:
        """`score` [n] and `parts` [n, t] from the surprises and the company."""
        # There are 9 positions at least, for units are padded to 8 keys.
        self.constants["worst"] = np.array([min(worst, 9)], np.int64)
        outputs = ["worst_surprises", "where_worst"]
        self.nodes.append(helper.make_node("TopK", ["surprises", "worst"], outputs, axis=1))
        self.add("ReduceSum", "worst_surprises one", "of_order", keepdims=0)
        self.add("Add", "of_order of_company", OUTPUT)
        self.add("Equal", "steps length_column", "is_end")
        self.add("Where", "is_end surprises nothing", "of_end")
        self.add("Sub", "surprises of_end", "without_end")
        self.add("Slice", "without_end zero last one", "of_keys_alone")
        self.add("Slice", "of_end one beyond one", "of_end_on_key")
        self.add("Add", "of_keys_alone of_end_on_key", "order_of_keys")
        self.add("Add", "order_of_keys company_of_keys", PARTS)

    def _filled(self, shape: str, value: int, output: str) -> None:
        """An int64 tensor of a shape, all of one value."""
        filling = numpy_helper.from_array(np.array([value], np.int64))
        self.add("ConstantOfShape", shape, output, value=filling)

    def _of_values(self) -> None:
        """`of_values` [n, t + 1]: how far the numbers of each key lie from what was expected."""
        self.constants |= {
            "most": np.array(MOST_VALUE_SURPRISE, np.float32),
            "half": np.array(0.5, np.float32),
        }
        self.add("Gather", "embedding.weight ids", "came_embedded")
        self.add("Slice", "states zero last one", "states_of_keys")
        self.add("Concat", "states_of_keys came_embedded", "given_key", axis=2)
        self._linear("given_key", "value_features", "value_features")
        self.add("Relu", "value_features", "positive_features")
        self._linear("positive_features", "value_means", "value_means")
        self.add("Sub", "values value_means", "residuals")
        self.add("Gather", "value_scales.weight ids", "log_scales")
        self.add("Exp", "log_scales", "value_scales")
        self.add("Div", "residuals value_scales", "deviations")
        self.add("Mul", "deviations deviations", "squares")
        self.add("Mul", "squares half", "halves")
        self.add("Min", "halves most", "limited")
        self.add("Mul", "limited known", "of_each_value")
        self.add("ReduceSum", "of_each_value two", "of_values_alone", keepdims=0)
        self.add("Pad", "of_values_alone one_after", "of_values")

    def _mask(self, given: str) -> None:
        self.constants |= {"from_zero": np.array(0, np.int64), "step": np.array(1, np.int64)}
        self.constants["second"] = np.array(1, np.int64)
        self.add("Shape", "targets", "shape")
        self.add("Gather", "shape second", "width", axis=0)
        self.add("Range", "from_zero width step", "steps")
        self.add("Unsqueeze", f"{LENGTHS} one", "length_column")
        self.add("LessOrEqual", "steps length_column", "inside")
        self.add("Where", f"inside {given} nothing", "surprises")

    def _linear(self, given: str, layer: str, output: str) -> None:
        self.add("MatMul", f"{given} {layer}.weight", f"{output}_product")
        self.add("Add", f"{output}_product {layer}.bias", output)
