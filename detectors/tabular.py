"""Examples as a matrix of numbers: what the tabular families learn from."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.interface import Examples, both_classes
from whetstone.errors import InputError
from whetstone.scoring.encoding.rows import Rows


@dataclass(frozen=True, eq=False)
class Matrix:
    """Units as rows of numbers.

    Attributes:
        features: (n, d) float32; NaN is a missing value.
        positive: (n,) bool, whether the unit is an attack; None where nobody knows.
        encoding: how the columns of units became those of `features`.
    """

    features: NDArray[np.float32]
    positive: NDArray[np.bool_] | None
    encoding: Rows

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.features.shape[1] != len(self.names):
            raise InputError(
                f"Features of shape {self.features.shape} do not fit {len(self.names)} names"
            )

    @staticmethod
    def of(examples: Examples, encoding: Rows | None = None) -> "Matrix":
        """The examples by an encoding; by default one that is fitted to them.

        Raises:
            InputError: a feature is neither a number, nor a truth value, nor a text.
        """
        used = Rows.fitted(examples.units) if encoding is None else encoding
        return Matrix(used.encode(examples.units), examples.positive, used)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def names(self) -> tuple[str, ...]:
        """The d columns."""
        return self.encoding.names

    def benign(self) -> "Matrix":
        """The rows that are not attacks; all where nobody knows."""
        return self if self.positive is None else self.where(~self.positive)

    def where(self, mask: NDArray[np.bool_]) -> "Matrix":
        """The rows for which `mask` (n,) is true."""
        positive = None if self.positive is None else self.positive[mask]
        return Matrix(self.features[mask], positive, self.encoding)

    def labels(self, learner: str) -> NDArray[np.bool_]:
        """`positive`, of which a supervised family needs both values.

        Args:
            learner: the family as the message begins with it.

        Raises:
            TrainingError: no positive or no benign rows.
        """
        return both_classes(self.positive, learner)

    def medians(self) -> NDArray[np.float32]:
        """The (d,) medians of the known values; NaN where none is known."""
        if not len(self):
            return np.full(len(self.names), np.nan, dtype=np.float32)
        with warnings.catch_warnings():  # a column without any value has no median; that is fine
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.nanmedian(self.features, axis=0).astype(np.float32)

    def usual(self) -> dict[str, float | str | None]:
        """What each feature is for most benign units: the median, or the commonest text."""
        benign = self.benign()
        medians = benign.medians()
        found: dict[str, float | str | None] = {}
        for column in self.encoding.columns:
            span = self.encoding.span(column)
            known = self.encoding.categories.get(column)
            if known is None:
                value = medians[span.start]
                found[column] = None if np.isnan(value) else float(value)
            else:
                commonest = int(benign.features[:, span].sum(axis=0).argmax())
                found[column] = (*known, None)[commonest]
        return found
