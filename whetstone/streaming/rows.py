"""Rows of open units: added in order of arrival, found by unit.

Rows lie in runs sorted by unit, and two runs are merged as soon as the younger is half as large as
the older: each row is moved a few times, and a unit's rows are found by bisection in each run (a
log-structured merge tree; O'Neil et al., Acta Informatica 1996). Runs stay small enough that a
merge holds up nobody.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
_LARGEST_RUN = 1 << 17  # rows that come about by merging


@dataclass(frozen=True, eq=False)
class _Run:
    """Rows sorted by unit; those of one unit in order of arrival."""

    units: Numbers
    table: pa.Table


class UnitRows:
    """Rows of numbered units.

    Args:
        schema: of the rows.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        return sum(len(run.units) for run in self._runs)

    @property
    def nbytes(self) -> int:
        """Memory that the rows take."""
        return sum(run.table.nbytes + run.units.nbytes for run in self._runs)

    def add(self, units: Numbers, table: pa.Table) -> None:
        """Add rows; `units` (n,) says whose each is."""
        self._runs.append(_sorted(units, table))
        while len(self._runs) > 1 and _is_mergeable(*self._runs[-2:]):
            younger, older = self._runs.pop(), self._runs.pop()
            both = pa.concat_tables([older.table, younger.table]).combine_chunks()
            self._runs.append(_sorted(np.concatenate([older.units, younger.units]), both))

    def of(self, units: Numbers) -> tuple[pa.Table, Numbers]:
        """The rows of some units.

        Returns:
            The rows, unit by unit as given and in order of arrival; and (len(units) + 1,) where
            each unit's begin and the last one's end.
        """
        owners: list[Numbers] = []
        found: list[pa.Table] = []
        for run in self._runs:
            starts = np.searchsorted(run.units, units, "left")
            counts = np.searchsorted(run.units, units, "right") - starts
            if not counts.any():
                continue
            owners.append(np.repeat(np.arange(len(units)), counts))
            found.append(run.table.take(pa.array(ranges(starts, counts))))
        if not found:
            return self._schema.empty_table(), np.zeros(len(units) + 1, np.int64)
        owner = np.concatenate(owners)
        table = found[0] if len(found) == 1 else pa.concat_tables(found).combine_chunks()
        if len(found) > 1:
            order = np.argsort(owner, kind="stable")
            table = table.take(pa.array(order))
        counts = np.bincount(owner, minlength=len(units))
        return table, np.concatenate([[0], np.cumsum(counts)])

    def drop(self, units: Numbers) -> None:
        """Forget the rows of some units."""
        kept: list[_Run] = []
        for run in self._runs:
            stays = ~np.isin(run.units, units)
            if stays.all():
                kept.append(run)
            elif stays.any():
                # A copy: a slice would hold on to the memory of all.
                table = run.table.take(pa.array(np.flatnonzero(stays)))
                kept.append(_Run(run.units[stays], table))
        self._runs = kept

    def everything(self) -> tuple[pa.Table, Numbers]:
        """All rows, those of each unit in order of arrival, and whose each is."""
        if not self._runs:
            return self._schema.empty_table(), np.zeros(0, np.int64)
        tables = pa.concat_tables([run.table for run in self._runs])
        return tables, np.concatenate([run.units for run in self._runs])


def ranges(starts: Numbers, counts: Numbers) -> Numbers:
    """`starts[0]`, `starts[0] + 1` … for each count of numbers, one range after the other."""
    before = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(starts - before, counts)


def _is_mergeable(older: _Run, younger: _Run) -> bool:
    before, after = len(older.units), len(younger.units)
    return 2 * after >= before and before + after <= _LARGEST_RUN


def _sorted(units: Numbers, table: pa.Table) -> _Run:
    if (units[1:] >= units[:-1]).all():
        return _Run(units, table)
    order = np.argsort(units, kind="stable")
    return _Run(units[order], table.take(pa.array(order)))
