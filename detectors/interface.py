"""What every model family takes and returns."""

import warnings
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from whetstone.errors import InputError, TrainingError
from whetstone.scoring.explain import Contribution, explain
from whetstone.scoring.onnx import OnnxScorer


@dataclass(frozen=True, eq=False)
class Examples:
    """Units to learn from or to judge.

    Attributes:
        features: (n, d) float32; NaN is a missing value.
        names: the d features.
        positive: (n,) bool, whether the unit is an attack; None where nobody knows.
    """

    features: NDArray[np.float32]
    names: tuple[str, ...]
    positive: NDArray[np.bool_] | None

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.features.shape[1] != len(self.names):
            raise InputError(
                f"Features of shape {self.features.shape} do not fit {len(self.names)} names"
            )
        if self.positive is not None and self.positive.shape != (len(self.features),):
            raise InputError(
                f"{len(self.features)} examples cannot have labels of shape {self.positive.shape}"
            )

    def __len__(self) -> int:
        return len(self.features)

    def benign(self) -> "Examples":
        """Those that are not attacks; all where nobody knows."""
        return self if self.positive is None else self.where(~self.positive)

    def where(self, mask: NDArray[np.bool_]) -> "Examples":
        """Those for which `mask` (n,) is true."""
        positive = None if self.positive is None else self.positive[mask]
        return Examples(self.features[mask], self.names, positive)


class Model(Protocol):
    """One trained version of a detector."""

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score (n, d) features to (n,), by the exported graph; higher is worse."""
        ...

    def explain(self, row: NDArray[np.float32]) -> list[Contribution]:
        """Why a row (d,) got its score, the largest contribution first."""
        ...

    def export(self) -> bytes:
        """The ONNX graph; see `whetstone.scoring.onnx` for its form."""
        ...

    def threshold(self, significance: float) -> float:
        """The score that a benign unit reaches with probability `significance`.

        Raises:
            TrainingError: the family, or the model, has no such theory: choose by validation.
        """
        ...


class Family(Protocol):
    """A way to train, with its parameters."""

    def fit(self, examples: Examples, warm_start: bytes | None, seed: int) -> Model:
        """Train a model.

        Args:
            examples: what to learn from. Families that learn from benign units only leave
                out the positive ones.
            warm_start: a graph exported by an earlier model, for families that can continue
                from one; the others train afresh.
            seed: equal examples and seeds give equal graphs, byte by byte.

        Raises:
            TrainingError: the examples do not suffice; the message says what to contribute.
        """
        ...


class GraphModel:
    """A model that is its exported graph; what families return."""

    def __init__(self, graph: bytes) -> None:
        self._graph = graph
        self._scorer = OnnxScorer(graph)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Model.score`."""
        return self._scorer.score(features)

    def explain(self, row: NDArray[np.float32]) -> list[Contribution]:
        """See `Model.explain`."""
        return explain(self._scorer, row, self._scorer.baselines, self._scorer.names)

    def export(self) -> bytes:
        """See `Model.export`."""
        return self._graph

    def threshold(self, significance: float) -> float:
        """See `Model.threshold`; no theory is known for graphs in general."""
        raise TrainingError(
            f"{self._scorer.family} has no threshold of its own at significance {significance}: "
            "give the operating point as max_false_positive_rate"
        )


def benign_medians(examples: Examples) -> NDArray[np.float32]:
    """The (d,) medians of the benign examples' known values; NaN where none is known."""
    features = examples.benign().features
    if not len(features):
        return np.full(len(examples.names), np.nan, dtype=np.float32)
    with warnings.catch_warnings():  # a column without any value has no median; that is fine
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(features, axis=0).astype(np.float32)
