"""Which units are equal as far as any model can see: in the values of all their features. Pure."""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.scoring.encoding.columns import is_list, is_text, list_offsets

_MISSING = -1


def identities(*tables: pa.Table) -> list[NDArray[np.int64]]:
    """A number for each unit of each table, equal for equal units.

    Numbers are equal where they are as float32, which is all that models see of them; texts and
    lists are equal where all of them is. Missing values equal each other. The tables have the same
    columns.
    """
    together = pa.concat_tables(tables, promote_options="permissive")
    codes = np.zeros((together.num_rows, max(1, together.num_columns)), dtype=np.int64)
    for at, column in enumerate(together.columns):
        codes[:, at] = _codes(column.combine_chunks())
    rows = codes.view(f"V{codes.itemsize * codes.shape[1]}").ravel()
    _, numbers = np.unique(rows, return_inverse=True)
    ends = np.cumsum([table.num_rows for table in tables])
    return [part.astype(np.int64) for part in np.split(numbers, ends[:-1])]


def _codes(column: pa.Array) -> NDArray[np.int64]:
    if is_list(column.type):
        values = _distinct(pc.list_flatten(column))
        missing = column.is_null().to_numpy(zero_copy_only=False)
        return _sequences(values, list_offsets(column), missing)
    if is_text(column.type):
        return _distinct(column)
    numbers = pc.cast(pc.cast(column, pa.float64(), safe=False), pa.float32(), safe=False)
    known = np.asarray(pc.fill_null(numbers, float("nan")), dtype=np.float32) + np.float32(0)
    bits = np.where(np.isnan(known), np.float32(np.nan), known).astype(np.float32).view(np.int32)
    return bits.astype(np.int64)


def _distinct(values: pa.Array) -> NDArray[np.int64]:
    found = pc.dictionary_encode(values).indices
    return np.asarray(pc.fill_null(found, _MISSING), dtype=np.int64)


def _sequences(
    values: NDArray[np.int64],
    offsets: Sequence[int] | NDArray[np.int64],
    missing: NDArray[np.bool_],
) -> NDArray[np.int64]:
    seen: dict[bytes, int] = {}
    codes = np.array(
        [
            seen.setdefault(values[first:last].tobytes(), len(seen))
            for first, last in pairwise(offsets)
        ],
        dtype=np.int64,
    ).reshape(len(offsets) - 1)
    return np.where(missing, _MISSING, codes)
