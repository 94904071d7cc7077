"""Slow features of units: from the bundle's export of the online store, or from what a caller has.

Whatever the source, the meaning is that of `whetstone.catalog.slow`. An online store knows only the
latest window of each entity: a unit that began before it ended gets NULL, never the future.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.catalog.slow import Slow
from whetstone.releases.online import Online

ARROW_TYPES: dict[str, pa.DataType] = {
    "BOOLEAN": pa.bool_(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
}
_NEVER = np.iinfo(np.int64).max

Key = tuple[Any, ...]
"""Values of the columns `Slow.keys`."""


class SlowFeatures(Protocol):
    """Where slow features are looked up."""

    def join(self, slow: Slow, units: pa.Table) -> pa.Table:
        """The slow features of units.

        Args:
            slow: which.
            units: a row a unit: the columns `slow.keys` and `unit_start` (microseconds, UTC).

        Returns:
            The columns `slow.names`, of their declared types; a row a unit, in the units' order.
        """
        ...


class Nothing:
    """No source at all: every slow feature is NULL."""

    def join(self, slow: Slow, units: pa.Table) -> pa.Table:
        """As in `SlowFeatures`."""
        return pa.table(
            {
                name: pa.nulls(units.num_rows, ARROW_TYPES[kind])
                for name, kind in zip(slow.names, slow.types, strict=True)
            }
        )


class OnlineExport:
    """The export of the online store that came with a bundle."""

    def __init__(self, online: Online):
        self._online = online

    def join(self, slow: Slow, units: pa.Table) -> pa.Table:
        """As in `SlowFeatures`."""

        def latest(keys: Sequence[Key]) -> pa.Table:
            return self._online.find(slow.online, keys, slow.names)

        return join_latest(slow, units, latest)


def join_latest(
    slow: Slow, units: pa.Table, latest: Callable[[Sequence[Key]], pa.Table]
) -> pa.Table:
    """Join the latest windows of entities to units, as of each unit's start.

    Args:
        slow: which features.
        units: as in `SlowFeatures.join`.
        latest: gives for distinct keys, in their order, a row each: `event_timestamp` (the end of
            the latest window; null where none is known) and the columns `slow.names`.
    """
    if not units.num_rows:
        return Nothing().join(slow, units)
    distinct, which = _distinct(units.select(list(slow.keys)))
    found = latest(distinct)
    ended = _microseconds(found["event_timestamp"])[which]
    started = _microseconds(units["unit_start"])
    known = (ended <= started) & (started - ended <= slow.max_age // timedelta(microseconds=1))
    rows = pa.array(which, mask=~known)
    return pa.table(
        {
            name: found[name].cast(ARROW_TYPES[kind]).take(rows)
            for name, kind in zip(slow.names, slow.types, strict=True)
        }
    )


def _microseconds(instants: pa.ChunkedArray) -> NDArray[np.int64]:
    micros = instants.cast(pa.timestamp("us")).cast(pa.int64())
    return pc.fill_null(micros, _NEVER).to_numpy()


def _distinct(keys: pa.Table) -> tuple[list[Key], NDArray[np.int64]]:
    """The distinct rows, and for each row the number of the one that it equals."""
    codes = np.zeros(keys.num_rows, dtype=np.int64)
    for column in keys.columns:
        encoded = column.combine_chunks().dictionary_encode()
        codes = codes * max(1, len(encoded.dictionary)) + encoded.indices.to_numpy()
        # Numbered anew, so that no product of sizes overflows.
        codes = np.unique(codes, return_inverse=True)[1]
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    values = [column.to_pylist() for column in keys.take(first).columns]
    return list(zip(*values, strict=True)), which
