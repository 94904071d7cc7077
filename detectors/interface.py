"""What every model family takes and returns."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from whetstone.errors import InputError, TrainingError
from whetstone.scoring.explain import Contribution, explain
from whetstone.scoring.onnx import OnnxScorer


@dataclass(frozen=True, eq=False)
class Examples:
    """Units to learn from or to judge.

    Attributes:
        units: n rows, whose columns are the features: numbers, texts, or lists of either.
        positive: (n,) bool, whether the unit is an attack; None where nobody knows.
        labels: (n,) names of the units' classes; None where there are no names.
    """

    units: pa.Table
    positive: NDArray[np.bool_] | None
    labels: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        for given in (self.positive, self.labels):
            if given is not None and given.shape != (len(self),):
                raise InputError(f"{len(self)} examples cannot have labels of shape {given.shape}")

    def __len__(self) -> int:
        return self.units.num_rows

    @property
    def names(self) -> tuple[str, ...]:
        """The features."""
        return tuple(self.units.column_names)

    def benign(self) -> "Examples":
        """Those that are not attacks; all where nobody knows."""
        return self if self.positive is None else self.where(~self.positive)

    def where(self, mask: NDArray[np.bool_]) -> "Examples":
        """Those for which `mask` (n,) is true."""
        return Examples(
            self.units.filter(pa.array(mask)),
            None if self.positive is None else self.positive[mask],
            None if self.labels is None else self.labels[mask],
        )

    def select(self, names: "tuple[str, ...] | list[str]") -> "Examples":
        """The same units with these features only."""
        return Examples(self.units.select(list(names)), self.positive, self.labels)


def _silent(message: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Training:
    """How to train.

    Attributes:
        seed: equal examples and seeds give equal graphs, byte by byte.
        warm_start: a graph exported by an earlier model, for families that can continue from one;
            the others train afresh.
        say: told in a few words how far a long training is.
        checkpoint: a file that a long training may write now and then, whole or not at all, and
            continues from where it finds one of the same training; None: it keeps nothing.
    """

    seed: int
    warm_start: bytes | None = None
    say: Callable[[str], None] = _silent
    checkpoint: Path | None = None


class Model(Protocol):
    """One trained version of a detector."""

    def score(self, units: pa.Table) -> NDArray[np.float64]:
        """Score n units to (n,), by the exported graph; higher is worse."""
        ...

    def explain(self, units: pa.Table) -> list[list[Contribution]]:
        """Why each unit got its score, the largest contribution first."""
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

    def fit(self, examples: Examples, training: Training) -> Model:
        """Train a model.

        Args:
            examples: what to learn from. Families that learn from benign units only leave
                out the positive ones.
            training: seed, warm start, progress.

        Raises:
            TrainingError: the examples do not suffice; the message says what to contribute.
        """
        ...


class GraphModel:
    """A model that is its exported graph; what families return."""

    def __init__(self, graph: bytes) -> None:
        self._graph = graph
        self.scorer = OnnxScorer(graph)

    def score(self, units: pa.Table) -> NDArray[np.float64]:
        """See `Model.score`."""
        return self.scorer.score(units)

    def explain(self, units: pa.Table) -> list[list[Contribution]]:
        """See `Model.explain`."""
        return explain(self.scorer, units)

    def export(self) -> bytes:
        """See `Model.export`."""
        return self._graph

    def threshold(self, significance: float) -> float:
        """See `Model.threshold`; no theory is known for graphs in general."""
        raise TrainingError(
            f"{self.scorer.family} has no threshold of its own at significance {significance}: "
            "give the operating point as max_false_positive_rate"
        )


def both_classes(positive: NDArray[np.bool_] | None, learner: str) -> NDArray[np.bool_]:
    """The labels of examples, of which a supervised family needs both values.

    Args:
        positive: (n,) labels, if there are any.
        learner: the family as the message begins with it.

    Raises:
        TrainingError: no positive or no benign examples.
    """
    if positive is None or not positive.any():
        raise TrainingError(
            f"{learner} learns from attacks and there is no positive training example: "
            "contribute labelled ones, or choose a family that learns from benign units alone"
        )
    if positive.all():
        raise TrainingError(
            "There is no benign training example: contribute a sample of benign activity"
        )
    return positive
