"""Flow sequences: what the flows between two hosts are, by their sizes and times alone."""

# The columns of a table have no type of their own.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detectors.graphs import assemble
from detectors.interface import Examples, GraphModel, Training, both_classes
from detectors.networks.flow_graph import Voting, flow_graph, window_starts
from detectors.networks.flow_network import FlowNetwork
from detectors.networks.torch_batches import content_of, padded
from detectors.networks.torch_training import Items, Schedule, reproducible, train
from whetstone.catalog import catalog_pb2
from whetstone.errors import InputError, TrainingError
from whetstone.scoring.encoding import FIRST_KNOWN, UNKNOWN, Ragged
from whetstone.scoring.encoding.series import Binned, Series
from whetstone.scoring.onnx import GraphInput

NAME = "flow_sequence"

# Half an octave a bin, from a millisecond to a gigabyte or 30 years; below lies one bin for all.
_EDGES = tuple(2.0 ** (half / 2) for half in range(-20, 61))
_PIECES = 4  # shorter pieces of each window that are learned from too


class FlowSequence:
    """A recurrent or convolutional network over the flows of a unit, such as those from one host
    to one port of another on a day.

    The features are lists of numbers, one number a flow, of equal length: bytes and packets of both
    directions, durations, and `times`, which become the differences between a flow and the one
    before. Each number is replaced by the number of its logarithmic bin. Of units of more than
    `length` flows, windows that overlap by half vote: the unit's probabilities are those of the
    mean log-probability of its windows. `classes` are the labels of the training examples, all of
    equal weight; the score is the probability that the class is a positive one. Addresses and
    ports are no features: what is learned is the shape of the flows.

    It learns from windows of the units and from shorter pieces of them, because a unit that is
    scored may have fewer flows than those it learned from. Default: GRU of 32 units, windows of 128
    flows, 25 epochs at learning rate 0.005. Cost: O(flows · width²) an epoch.

    References:
        Lopez-Martin et al., Network Traffic Classifier With Convolutional and Recurrent Neural
        Networks for Internet of Things, IEEE Access 2017.
    """

    def __init__(self, parameters: catalog_pb2.FlowSequence) -> None:
        self._recurrent = parameters.WhichOneof("architecture") != "convolutional"
        given = parameters.recurrent.hidden or parameters.convolutional.channels
        self._width = given or 32
        self._length = parameters.length or 128
        self._times = parameters.times
        self._schedule = Schedule(
            epochs=parameters.epochs or 25,
            learning_rate=parameters.learning_rate or 5e-3,
            weight_decay=0.01,
        )
        if self._length % 2:
            raise TrainingError(f"{NAME}: windows overlap by half, so length must be even")

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; trains afresh whatever `training.warm_start` is."""
        network, encoding, classes = self.fit_network(examples, training)
        nodes, constants = flow_graph(network, Voting(self._length, classes.positive))
        graph = assemble(
            NAME, [GraphInput(encoding)], nodes, constants, parts=True, classes=classes.names
        )
        return GraphModel(graph)

    def fit_network(
        self, examples: Examples, training: Training
    ) -> tuple[FlowNetwork, Series, "Classes"]:
        """The network before it becomes a graph, how units reach it, and what it tells apart.

        Raises:
            TrainingError: there are no positive or no benign examples.
            InputError: a feature is not a list of numbers, or the lists of a unit differ in length.
        """
        classes = Classes.of(examples)
        encoding = self._encoding(examples.names)
        windows = _windows(encoding.encode(examples.units), classes, self._length, training.seed)
        ids = [one.ids for one in encoding.binned]
        with reproducible(training.seed) as device:
            network = FlowNetwork(ids, len(classes.names), self._width, self._recurrent).to(device)
            weights = torch.tensor(windows.weights, dtype=torch.float32, device=device)
            labels = torch.tensor(windows.labels, device=device)

            def loss(chosen: NDArray[np.int64]) -> Tensor:
                given, lengths = padded(windows.flows, chosen, device)
                at = torch.from_numpy(chosen).to(device)
                odds = network(given, lengths).float()
                return weights[at] @ nn.functional.cross_entropy(odds, labels[at], reduction="none")

            items = Items(windows.flows.lengths, windows.weights, None, windows.content)
            train(network, loss, items, training, self._schedule)
            _level_ends(network, windows.flows.values)
        return network, encoding, classes

    def _encoding(self, names: tuple[str, ...]) -> Series:
        if self._times and self._times not in names:
            raise InputError(f"{NAME}: there is no feature {self._times!r} to take times from")
        return Series(tuple(Binned(name, _EDGES, name == self._times) for name in names))


@dataclass(frozen=True, eq=False)
class Classes:
    """What a model tells apart.

    Attributes:
        names: the k classes.
        positive: which of them are attacks.
        codes: (n,) int64, the class of each example.
    """

    names: tuple[str, ...]
    positive: tuple[bool, ...]
    codes: NDArray[np.int64]

    @staticmethod
    def of(examples: Examples) -> "Classes":
        """Those of the examples; positive and benign where their labels have no names.

        Raises:
            TrainingError: as `FlowSequence.fit_network`.
        """
        positive = both_classes(examples.positive, "A flow sequence model")
        labels = examples.labels
        if labels is None:
            labels = np.where(positive, "positive", "benign")
        names, first, codes = np.unique(labels, return_index=True, return_inverse=True)
        return Classes(
            tuple(str(name) for name in names),
            tuple(bool(value) for value in positive[first]),
            codes.astype(np.int64),
        )


@dataclass(frozen=True, eq=False)
class _Windows:
    """What is learned from: m windows and pieces of windows.

    Attributes:
        flows: their ids.
        labels: (m,) int64.
        weights: (m,) float64; all classes have equal sums, and in a class all units.
    """

    flows: Ragged
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def content(self) -> str:
        """A hash of it all."""
        return content_of(self.flows.values, self.flows.offsets, self.labels, self.weights)


def vote(probabilities: NDArray[np.floating], groups: NDArray[np.generic]) -> NDArray[np.int64]:
    """The class of each unit by the vote of all units of its group, such as those of one server.

    The class with the largest mean log-probability wins; a unit alone in its group votes alone.

    Args:
        probabilities: (n, k) output `classes` of n units.
        groups: (n,) equal for the units of a group.

    Returns:
        (n,) numbers of classes.
    """
    _, group = np.unique(groups, return_inverse=True)
    votes = np.zeros((int(group.max(initial=-1)) + 1, probabilities.shape[1]))
    np.add.at(votes, group, np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)))
    return votes.argmax(axis=1)[group]


def _windows(units: Ragged, classes: Classes, length: int, seed: int) -> _Windows:
    """The windows of all units, and of each random shorter pieces."""
    rng = np.random.default_rng(seed)
    members = np.bincount(classes.codes)
    cut: list[NDArray[np.int64]] = []
    labels: list[int] = []
    weights: list[float] = []
    for at, label in enumerate(classes.codes.tolist()):
        flows = units.unit(at)
        starts = window_starts(len(flows), length)
        windows = [flows[start : start + length] for start in starts]
        windows += [piece for window in windows for piece in _pieces(window, rng)]
        cut += windows
        labels += [label] * len(windows)
        share = len(units) / (int(members[label]) * len(windows))
        weights += [share] * len(windows)
    offsets = np.concatenate([[0], np.cumsum([len(window) for window in cut])]).astype(np.int64)
    return _Windows(Ragged(np.concatenate(cut), offsets), np.array(labels), np.array(weights))


def _pieces(window: NDArray[np.int64], rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Pieces of a window, short ones as likely as long ones; none of a single flow."""
    if len(window) < 2:
        return
    for _ in range(_PIECES):
        size = int(len(window) ** rng.random())
        start = int(rng.integers(len(window) - size + 1))
        yield window[start : start + size]


def _level_ends(network: FlowNetwork, seen: NDArray[np.int64]) -> None:
    """Give bins beyond the outermost ones that training saw the embeddings of those.

    Bins in between lie between their neighbours already; those beyond were never moved from where
    they began.
    """
    with torch.no_grad():
        for column, increments in enumerate(network.increments):
            known = seen[seen[:, column] >= FIRST_KNOWN, column]
            if not (seen[:, column] == UNKNOWN).any():
                increments[UNKNOWN] = 0
            lowest, highest = (known.min(), known.max()) if len(known) else (FIRST_KNOWN, UNKNOWN)
            increments[FIRST_KNOWN] = increments[FIRST_KNOWN : lowest + 1].sum(0)
            increments[FIRST_KNOWN + 1 : lowest + 1] = 0
            increments[highest + 1 :] = 0
