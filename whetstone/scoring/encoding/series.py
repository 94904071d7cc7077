"""Series of measurements: several numbers at each step, each as the number of its bin."""

# pyarrow ships no types, and builds most of its functions when it is imported.
# pyright: reportAttributeAccessIssue=false
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from whetstone.errors import InputError
from whetstone.scoring.encoding import FIRST_KNOWN, UNKNOWN, Ragged, column_of
from whetstone.scoring.encoding.columns import Numbers, numbers_of


@dataclass(frozen=True)
class Binned:
    """A list column of numbers and the bins that its values fall into.

    Attributes:
        column: a list of numbers a unit; NULL is an empty list.
        edges: e ascending numbers between e + 1 bins; a value that equals one lies above it.
        differences: a value is replaced by what it adds to the one before; the first of a unit has
            none before it and is unknown.
    """

    column: str
    edges: tuple[float, ...]
    differences: bool = False

    @property
    def ids(self) -> int:
        """How many different ids there are, padding and unknown among them."""
        return FIRST_KNOWN + len(self.edges) + 1

    def bins(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The ids of values (m,); of NaN, of a missing value, it is `UNKNOWN`."""
        found = FIRST_KNOWN + np.searchsorted(self.edges, values, side="right")
        return np.where(np.isnan(values), UNKNOWN, found).astype(np.int64)


@dataclass(frozen=True)
class Series:
    """One id a column at each step; implements `Encoding`.

    Attributes:
        binned: the c columns, whose lists are equally long in each unit.
    """

    binned: tuple[Binned, ...]

    @staticmethod
    def from_spec(spec: Mapping[str, Any]) -> "Series":
        """The inverse of `spec`."""
        return Series(
            tuple(
                Binned(one["column"], tuple(one["edges"]), bool(one["differences"]))
                for one in spec["binned"]
            )
        )

    def spec(self) -> dict[str, Any]:
        """See `Encoding.spec`."""
        binned = [
            {"column": one.column, "edges": list(one.edges), "differences": one.differences}
            for one in self.binned
        ]
        return {"kind": "series", "binned": binned}

    @property
    def columns(self) -> tuple[str, ...]:
        """The c columns."""
        return tuple(one.column for one in self.binned)

    @property
    def dtype(self) -> type[np.generic]:
        """int64."""
        return np.int64

    @property
    def shape(self) -> tuple[str | int, ...]:
        """(n, t, c)."""
        return ("n", "t", len(self.binned))

    def encode(self, units: pa.Table) -> Ragged:
        """(n, t, c) ids; see `Encoding.encode`.

        Raises:
            InputError: as there; or the lists of a unit differ in length.
        """
        read = [numbers_of(column_of(units, one.column), one.column) for one in self.binned]
        offsets = read[0].offsets
        for other, one in zip(read[1:], self.binned[1:], strict=True):
            different = np.flatnonzero(np.diff(offsets) != np.diff(other.offsets))
            if len(different):
                lengths = [int(np.diff(given.offsets)[different[0]]) for given in (read[0], other)]
                raise InputError(
                    f"Features {self.columns[0]} and {one.column} must be lists of equal length:"
                    f" row {different[0]} has {lengths[0]} and {lengths[1]} values"
                )
        ids = [
            one.bins(_differences(given) if one.differences else given.values)
            for one, given in zip(self.binned, read, strict=True)
        ]
        return Ragged(np.stack(ids, axis=1), offsets)

    def tokens(self, units: pa.Table) -> list[list[str]]:
        """All numbers of each step, by the names of their columns."""
        read = [numbers_of(column_of(units, one.column), one.column) for one in self.binned]
        shown = [
            [f"{one.column} {'?' if np.isnan(v) else f'{v:g}'}" for v in _shown(one, given)]
            for one, given in zip(self.binned, read, strict=True)
        ]
        steps = [", ".join(words) for words in zip(*shown, strict=True)]
        bounds = read[0].offsets.tolist()
        return [steps[start:end] for start, end in pairwise(bounds)]


def _differences(given: Numbers) -> NDArray[np.float64]:
    values = np.diff(given.values, prepend=np.nan)
    starts = given.offsets[:-1]
    values[starts[starts < len(values)]] = np.nan
    return values


def _shown(one: Binned, given: Numbers) -> list[float]:
    values = _differences(given) if one.differences else given.values
    return cast(list[float], values.tolist())
