"""Columns of texts and of lists, as Arrow holds them."""

# pyarrow ships no types, and builds most of its functions when it is imported.
# pyright: reportAttributeAccessIssue=false
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.errors import InputError


def is_list(kind: pa.DataType) -> bool:
    """Whether a column of this type has a sequence a unit."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type has a text a unit."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def list_offsets(column: pa.Array) -> NDArray[np.int64]:
    """(n + 1,) where the values of each of n lists begin in those of all; missing ones are empty.

    The values of all are `pyarrow.compute.list_flatten(column)`.
    """
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers in the lists of n units.

    Attributes:
        values: (m,) of all units, one unit after the other; a missing one is NaN.
        offsets: (n + 1,) where each unit's begin.
    """

    values: NDArray[np.float64]
    offsets: NDArray[np.int64]


def numbers_of(column: pa.ChunkedArray, name: str) -> Numbers:
    """The lists of numbers in the column of feature `name`.

    Raises:
        InputError: it has no lists, or lists of something else.
    """
    kind = column.type
    if not is_list(kind) or not _is_number(kind.value_type):
        raise InputError(f"Feature {name} is {kind}; the model takes a list of numbers there")
    lists = column.combine_chunks()
    flat = pc.fill_null(pc.cast(pc.list_flatten(lists), pa.float64(), safe=False), float("nan"))
    values = cast(NDArray[np.float64], flat.to_numpy(zero_copy_only=False))
    return Numbers(values, list_offsets(lists))


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)
