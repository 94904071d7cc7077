"""Scores by an exported ONNX graph: the one way in which anything outside training scores.

A graph has an input for each of its encodings (`whetstone.scoring.encoding`): float32 [n, d] of a
dense one; int64 or float32 [n, t] or [n, t, c] of a ragged one, with an input of lengths, int64
[n], beside it. Its outputs are

    score    float32 [n], higher is worse
    parts    float32 [n, t], what each position of the ragged input adds to it
    classes  float32 [n, k], probabilities of the classes that the metadata name
    members  float32 [n, k], scores of the members of an ensemble, which the metadata name

and of an ensemble's first, second … member `member_0_parts`, `member_1_parts` …, about the inputs
whose names begin in the same way;
of which only the first must be there. Its metadata name the model family, the encodings, and for
each feature of a dense one the value that is usual for benign units (what an explanation compares
with).

The score of a unit depends on nothing but the unit: onnxruntime gets one thread and batches of a
multiple of 16 rows, and a unit's padding depends on its own length alone. With more threads, or
with a last odd row, it adds up in another order, and the same unit gets another score in the last
digits: enough to fall on the other side of a threshold that was chosen just above a benign score.
Large inputs are spread over threads here.
"""

# pyarrow and onnxruntime ship no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import onnxruntime
import pyarrow as pa
from numpy.typing import NDArray

from whetstone.errors import InputError
from whetstone.scoring.batches import Batch, Tensor, batches, distinct
from whetstone.scoring.encoding import Dense, Encoding, Ragged, encoding_of, is_ragged
from whetstone.settings import settings

INPUT, LENGTHS = "features", "lengths"
OUTPUT, PARTS, CLASSES, MEMBERS = "score", "parts", "classes", "members"
FAMILY_KEY, INPUTS_KEY, BASELINES_KEY = "family", "inputs", "baselines"

_FEW = 8  # batches; starting threads for them costs more than they save
_TYPES = {np.float32: "tensor(float)", np.int64: "tensor(int64)"}


def member_prefix(number: int) -> str:
    """How the names of an ensemble's inputs and parts begin that belong to one of its members."""
    return f"member_{number}_"


@dataclass(frozen=True)
class GraphInput:
    """An input of a graph and how its tensor comes about.

    Attributes:
        encoding: from columns to the tensor.
        name: of the input.
        lengths: of the input beside it that takes the lengths; only a ragged encoding has one.
    """

    encoding: Encoding
    name: str = INPUT
    lengths: str = LENGTHS

    @property
    def ragged(self) -> bool:
        """Whether its units are sequences."""
        return is_ragged(self.encoding)

    def spec(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {"input": self.name, "lengths": self.lengths, "encoding": self.encoding.spec()}

    @staticmethod
    def from_spec(spec: Mapping[str, Any]) -> "GraphInput":
        """The inverse of `spec`."""
        return GraphInput(encoding_of(spec["encoding"]), spec["input"], spec["lengths"])


class OnnxScorer:
    """A model in the form in which it is released.

    Attributes:
        family: the model family, such as `pca_spe`.
        inputs: its inputs.
        names: the features that it reads.
        baselines: what each feature of a dense input is for benign units; None where unknown.
        outputs: names of its outputs.
        classes: names of the classes, and of the members, whose columns the outputs have.
        members: names of the members.
    """

    family: str
    inputs: tuple[GraphInput, ...]
    names: tuple[str, ...]
    baselines: dict[str, float | str | None]
    outputs: tuple[str, ...]
    classes: tuple[str, ...]
    members: tuple[str, ...]

    def __init__(self, graph: bytes) -> None:
        """Load a serialized ONNX model.

        Raises:
            InputError: these bytes are not a graph as described in this module.
        """
        self._session: Any = _session(graph)
        metadata = cast(Mapping[str, str], self._session.get_modelmeta().custom_metadata_map)
        try:
            self.family = metadata[FAMILY_KEY]
            self.inputs = tuple(map(GraphInput.from_spec, json.loads(metadata[INPUTS_KEY])))
            self.baselines = json.loads(metadata[BASELINES_KEY])
            self.classes = tuple(json.loads(metadata.get(CLASSES, "[]")))
            self.members = tuple(json.loads(metadata.get(MEMBERS, "[]")))
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"The graph's metadata has no usable {error}: export it with detectors/"
            ) from error
        columns = [column for given in self.inputs for column in given.encoding.columns]
        self.names = tuple(dict.fromkeys(columns))
        self.outputs = tuple(value.name for value in self._session.get_outputs())
        _check_signature(self._session, self.inputs)
        self._threads = settings().threads or os.cpu_count() or 1

    def score(self, units: pa.Table) -> NDArray[np.float64]:
        """Score each unit; higher is worse.

        Args:
            units: n rows with the columns `names`, and any others.

        Returns:
            (n,) float64, whose values are those of the graph's float32 output. Empty for n = 0.

        Raises:
            InputError: a column is not there or is of another type than in training.
        """
        return self.score_encoded(self.encode(units))

    def encode(self, units: pa.Table) -> list[Dense | Ragged]:
        """The tensors of units, one an input."""
        return [given.encoding.encode(units) for given in self.inputs]

    def score_encoded(self, tensors: Sequence[Dense | Ragged]) -> NDArray[np.float64]:
        """As `score`, of units that are tensors already."""
        return self.run(tensors, OUTPUT).astype(np.float64)

    def run(self, tensors: Sequence[Dense | Ragged], output: str) -> NDArray[np.float32]:
        """One output for each of n units: (n,) or (n, k).

        Raises:
            InputError: the tensors do not fit the graph's inputs, or it has no such output.
        """
        self._check(tensors, output)
        given, equals = distinct(tensors)
        width = {CLASSES: (len(self.classes),), MEMBERS: (len(self.members),)}.get(output, ())
        values = np.empty((len(given[0]), *width), dtype=np.float32)
        for batch, result in self._run_batches(given, output):
            values[batch.units] = result
        return values if equals is None else values[equals]

    def parts(self, tensors: Sequence[Dense | Ragged], prefix: str = "") -> Ragged:
        """What each position of the first ragged input adds to its unit's score.

        Args:
            tensors: of n units.
            prefix: of a member of an ensemble: its first ragged input, and its score.

        Raises:
            InputError: as `run`.
        """
        output = prefix + PARTS
        self._check(tensors, output)
        given, equals = distinct(tensors)
        ragged = next(
            tensor
            for tensor, of in zip(given, self.inputs, strict=True)
            if isinstance(tensor, Ragged) and of.name.startswith(prefix)
        )
        values = np.empty(len(ragged.values), dtype=np.float32)
        for batch, padded in self._run_batches(given, output):
            inside = np.arange(padded.shape[1]) < ragged.lengths[batch.units][:, None]
            values[ragged.places(batch.units)] = padded[inside]
        found = Ragged(values, ragged.offsets)
        return found if equals is None else found.take(equals)

    def _run_batches(
        self, tensors: Sequence[Dense | Ragged], output: str
    ) -> list[tuple[Batch, NDArray[np.float32]]]:
        """The output of each batch of units."""
        planned = list(batches(tensors))
        if len(planned) <= _FEW or self._threads == 1:
            values = [self._run_batch(tensors, batch, output) for batch in planned]
        else:
            with ThreadPoolExecutor(min(self._threads, len(planned))) as pool:
                values = list(pool.map(lambda b: self._run_batch(tensors, b, output), planned))
        return list(zip(planned, values, strict=True))

    def _run_batch(
        self, tensors: Sequence[Dense | Ragged], batch: Batch, output: str
    ) -> NDArray[np.float32]:
        feed: dict[str, Tensor] = {}
        for given, tensor in zip(self.inputs, tensors, strict=True):
            feed[given.name], lengths = batch.tensor(tensor)
            if given.ragged:
                feed[given.lengths] = lengths
        try:
            (values,) = self._session.run([output], feed)
        except Exception as error:  # onnxruntime's own errors have no common base but this
            raise InputError(f"The model of {self.family} cannot score this: {error}") from error
        return cast(NDArray[np.float32], values)[: len(batch.units)]

    def _check(self, tensors: Sequence[Dense | Ragged], output: str) -> None:
        if output not in self.outputs:
            raise InputError(f"A model of {self.family} has no output {output!r}")
        if len(tensors) != len(self.inputs):
            raise InputError(f"The model takes {len(self.inputs)} tensors, not {len(tensors)}")
        for given, tensor in zip(self.inputs, tensors, strict=True):
            if not isinstance(tensor, Ragged) and tensor.shape[1:] != given.encoding.shape[1:]:
                raise InputError(
                    f"Features of shape {tensor.shape} do not fit the model: it expects "
                    f"(n, {given.encoding.shape[1]}), of the features "
                    f"{', '.join(given.encoding.columns)}"
                )


def _session(graph: bytes) -> Any:
    options = cast(Any, onnxruntime).SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what matters is raised; nothing writes to a sensor's stderr
    try:
        return cast(Any, onnxruntime).InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own errors have no common base but this
        raise InputError(f"Not an ONNX graph that onnxruntime can run: {error}") from error


def _check_signature(session: Any, inputs: Sequence[GraphInput]) -> None:
    expected: dict[str, tuple[str, list[int]]] = {}
    for given in inputs:
        sizes = [size for size in given.encoding.shape if isinstance(size, int)]
        expected[given.name] = (_TYPES[cast(Any, given.encoding.dtype)], sizes)
        if given.ragged:
            expected[given.lengths] = ("tensor(int64)", [])
    found = {
        value.name: (value.type, [size for size in value.shape if isinstance(size, int)])
        for value in session.get_inputs()
    }
    if found != expected:
        raise InputError(f"The graph's inputs are {found}, its encodings give {expected}")
    outputs = {value.name: (value.type, len(value.shape)) for value in session.get_outputs()}
    ranks = {OUTPUT: 1, PARTS: 2, CLASSES: 2, MEMBERS: 2}
    for name in outputs:
        if name.startswith("member_") and name.endswith(f"_{PARTS}"):
            ranks[name] = 2
    if OUTPUT not in outputs or any(
        name not in ranks or (kind, rank) != ("tensor(float)", ranks[name])
        for name, (kind, rank) in outputs.items()
    ):
        raise InputError(
            f"The graph needs an output {OUTPUT!r}, float32 [n], and may have"
            f" {', '.join(ranks)}; it has {outputs}"
        )
