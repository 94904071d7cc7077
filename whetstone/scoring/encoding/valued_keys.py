"""Sequences of keys with measurements: each event by its key and by numbers that came with it."""

# pyarrow ships no types, and builds most of its functions when it is imported.
# pyright: reportAttributeAccessIssue=false
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from whetstone.scoring.encoding import Ragged, column_of
from whetstone.scoring.encoding.columns import numbers_of
from whetstone.scoring.encoding.keys import Keys


@dataclass(frozen=True)
class ValuedKeys:
    """Of each event the id of its key, then its numbers; implements `Encoding`.

    Attributes:
        keys: how keys become ids, which float32 holds exactly.
        values: columns with a list of numbers a unit, parallel to its keys. Where a list is too
            short, or NULL, the numbers are missing (NaN); what is beyond the keys is left out.
    """

    keys: Keys
    values: tuple[str, ...]

    @staticmethod
    def from_spec(spec: Mapping[str, Any]) -> "ValuedKeys":
        """The inverse of `spec`."""
        return ValuedKeys(Keys.from_spec(spec["keys"]), tuple(spec["values"]))

    def spec(self) -> dict[str, Any]:
        """See `Encoding.spec`."""
        return {"kind": "valued_keys", "keys": self.keys.spec(), "values": list(self.values)}

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys, then the numbers."""
        return (self.keys.column, *self.values)

    @property
    def dtype(self) -> type[np.generic]:
        """float32."""
        return np.float32

    @property
    def shape(self) -> tuple[str | int, ...]:
        """(n, t, 1 + c) for c columns of numbers."""
        return ("n", "t", 1 + len(self.values))

    def encode(self, units: pa.Table) -> Ragged:
        """(n, t, 1 + c) ids and numbers; see `Encoding.encode`."""
        ids = self.keys.encode(units)
        numbers = [_parallel(column_of(units, name), name, ids) for name in self.values]
        with np.errstate(over="ignore"):  # too large a number is infinite
            joined = np.column_stack([ids.values, *numbers]).astype(np.float32)
        return Ragged(joined, ids.offsets)

    def tokens(self, units: pa.Table) -> list[list[str]]:
        """The keys themselves."""
        return self.keys.tokens(units)


def _parallel(column: pa.ChunkedArray, name: str, ids: Ragged) -> NDArray[np.float64]:
    """The number (m,) that stands beside each id."""
    given = numbers_of(column, name)
    numbers = np.append(given.values, np.nan)
    step = np.arange(len(ids.values)) - np.repeat(ids.offsets[:-1], ids.lengths)
    there = step < np.repeat(np.diff(given.offsets), ids.lengths)
    return numbers[np.where(there, np.repeat(given.offsets[:-1], ids.lengths) + step, -1)]
