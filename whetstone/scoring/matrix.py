"""From a table of feature rows to the matrix that models take: the same in training and scoring."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Sequence
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.errors import InputError


def feature_matrix(table: pa.Table, names: Sequence[str]) -> NDArray[np.float32]:
    """The columns `names` of `table` as (n, d) float32.

    Booleans become 0 and 1, null becomes NaN, numbers too large for float32 become infinite.

    Raises:
        InputError: a column is not there or is not numeric.
    """
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise InputError(
            f"The table has no feature {', '.join(missing)}; it has {', '.join(table.column_names)}"
        )
    matrix = np.empty((table.num_rows, len(names)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for at, name in enumerate(names):
            matrix[:, at] = _numbers(table.column(name), name)
    return matrix


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
        raise InputError(f"Feature {name} is {kind}; a model takes numbers and booleans only")
    doubles = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan"))
    return cast(NDArray[np.float64], doubles.to_numpy())
