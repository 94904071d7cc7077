"""Rows of numbers: numeric and boolean columns as they are, text columns as one-hot groups."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false
# pyright: reportAttributeAccessIssue=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.errors import InputError
from whetstone.scoring.encoding import Dense, column_of
from whetstone.scoring.encoding.columns import is_text

_CATEGORIES = 256  # of a text column that get a column each; rarer ones share that of the unknown
_BLOCK = 4096  # units whose row is filled at once; all of a block's rows stay in the cache


@dataclass(frozen=True)
class Rows:
    """One row of numbers a unit; implements `Encoding`.

    A text column with k categories becomes k + 1 columns: 1 in that of its value, in the last one
    where training never saw the value or there is none.

    Attributes:
        columns: the features, in the order in which their numbers follow each other.
        categories: the values known of each text column.
    """

    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    @staticmethod
    def fitted(units: pa.Table, columns: Sequence[str] | None = None) -> "Rows":
        """For the columns of training units; all of them by default."""
        names = tuple(units.column_names if columns is None else columns)
        texts = [name for name in names if is_text(column_of(units, name).type)]
        return Rows(names, {name: _most_frequent(units.column(name)) for name in texts})

    @staticmethod
    def from_spec(spec: Mapping[str, Any]) -> "Rows":
        """The inverse of `spec`."""
        categories = {name: tuple(values) for name, values in spec["categories"].items()}
        return Rows(tuple(spec["columns"]), categories)

    def spec(self) -> dict[str, Any]:
        """See `Encoding.spec`."""
        categories = {name: list(values) for name, values in self.categories.items()}
        return {"kind": "rows", "columns": list(self.columns), "categories": categories}

    @property
    def dtype(self) -> type[np.generic]:
        """float32."""
        return np.float32

    @property
    def shape(self) -> tuple[str | int, ...]:
        """(n, d)."""
        return ("n", len(self.names))

    @property
    def names(self) -> tuple[str, ...]:
        """The d columns of the matrix: features, or `feature=category`, `feature=?`."""
        return tuple(name for column in self.columns for name in self._names_of(column))

    def span(self, column: str) -> slice:
        """Which columns of the matrix say what the feature is."""
        before = self.columns[: self.columns.index(column)]
        first = sum(len(self._names_of(name)) for name in before)
        return slice(first, first + len(self._names_of(column)))

    def encode(self, units: pa.Table) -> Dense:
        """(n, d) float32; see `Encoding.encode`.

        Booleans become 0 and 1, null becomes NaN, numbers too large for float32 become infinite.
        """
        columns = [self._column(units, column) for column in self.columns]
        spans = [self.span(column) for column in self.columns]
        matrix = np.zeros((units.num_rows, len(self.names)), dtype=np.float32)
        with np.errstate(over="ignore"):
            for first in range(0, len(matrix), _BLOCK):
                block = matrix[first : first + _BLOCK]
                for column, span, values in zip(self.columns, spans, columns, strict=True):
                    part = values[first : first + _BLOCK]
                    if column in self.categories:
                        block[np.arange(len(block)), span.start + part] = 1
                    else:
                        block[:, span.start] = part
        return matrix

    def tokens(self, units: pa.Table) -> list[list[str]]:
        """Nothing: there are no positions."""
        return [[] for _ in range(units.num_rows)]

    def _column(self, units: pa.Table, column: str) -> NDArray[np.float64] | NDArray[np.int64]:
        """(n,) the numbers of a feature, or the places of its texts among the categories."""
        values, known = column_of(units, column), self.categories.get(column)
        return _numbers(values, column) if known is None else _places(values, column, known)

    def _names_of(self, column: str) -> list[str]:
        known = self.categories.get(column)
        return [column] if known is None else [f"{column}={value}" for value in (*known, "?")]


def _most_frequent(column: pa.ChunkedArray) -> tuple[str, ...]:
    counted = pc.value_counts(pc.drop_null(column)).to_pylist()
    ranked = sorted(counted, key=lambda entry: (-entry["counts"], entry["values"]))
    return tuple(sorted(entry["values"] for entry in ranked[:_CATEGORIES]))


def _places(column: pa.ChunkedArray, name: str, known: Sequence[str]) -> NDArray[np.int64]:
    """(n,) which of the texts known; their count where it is none of them."""
    if not is_text(column.type):
        raise InputError(f"Feature {name} is {column.type}; the model learned it as text")
    found = pc.index_in(column, pa.array(list(known), pa.string()))
    return pc.fill_null(found, len(known)).to_numpy().astype(np.int64)


def _numbers(column: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    kind = column.type
    if pa.types.is_boolean(kind):
        column = pc.cast(column, pa.uint8())
    elif not (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    ):
        raise InputError(f"Feature {name} is {kind}; the model takes numbers and booleans there")
    doubles = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan"))
    return cast(NDArray[np.float64], doubles.to_numpy())
