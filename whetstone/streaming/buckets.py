"""Units that begin and end together, and how a checkpoint keeps them."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from whetstone.streaming.rows import Numbers, UnitRows


@dataclass
class Bucket:
    """Units that begin and end together: those of one window, or the sessions of one day."""

    start: int
    rows: UnitRows
    numbers: dict[str, int] = field(default_factory=dict[str, int])
    names: list[pa.Table] = field(default_factory=list[pa.Table])
    sizes: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    touched: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    closed: int = 0  # so many units have been closed already

    def enter(self, keys: Sequence[str], names: pa.Table) -> Numbers:
        """Numbers of units by key; those that are new get the next ones, and a name."""
        count = len(self.sizes)
        found = np.array([self.numbers.setdefault(key, -1) for key in keys], np.int64)
        new = np.flatnonzero(found < 0)
        if len(new):
            found[new] = np.arange(count, count + len(new))
            for at in new.tolist():
                self.numbers[keys[at]] = int(found[at])
            self.names.append(names.take(pa.array(new)))
            self.sizes = np.concatenate([self.sizes, np.zeros(len(new), np.int64)])
            self.touched = np.concatenate([self.touched, np.zeros(len(new), np.int64)])
        return found

    @property
    def is_closed(self) -> bool:
        """Whether all of its units have been closed."""
        return self.closed == len(self.sizes)

    def next_to_close(self, rows: int) -> "Part | None":
        """The next units, which have about so many rows; None if all have been closed."""
        if self.is_closed:
            return None
        reached = np.cumsum(self.sizes[self.closed : self.closed + rows])
        end = self.closed + max(1, int(np.searchsorted(reached, rows, "right")))
        units = np.arange(self.closed, end)
        self.closed = end
        return Part.of(self, units[self.sizes[units] > 0])

    def forget(self, units: Numbers) -> None:
        """Give up units; one that comes again is a new one."""
        self.rows.drop(units)
        self.sizes[units] = 0
        gone = set(units.tolist())
        self.numbers = {key: number for key, number in self.numbers.items() if number not in gone}

    def named(self, numbers: Numbers) -> pa.Table:
        """The names of units."""
        if len(self.names) > 1:
            self.names = [pa.concat_tables(self.names).combine_chunks()]
        return self.names[0].take(pa.array(numbers))


@dataclass(frozen=True, eq=False)
class Part:
    """Units of one bucket: their rows, unit by unit, and how many each has."""

    bucket: Bucket
    units: Numbers
    rows: pa.Table
    sizes: Numbers

    @staticmethod
    def of(bucket: Bucket, units: Numbers) -> "Part":
        """Units with all their rows."""
        rows, bounds = bucket.rows.of(units)
        return Part(bucket, units, rows, np.diff(bounds))


@dataclass(frozen=True, eq=False)
class Saved:
    """Open units as a checkpoint keeps them: all of them, or what was added since the last one.

    Attributes:
        rows: of the units, with `_bucket` and `_unit`.
        names: of the units, with `_bucket`, `_unit` and `_key`.
        evicted: (bucket, unit) of those that were closed before their time.
        buckets: begin of each that is open, and how many of its units have been closed.
    """

    rows: pa.Table
    names: pa.Table
    evicted: tuple[tuple[int, int], ...]
    buckets: Mapping[int, int]
