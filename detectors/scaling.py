"""The logarithmic scale on which distances and linear models see features.

Counts, bytes and durations span orders of magnitude; on a logarithmic scale a factor counts the
same wherever it happens.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from detectors.graphs import impute
from detectors.tabular import Matrix


@dataclass(frozen=True, eq=False)
class LogScale:
    """sign(x) log(1 + |x|) of d features, centred, and divided where they vary a lot.

    A feature is divided by its standard deviation where that is more than 1, that is where it
    varies by more than a factor e. Dividing a feature that hardly varies by its tiny deviation
    would drown all others; left alone, what never varied in training stands out when it does.

    Attributes:
        medians: (d,) float32, what stands in for missing values.
        mean: (d,) float64, of the logarithms.
        divisor: (d,) float64, at least 1.
    """

    medians: NDArray[np.float32]
    mean: NDArray[np.float64]
    divisor: NDArray[np.float64]

    @staticmethod
    def of(matrix: Matrix) -> "LogScale":
        """The scale of the rows of a matrix; there is at least one."""
        medians = np.nan_to_num(matrix.medians())
        logarithms = _logarithms(matrix.features, medians)
        divisor = np.maximum(logarithms.std(axis=0), 1.0)
        return LogScale(medians, logarithms.mean(axis=0), divisor)

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, d) features on the scale: finite, whatever they are."""
        return (_logarithms(features, self.medians) - self.mean) / self.divisor

    def nodes(self, output: str) -> list[NodeProto]:
        """From the input of a graph to `output`, float64 [n, d], what `apply` gives."""
        node = helper.make_node
        return [
            *impute("known"),
            node("Clip", ["known", "smallest", "largest"], ["finite"]),
            node("Cast", ["finite"], ["double"], to=TensorProto.DOUBLE),
            node("Abs", ["double"], ["size"]),
            node("Add", ["size", "one"], ["above_one"]),
            node("Log", ["above_one"], ["log_size"]),
            node("Sign", ["double"], ["sign"]),
            node("Mul", ["log_size", "sign"], ["logarithms"]),
            node("Sub", ["logarithms", "mean"], ["centred"]),
            node("Div", ["centred", "divisor"], [output]),
        ]

    def constants(self) -> dict[str, NDArray[np.generic]]:
        """What the nodes read beside the input."""
        return {
            "medians": self.medians,
            "largest": np.array(np.finfo(np.float32).max, dtype=np.float32),
            "smallest": np.array(np.finfo(np.float32).min, dtype=np.float32),
            "one": np.array(1.0),
            "mean": self.mean,
            "divisor": self.divisor,
        }


def _logarithms(features: NDArray[np.float32], medians: NDArray[np.float32]) -> NDArray[np.float64]:
    known = np.nan_to_num(np.where(np.isnan(features), medians, features))
    return np.sign(known) * np.log1p(np.abs(known, dtype=np.float64))
