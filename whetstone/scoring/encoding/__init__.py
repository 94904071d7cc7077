"""Encodings: from the columns of units to the tensors of a graph, the same in training and scoring.

An encoding is part of the graph that was trained with it: its `spec` stands in the graph's metadata
as JSON, and `encoding_of` makes it again wherever the graph is run. Encodings either give a row of
numbers a unit (dense) or a sequence of positions a unit (ragged).
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from whetstone.errors import InputError

PADDING, UNKNOWN, FIRST_KNOWN = 0, 1, 2
"""Ids of what is beyond a sequence's end, of what training never saw, of the first entry known."""

# Module of this package, which is also the kind in a spec -> class.
_KINDS = {
    "rows": "Rows",
    "keys": "Keys",
    "valued_keys": "ValuedKeys",
    "texts": "Texts",
    "words": "Words",
    "pieces": "Pieces",
    "series": "Series",
}

Dense = NDArray[np.float32]
"""(n, d), a row a unit; NaN is a missing value."""


@dataclass(frozen=True, eq=False)
class Ragged:
    """A sequence a unit.

    Attributes:
        values: (m,) or (m, c), int64 or float32: the positions of all units, one unit after the
            other.
        offsets: (n + 1,) int64: unit i has the positions from offsets[i] up to offsets[i + 1].
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n,) positions of each unit."""
        return np.diff(self.offsets)

    def unit(self, at: int) -> NDArray[Any]:
        """The positions of one unit."""
        return self.values[self.offsets[at] : self.offsets[at + 1]]

    def take(self, units: NDArray[np.integer]) -> "Ragged":
        """The units with these numbers, in this order."""
        offsets = np.concatenate([[0], np.cumsum(self.lengths[units])]).astype(np.int64)
        return Ragged(self.values[self.places(units)], offsets)

    def places(self, units: NDArray[np.integer]) -> NDArray[np.int64]:
        """Where in `values` the positions of these units are, one unit after the other."""
        lengths = self.lengths[units]
        ends = np.cumsum(lengths)
        first = np.repeat(self.offsets[units] - (ends - lengths), lengths)
        return first + np.arange(len(first))

    def padded(self, width: int) -> NDArray[Any]:
        """(n, width) or (n, width, c): zeros follow each unit's end.

        Raises:
            ValueError: a unit has more than `width` positions.
        """
        lengths = self.lengths
        if len(lengths) and lengths.max() > width:
            raise ValueError(f"{lengths.max()} positions do not fit {width}")
        tensor = np.zeros((len(self), width, *self.values.shape[1:]), dtype=self.values.dtype)
        unit = np.repeat(np.arange(len(self)), lengths)
        tensor[unit, np.arange(len(unit)) - np.repeat(self.offsets[:-1], lengths)] = self.values[
            self.offsets[0] : self.offsets[-1]
        ]
        return tensor


class Encoding(Protocol):
    """How columns of units become one tensor of a graph."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The features it reads."""
        ...

    @property
    def dtype(self) -> type[np.generic]:
        """float32 or int64."""
        ...

    @property
    def shape(self) -> tuple[str | int, ...]:
        """`("n", d)`; of sequences `("n", "t")` or `("n", "t", c)`."""
        ...

    def encode(self, units: pa.Table) -> Dense | Ragged:
        """The tensor of n units.

        Raises:
            InputError: a column is not there or has a type that cannot be encoded.
        """
        ...

    def tokens(self, units: pa.Table) -> list[list[str]]:
        """What stands at each position of each unit, in words; of dense encodings nothing."""
        ...

    def spec(self) -> dict[str, Any]:
        """As JSON takes it; `encoding_of` is its inverse."""
        ...


def is_ragged(encoding: Encoding) -> bool:
    """Whether it gives sequences."""
    return "t" in encoding.shape


def encoding_of(spec: Mapping[str, Any]) -> Encoding:
    """The encoding that a spec describes.

    Raises:
        InputError: it describes none.
    """
    kind = spec.get("kind")
    if kind not in _KINDS:
        raise InputError(f"No encoding {kind!r}: there are {', '.join(_KINDS)}")
    try:
        made = getattr(import_module(f"{__name__}.{kind}"), _KINDS[kind])
        return made.from_spec({name: value for name, value in spec.items() if name != "kind"})
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"The spec of the encoding {kind!r} is not usable: {error}") from error


def column_of(units: pa.Table, name: str) -> pa.ChunkedArray:
    """A column of units.

    Raises:
        InputError: it is not there.
    """
    if name not in units.column_names:
        raise InputError(f"The table has no feature {name}; it has {', '.join(units.column_names)}")
    return units.column(name)
