"""Sequences of keys: the events of a session by their names or numbers."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.errors import InputError
from whetstone.scoring.encoding import FIRST_KNOWN, UNKNOWN, Ragged, column_of
from whetstone.scoring.encoding.columns import is_list, list_offsets
from whetstone.scoring.encoding.vocabulary import Vocabulary


@dataclass(frozen=True)
class Keys(Vocabulary):
    """One id a position of a list column; implements `Encoding`.

    Attributes:
        column: a list of texts or whole numbers a unit; NULL is an empty list.
        vocabulary: the keys known, as text; the first one has the id `FIRST_KNOWN`.
        max_length: positions of a unit that count, from its first; the rest is left out.
    """

    kind: ClassVar[str] = "keys"

    @staticmethod
    def fitted(units: pa.Table, column: str, max_length: int) -> "Keys":
        """For the keys of training units."""
        known = pc.unique(_flat(column_of(units, column), column)[0]).to_pylist()
        return Keys(column, tuple(sorted(key for key in known if key is not None)), max_length)

    def encode(self, units: pa.Table) -> Ragged:
        """(n, t) ids; see `Encoding.encode`."""
        flat, offsets = _flat(column_of(units, self.column), self.column)
        found = pc.index_in(flat, pa.array(list(self.vocabulary), pa.string()))
        ids = pc.fill_null(found, UNKNOWN - FIRST_KNOWN).to_numpy(zero_copy_only=False)
        return _cut(ids.astype(np.int64) + FIRST_KNOWN, offsets, self.max_length)

    def tokens(self, units: pa.Table) -> list[list[str]]:
        """The keys themselves."""
        lists = cast(list[list[Any] | None], column_of(units, self.column).to_pylist())
        return [[str(key) for key in (keys or ())[: self.max_length]] for keys in lists]


def _flat(column: pa.ChunkedArray, name: str) -> tuple[pa.Array, NDArray[np.int64]]:
    """The keys of all units as text, and where each unit's begin."""
    if not is_list(column.type):
        raise InputError(f"Feature {name} is {column.type}; the model takes a list of keys there")
    lists = column.combine_chunks()
    return pc.cast(pc.list_flatten(lists), pa.string()), list_offsets(lists)


def _cut(ids: NDArray[np.int64], offsets: NDArray[np.int64], longest: int) -> Ragged:
    lengths = np.diff(offsets)
    if not len(lengths) or lengths.max() <= longest:
        return Ragged(ids, offsets)
    within = np.arange(len(ids)) - np.repeat(offsets[:-1], lengths)
    kept = np.minimum(lengths, longest)
    return Ragged(ids[within < longest], np.concatenate([[0], np.cumsum(kept)]).astype(np.int64))
