"""Scores by an exported ONNX graph: the one way in which anything outside training scores.

A graph has one input `features`, float32 [n, d], and one output `score`, float32 [n]; its metadata
names the model family, the features in the order of their columns, and for each feature the value
that is usual for benign units (what an explanation compares with).

The score of a row depends on nothing but the row: onnxruntime gets one thread and batches of whole
multiples of `_ALIGNMENT` rows. With more threads, or with a last odd row, it adds up in another
order, and the same row gets another score in the last digits: enough to fall on the other side of
a threshold that was chosen just above a benign score. Large inputs are spread over threads here.
"""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from whetstone.errors import InputError
from whetstone.settings import settings

INPUT, OUTPUT = "features", "score"
FAMILY_KEY, FEATURES_KEY, BASELINES_KEY = "family", "features", "baselines"

_ALIGNMENT = 16  # rows; the widest vector registers hold 16 float32
_BLOCK = 4096  # rows a call; large enough that the call itself costs nothing


class OnnxScorer:
    """A model in the form in which it is released.

    Attributes:
        family: the model family, such as `pca_spe`.
        names: the features, in the order of the columns that `score` expects; d of them.
        baselines: (d,) float32, the benign median of each feature; NaN where none was known.
    """

    family: str
    names: tuple[str, ...]
    baselines: NDArray[np.float32]

    def __init__(self, graph: bytes) -> None:
        """Load a serialized ONNX model.

        Raises:
            InputError: these bytes are not a graph as described in this module.
        """
        self._session: Any = _session(graph)
        metadata = cast(Mapping[str, str], self._session.get_modelmeta().custom_metadata_map)
        try:
            self.family = metadata[FAMILY_KEY]
            self.names = tuple(json.loads(metadata[FEATURES_KEY]))
            baselines = json.loads(metadata[BASELINES_KEY])
        except (KeyError, ValueError) as error:
            raise InputError(
                f"The graph's metadata has no usable {error}: export it with detectors/"
            ) from error
        self.baselines = np.array(baselines, dtype=np.float32)  # null becomes NaN
        _check_signature(self._session, len(self.names))
        if self.baselines.shape != (len(self.names),):
            raise InputError("The graph's metadata needs one baseline for each feature")
        self._threads = settings().threads or os.cpu_count() or 1

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score each row; higher is worse.

        Args:
            features: (n, d) float32, columns in the order of `names`; NaN is a missing value.

        Returns:
            (n,) float64, whose values are those of the graph's float32 output. Empty for n = 0.

        Raises:
            InputError: the number of columns is not d.
        """
        if features.ndim != 2 or features.shape[1] != len(self.names):
            raise InputError(
                f"Features of shape {features.shape} do not fit the model: it expects "
                f"(n, {len(self.names)}), the columns {', '.join(self.names)}"
            )
        blocks = [features[at : at + _BLOCK] for at in range(0, len(features), _BLOCK)]
        if not blocks:
            return np.empty(0, dtype=np.float64)
        if len(blocks) == 1 or self._threads == 1:
            scores = [self._score_block(block) for block in blocks]
        else:
            with ThreadPoolExecutor(min(self._threads, len(blocks))) as pool:
                scores = list(pool.map(self._score_block, blocks))
        return np.concatenate(scores).astype(np.float64)

    def _score_block(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = len(block)
        padded = np.zeros((-(-rows // _ALIGNMENT) * _ALIGNMENT, block.shape[1]), dtype=np.float32)
        padded[:rows] = block
        (scores,) = self._session.run([OUTPUT], {INPUT: padded})
        return cast(NDArray[np.float32], scores)[:rows]


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


def _check_signature(session: Any, width: int) -> None:
    def described(values: Any) -> list[tuple[str, str, int, list[Any]]]:
        return [(v.name, v.type, len(v.shape), list(v.shape)[1:]) for v in values]

    if described(session.get_inputs()) != [(INPUT, "tensor(float)", 2, [width])]:
        raise InputError(f"The graph needs one input {INPUT!r}, float32 [n, {width}]")
    if described(session.get_outputs()) != [(OUTPUT, "tensor(float)", 1, [])]:
        raise InputError(f"The graph needs one output {OUTPUT!r}, float32 [n]")
