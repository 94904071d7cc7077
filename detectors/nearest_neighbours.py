"""Distance to the nearest benign units: what resembles none of them scores high."""

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from detectors.graphs import assemble
from detectors.interface import Examples, GraphModel, Training
from detectors.scaling import LogScale
from detectors.tabular import Matrix
from whetstone.catalog import catalog_pb2
from whetstone.errors import TrainingError
from whetstone.scoring.onnx import OUTPUT, GraphInput

NAME = "nearest_neighbours"

_KEPT = 16_384
_CHUNK = 1024  # references a matrix product: bounds the memory of distances to a batch of units
_MORE = 3  # candidates beyond the k nearest: rounding in the products may swap close ones


class NearestNeighbours:
    """Mean Euclidean distance, on a logarithmic scale, to the k nearest benign training units.

    Equal training units count once, so a score says how far the nearest k *different* ones are. A
    unit that was seen in training has the distance 0 to itself. Default: k = 1, at most 16,384
    training units, drawn at random where there are more. A larger k forgives training units that
    were wrongly called benign. On NSL-KDD k of 1, 3, 5, 10 and 20 were compared on the mean AUC
    over attack types in held-out fifths of the training file: 0.993 falls to 0.989. Results on
    the test half were on view beside them, and the scale itself was chosen with NSL-KDD labels in
    sight (see `PcaSpe`), so results there may flatter this family.

    Nothing is learned from attacks, so no kind of attack is easier because it was known before.
    A score costs O(m d) for m training units: some ten thousand scores a second.

    References:
        Ramaswamy, Rastogi, Shim, Efficient Algorithms for Mining Outliers from Large Data Sets,
        SIGMOD 2000.
    """

    def __init__(self, parameters: catalog_pb2.NearestNeighbours) -> None:
        self._parameters = parameters

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; trains afresh.

        Raises:
            TrainingError: no benign examples.
        """
        benign = examples.benign()
        if not len(benign):
            raise TrainingError(
                "Distances to benign units need benign training examples and there are none: "
                "contribute a sample of benign activity"
            )
        given = Matrix.of(benign)
        scale = LogScale.of(given)
        references = self.references(given, scale, training.seed)
        chunks = -(-len(references) // _CHUNK)
        neighbours = min(self._parameters.neighbours or 1, len(references))
        graph = assemble(
            NAME,
            [GraphInput(given.encoding)],
            [
                *scale.nodes("exact"),
                helper.make_node("Cast", ["exact"], ["scaled"], to=TensorProto.FLOAT),
                *_candidates(chunks),
                *_mean_distance(chunks),
            ],
            {**scale.constants(), **_constants(references, neighbours)},
            baselines=given.usual(),
        )
        return GraphModel(graph)

    def references(self, benign: Matrix, scale: LogScale, seed: int) -> NDArray[np.float32]:
        """(m, d) the different training units on the scale, or as many of them as are kept."""
        distinct = np.unique(scale.apply(benign.features).astype(np.float32), axis=0)
        kept = self._parameters.kept or _KEPT
        if len(distinct) <= kept:
            return distinct
        return np.random.default_rng(seed).choice(distinct, kept, replace=False)


def _candidates(chunks: int) -> list[NodeProto]:
    """From `scaled` [n, d] to `candidates` [n, c], the numbers of the c nearest references.

    |a - b|^2 = |a|^2 - 2 ab + |b|^2, of which |a|^2 changes no order. The difference of large
    products loses digits, so these distances only choose among the references.
    """
    node = helper.make_node
    every = range(chunks)
    nodes: list[NodeProto] = []
    for at in every:
        part = f"references_{at}"
        nodes += [
            node("ReduceSumSquare", [part], [f"squares_{at}"], axes=[1], keepdims=0),
            node("Gemm", ["scaled", part, f"squares_{at}"], [f"rough_{at}"], alpha=-2.0, transB=1),
            node("TopK", [f"rough_{at}", f"count_{at}"], [f"near_{at}", f"row_{at}"], largest=0),
            node("Add", [f"row_{at}", f"first_{at}"], [f"number_{at}"]),
        ]
    return [
        *nodes,
        node("Concat", [f"near_{at}" for at in every], ["near"], axis=1),
        node("Concat", [f"number_{at}" for at in every], ["numbers"], axis=1),
        node("TopK", ["near", "count"], ["nearest", "place"], largest=0),
        node("GatherElements", ["numbers", "place"], ["candidates"], axis=1),
    ]


def _mean_distance(chunks: int) -> list[NodeProto]:
    """From `scaled` and `candidates` to the score, by differences, which lose no digits."""
    node = helper.make_node
    return [
        node("Concat", [f"references_{at}" for at in range(chunks)], ["references"], axis=0),
        node("Gather", ["references", "candidates"], ["compared"], axis=0),
        node("Unsqueeze", ["scaled", "middle_axis"], ["asked"]),
        node("Sub", ["compared", "asked"], ["differences"]),
        node("ReduceL2", ["differences"], ["distances"], axes=[2], keepdims=0),
        node("TopK", ["distances", "neighbours"], ["least", "which"], largest=0),
        node("ReduceMean", ["least"], [OUTPUT], axes=[1], keepdims=0),
    ]


def _constants(references: NDArray[np.float32], neighbours: int) -> dict[str, NDArray[np.generic]]:
    """What the nodes read; the references in chunks."""
    wanted = min(neighbours + _MORE, len(references))
    constants: dict[str, NDArray[np.generic]] = {
        "count": np.array([wanted]),
        "neighbours": np.array([neighbours]),
        "middle_axis": np.array([1]),
    }
    for at, first in enumerate(range(0, len(references), _CHUNK)):
        chunk = references[first : first + _CHUNK]
        constants[f"references_{at}"] = chunk
        constants[f"count_{at}"] = np.array([min(wanted, len(chunk))])
        constants[f"first_{at}"] = np.array([first])
    return constants
