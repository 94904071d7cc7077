"""How surprising a member's score is, on one scale for all members of an ensemble."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

_KNOTS = 64
_TAIL = 0.1  # share of the benign scores that say how fast the tail falls


@dataclass(frozen=True, eq=False)
class Tail:
    """From a score to -log10 of the share of benign units that score as high.

    Between the knots it is interpolated. Above the highest benign score it goes on as a straight
    line, as if the tail fell exponentially at the rate of its upper tenth: scores beyond all
    benign ones keep their order, and members stay comparable. Below the lowest it is flat.

    Attributes:
        scores: (k,) ascending, distinct.
        surprises: (k,) ascending.
        slopes: (k,) from each knot to the next; of the last one that of the tail.
    """

    scores: NDArray[np.float64]
    surprises: NDArray[np.float64]
    slopes: NDArray[np.float64]

    @staticmethod
    def of(benign: NDArray[np.float64]) -> "Tail":
        """Of the scores (n,) of benign units, n > 0, that their model was not trained on."""
        ascending = np.sort(benign)
        count = len(ascending)
        ranks = np.unique(np.geomspace(1, count, _KNOTS).round().astype(np.int64))
        scores = np.unique(ascending[count - ranks])
        reached = count - np.searchsorted(ascending, scores)
        surprises = -np.log10((reached + 0.5) / (count + 1))
        falling = 1 / (np.log(10) * _excess(ascending))
        slopes = np.append(np.diff(surprises) / np.diff(scores), falling)
        return Tail(scores, surprises, slopes)

    def apply(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The surprises (n,) at scores (n,)."""
        knot = np.maximum(np.searchsorted(self.scores, scores, side="right") - 1, 0)
        beyond = np.maximum(scores - self.scores[knot], 0)
        return self.surprises[knot] + self.slopes[knot] * beyond

    def nodes(self, score: str, output: str, prefix: str) -> list[NodeProto]:
        """As `apply`, from `score` [n] to `output` [n, 1], both float32; float64 inside.

        Args:
            score: name of the input.
            output: name of the output.
            prefix: how the names of all between them, and of the constants, begin.
        """
        node = helper.make_node

        def own(name: str) -> str:
            return prefix + name

        return [
            node("Cast", [score], [own("exact")], to=TensorProto.DOUBLE),
            node("Unsqueeze", [own("exact"), own("column")], [own("asked")]),
            node("GreaterOrEqual", [own("asked"), own("scores")], [own("reaches")]),
            node("Cast", [own("reaches")], [own("reached")], to=TensorProto.INT64),
            node("ReduceSum", [own("reached"), own("column")], [own("passed")], keepdims=1),
            node("Sub", [own("passed"), own("column")], [own("last")]),
            node("Max", [own("last"), own("first")], [own("knot")]),
            node("Gather", [own("scores"), own("knot")], [own("score_there")]),
            node("Gather", [own("surprises"), own("knot")], [own("surprise_there")]),
            node("Gather", [own("slopes"), own("knot")], [own("slope_there")]),
            node("Sub", [own("asked"), own("score_there")], [own("distance")]),
            node("Max", [own("distance"), own("nothing")], [own("beyond")]),
            node("Mul", [own("beyond"), own("slope_there")], [own("gained")]),
            node("Add", [own("surprise_there"), own("gained")], [own("exactly")]),
            node("Cast", [own("exactly")], [output], to=TensorProto.FLOAT),
        ]

    def constants(self, prefix: str) -> dict[str, NDArray[np.generic]]:
        """What these nodes read."""
        return {
            f"{prefix}scores": self.scores,
            f"{prefix}surprises": self.surprises,
            f"{prefix}slopes": self.slopes,
            f"{prefix}column": np.array([1]),
            f"{prefix}first": np.array([0]),
            f"{prefix}nothing": np.array(0.0),
        }


def _excess(ascending: NDArray[np.float64]) -> float:
    """Mean excess of the upper tenth over where it begins; what varies at all where that is 0."""
    begin = ascending[int((1 - _TAIL) * (len(ascending) - 1))]
    upper = ascending[ascending >= begin] - begin
    return float(upper.mean()) or float(ascending.std()) or max(1.0, abs(float(begin)))
