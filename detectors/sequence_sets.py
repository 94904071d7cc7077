"""Which events a session has at all, compared with the nearest benign session."""

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

from detectors.graphs import assemble
from detectors.interface import Examples, GraphModel, Training
from detectors.sequence_keys import benign_keys
from whetstone.catalog import catalog_pb2
from whetstone.scoring.encoding import PADDING, Ragged
from whetstone.scoring.onnx import INPUT, OUTPUT, PARTS, GraphInput

NAME = "sequence_sets"

_MAX_LENGTH = 4096
_KEPT = 4096


class SequenceSets:
    """Jaccard distance of a session's set of keys to that of the nearest benign one.

    Neither order nor counts matter, so threads that interleave at random do not disturb it, and
    it sees what a model of the next event cannot: a session that mixes what belongs to different
    programs, though each step of it is usual. Several unknown keys count as one. The score is 0
    where a benign session has the very same keys, 1 where none has any of them in common.

    The part of a position is its share of what the nearest session does not have; what the
    session itself lacks has no position. Default: the first 4,096 keys of a session count; at most
    4,096 different sets are kept, drawn at random where there are more. Cost: O(t + m k) a
    session of t keys, for m sets and k keys known.

    References:
        Jaccard, The Distribution of the Flora in the Alpine Zone, New Phytologist 11 (2), 1912.
    """

    def __init__(self, parameters: catalog_pb2.SequenceSets) -> None:
        self._max_length = parameters.max_length or _MAX_LENGTH
        self._kept = parameters.kept or _KEPT

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; trains afresh.

        Raises:
            TrainingError: no benign examples.
            InputError: not one column of keys.
        """
        encoding, keys = benign_keys(examples, self._max_length)
        sets = key_sets(keys, encoding.ids)
        if len(sets) > self._kept:
            sets = np.random.default_rng(training.seed).choice(sets, self._kept, replace=False)
        graph = assemble(NAME, [GraphInput(encoding)], _nodes(), _constants(sets), parts=True)
        return GraphModel(graph)


def key_sets(keys: Ragged, ids: int) -> NDArray[np.float32]:
    """(m, ids) the different sets of keys of sessions: 1 where a key is in it, else 0."""
    present = np.zeros((len(keys), ids), dtype=np.float32)
    present[np.repeat(np.arange(len(keys)), keys.lengths), keys.values] = 1
    return np.unique(present, axis=0)


def _nodes() -> list[NodeProto]:
    """From ids [n, t] to the distance and to what the positions add to it."""
    node = helper.make_node
    return [
        node("Shape", [INPUT], ["rows"], start=0, end=1),
        node("Concat", ["rows", "ids"], ["shape"], axis=0),
        node("Expand", ["nothing", "shape"], ["none"]),
        node("Equal", [INPUT, "padding"], ["padded"]),
        node("Where", ["padded", "nothing", "one"], ["each"]),
        node("ScatterElements", ["none", INPUT, "each"], ["counts"], axis=1, reduction="add"),
        node("Min", ["counts", "one"], ["present"]),
        node("MatMul", ["present", "sets_by_key"], ["common"]),
        node("ReduceSum", ["present", "key_axis"], ["size"], keepdims=1),
        node("Add", ["size", "sizes"], ["both"]),
        node("Sub", ["both", "common"], ["either"]),
        node("Sub", ["either", "common"], ["different"]),
        node("Max", ["either", "one"], ["divisor"]),
        node("Div", ["different", "divisor"], ["distances"]),
        node("ReduceMin", ["distances"], [OUTPUT], axes=[1], keepdims=0),
        *_parts(),
    ]


def _parts() -> list[NodeProto]:
    """Of each key that the nearest set lacks one share, divided among its positions."""
    node = helper.make_node
    return [
        node("ArgMin", ["distances"], ["nearest"], axis=1, keepdims=1),
        node("GatherElements", ["divisor", "nearest"], ["keys_of_both"], axis=1),
        node("Squeeze", ["nearest", "key_axis"], ["number"]),
        node("Gather", ["sets", "number"], ["its_keys"]),
        node("Sub", ["one", "its_keys"], ["lacking"]),
        node("Max", ["counts", "one"], ["times"]),
        node("Mul", ["times", "keys_of_both"], ["among"]),
        node("Div", ["lacking", "among"], ["key_share"]),
        node("GatherElements", ["key_share", INPUT], ["share"], axis=1),
        node("Mul", ["share", "each"], [PARTS]),
    ]


def _constants(sets: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
    return {
        "ids": np.array([sets.shape[1]]),
        "sets": sets,
        "sets_by_key": np.ascontiguousarray(sets.T),
        "sizes": sets.sum(axis=1, dtype=np.float32)[None],
        "padding": np.array(PADDING),
        "nothing": np.array(0, dtype=np.float32),
        "one": np.array(1, dtype=np.float32),
        "key_axis": np.array([1]),
    }
