"""How surprising each event of a session is after the few before it: a back-off n-gram model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from detectors.graphs import assemble
from detectors.interface import Examples, GraphModel, Training
from detectors.sequence_keys import benign_keys
from whetstone.catalog import catalog_pb2
from whetstone.scoring.encoding import PADDING, Ragged
from whetstone.scoring.onnx import INPUT, LENGTHS, OUTPUT, PARTS, GraphInput

NAME = "sequence_ngrams"

_LONGEST = 6
_MAX_LENGTH = 4096
_UNSEEN = -1  # number of an n-gram that never occurred: takes the last entry of each table


class SequenceNgrams:
    """Mean surprise of a session's keys, -log p(key | the keys before it), in nats.

    p is interpolated over all shorter contexts: what the longest known context leaves over for
    keys that never followed it goes to the next shorter one (Witten and Bell), down to all keys
    alike. Nothing is random and nothing is thrown away, so a session that was seen in training
    costs little, however odd; one of 600 sessions of 400 keys is learned in a second.

    Default: up to 6 keys at once, of which the last is judged; the first 4,096 keys of a session
    count. An unknown key is as unlikely as any that never occurred after its context; a session
    without keys has no surprise. The part of a position is what it adds to the mean.

    References:
        Witten, Bell, The Zero-Frequency Problem, IEEE Transactions on Information Theory 37 (4),
        1991.
        Hofmeyr, Forrest, Somayaji, Intrusion Detection using Sequences of System Calls, Journal of
        Computer Security 6 (3), 1998.
    """

    def __init__(self, parameters: catalog_pb2.SequenceNgrams) -> None:
        self._longest = parameters.longest or _LONGEST
        self._max_length = parameters.max_length or _MAX_LENGTH

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; nothing is random, and nothing is taken from a warm start.

        Raises:
            TrainingError: no benign examples.
            InputError: not one column of keys.
        """
        encoding, keys = benign_keys(examples, self._max_length)
        tables = fit_tables(keys, encoding.ids, self._longest)
        graph = assemble(
            NAME, [GraphInput(encoding)], _nodes(tables), _constants(tables), parts=True
        )
        return GraphModel(graph)


@dataclass(frozen=True, eq=False)
class Order:
    """All n-grams of one length that occurred.

    Attributes:
        codes: (m,) ascending, distinct: number of the (n-1)-gram before the last key, times the
            count of ids, plus the last key. Their places are the numbers of the n-grams.
        probability: (m + 1,) float32 of the last key after the others; the last is of no n-gram.
        left_over: (m + 1,) float32 share that is left for keys that never followed the n-gram;
            the last, of n-grams that never occurred, is 1.
    """

    codes: NDArray[np.int64]
    probability: NDArray[np.float32]
    left_over: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Tables:
    """A back-off model.

    Attributes:
        ids: how many different ids there are; an n-gram that begins before the session has
            `PADDING` there.
        start: share of the empty context that is left for keys that never occurred.
        orders: of n-grams of one key, of two keys and so on.
    """

    ids: int
    start: float
    orders: tuple[Order, ...]


def fit_tables(keys: Ragged, ids: int, longest: int) -> Tables:
    """Count the n-grams of sessions, up to `longest` keys long."""
    place, tokens = _led_in(keys, longest)
    number = np.zeros(len(tokens), dtype=np.int64)
    probability = np.full(len(tokens), 1 / (ids - 1))  # all ids but padding
    contexts = 1
    found: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    left_over: list[NDArray[np.float64]] = []
    for n in range(1, longest + 1):
        at = np.flatnonzero(place >= n - 1)
        context = number[at - 1] if n > 1 else number
        codes, first, which = np.unique(
            context * ids + tokens[at], return_index=True, return_inverse=True
        )
        judged = place[at] >= longest
        counts = np.bincount(which[judged], minlength=len(codes))
        total = np.bincount(context[judged], minlength=contexts)
        followers = np.bincount(codes[counts > 0] // ids, minlength=contexts)
        share = np.where(total > 0, followers / np.maximum(total + followers, 1), 1.0)
        seen = (1 - share[context]) * counts[which] / np.maximum(total[context], 1)
        probability[at] = seen + share[context] * probability[at]
        number[at], contexts = which, len(codes)
        found.append((codes, probability[at[first]]))
        left_over.append(share)
    after = [*left_over[1:], np.empty(0)]  # nothing follows the longest n-grams
    return Tables(
        ids,
        float(left_over[0][0]),
        tuple(
            Order(codes, _with_last(p, 0.0), _with_last(share, 1.0))
            for (codes, p), share in zip(found, after, strict=True)
        ),
    )


def _led_in(keys: Ragged, longest: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All sessions one after the other, each led in by `longest` paddings.

    Returns:
        (m,) the place of each position in its session, from that of the first padding; (m,) ids.
    """
    lengths = keys.lengths + longest
    starts = np.cumsum(lengths) - lengths
    place = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    tokens = np.full(len(place), PADDING, dtype=np.int64)
    tokens[place >= longest] = keys.values
    return place, tokens


def _with_last(values: NDArray[np.float64], last: float) -> NDArray[np.float32]:
    return np.append(values, last).astype(np.float32)


def _nodes(tables: Tables) -> list[NodeProto]:
    """From ids [n, t] to the surprise of each and the mean of them."""
    node = helper.make_node
    nodes = [
        node("Pad", [INPUT, "lead_in"], ["ids"]),
        node("Mul", ["ids", "zero"], ["empty"]),
        node("Cast", ["empty"], ["nothing"], to=TensorProto.FLOAT),
        node("Add", ["nothing", "uniform"], ["probability_0"]),
        node("Add", ["nothing", "start"], ["left_over_0"]),
    ]
    before = "empty"
    for n, order in enumerate(tables.orders, start=1):
        nodes += [
            node("Mul", [before, "base"], [f"shifted_{n}"]),
            node("Add", [f"shifted_{n}", "ids"], [f"code_{n}"]),
            node(
                "LabelEncoder",
                [f"code_{n}"],
                [f"number_{n}"],
                domain="ai.onnx.ml",
                keys_int64s=order.codes.tolist(),
                values_int64s=list(range(len(order.codes))),
                default_int64=_UNSEEN,
            ),
            node("Less", [f"number_{n}", "zero"], [f"unseen_{n}"]),
            node("Gather", [f"probabilities_{n}", f"number_{n}"], [f"known_{n}"]),
            node("Mul", [f"left_over_{n - 1}", f"probability_{n - 1}"], [f"shorter_{n}"]),
            node("Where", [f"unseen_{n}", f"shorter_{n}", f"known_{n}"], [f"probability_{n}"]),
        ]
        if n < len(tables.orders):
            before = f"before_{n}"
            nodes += [
                node("Pad", [f"number_{n}", "one_step", "unseen"], [before]),
                node("Gather", [f"left_overs_{n}", before], [f"left_over_{n}"]),
            ]
    return [*nodes, *_mean(f"probability_{len(tables.orders)}")]


def _mean(probability: str) -> list[NodeProto]:
    """The parts and their sum, in float64: the padding behind a session must not round it."""
    node = helper.make_node
    return [
        node("Slice", [probability, "lead", "end", "steps"], ["of_keys"]),
        node("Log", ["of_keys"], ["log"]),
        node("Neg", ["log"], ["surprise"]),
        node("Equal", [INPUT, "zero"], ["padded"]),
        node("Max", [LENGTHS, "one"], ["keys"]),
        node("Unsqueeze", ["keys", "steps"], ["column"]),
        node("Cast", ["column"], ["divisor"], to=TensorProto.FLOAT),
        node("Div", ["surprise", "divisor"], ["share"]),
        node("Where", ["padded", "none", "share"], [PARTS]),
        node("Cast", [PARTS], ["exact"], to=TensorProto.DOUBLE),
        node("ReduceSum", ["exact", "steps"], ["sum"], keepdims=0),
        node("Cast", ["sum"], [OUTPUT], to=TensorProto.FLOAT),
    ]


def _constants(tables: Tables) -> dict[str, NDArray[np.generic]]:
    longest = len(tables.orders)
    constants: dict[str, NDArray[np.generic]] = {
        "lead_in": np.array([0, longest, 0, 0]),
        "one_step": np.array([0, 1, 0, -1]),
        "zero": np.array(0),
        "one": np.array(1),
        "base": np.array(tables.ids),
        "unseen": np.array(_UNSEEN),
        "uniform": np.array(1 / (tables.ids - 1), dtype=np.float32),
        "start": np.array(tables.start, dtype=np.float32),
        "none": np.array(0, dtype=np.float32),
        "lead": np.array([longest]),
        "end": np.array([np.iinfo(np.int64).max]),
        "steps": np.array([1]),
    }
    for n, order in enumerate(tables.orders, start=1):
        constants[f"probabilities_{n}"] = order.probability
        if n < longest:
            constants[f"left_overs_{n}"] = order.left_over
    return constants
