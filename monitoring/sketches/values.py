"""How often each of many texts occurs: the frequent ones by name, of the rest a sample.

The frequent values have exact counts. Of the others, those with the smallest hashes are kept (a
bottom-k sample): they tell how many distinct values there are, and, because the same value has the
same hash on every day, which share of them another day has never seen.

References: Beyer et al., On synopses for distinct-value estimation (SIGMOD 2007); Cohen and Kaplan,
Summarizing data using bottom-k sketches (PODC 2007); Good, The population frequencies of species
(Biometrika 1953).
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

ALL = 1 << 32
"""Bound of the hashes of a sample that is complete."""

Hashes = npt.NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Values:
    """Counts of texts.

    Attributes:
        counts: rows by frequent value.
        tail_rows: rows of all other values.
        hashes: of those, the smallest hashes, ascending.
        hashed: rows by hash.
        bound: hashes from here on are left out; `ALL`: none is.
        missing: rows without a value.
        singles: values that occur once, of all.
    """

    counts: Mapping[str, float]
    tail_rows: float = 0
    hashes: Hashes = field(default_factory=lambda: np.empty(0, np.uint32))
    hashed: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    bound: int = ALL
    missing: float = 0
    singles: float = 0

    @property
    def known(self) -> float:
        """Rows with a value."""
        return sum(self.counts.values()) + self.tail_rows

    @property
    def rows(self) -> float:
        """All rows."""
        return self.known + self.missing

    @property
    def distinct(self) -> float:
        """How many values there are; estimated where the sample is not complete."""
        return len(self.counts) + self.hashes.size * ALL / self.bound

    @property
    def novelty(self) -> float:
        """The share of further rows whose value will be new (Good and Turing's estimate)."""
        return self.singles / self.known if self.known else 0.0

    def rows_of(self, value: str) -> float:
        """The rows of a value, as far as they are known."""
        if value in self.counts:
            return self.counts[value]
        place = int(np.searchsorted(self.hashes, np.uint32(hash_of(value))))
        found = place < self.hashes.size and int(self.hashes[place]) == hash_of(value)
        return float(self.hashed[place]) if found else 0.0

    @cached_property
    def every_hash(self) -> Hashes:
        """The hashes of all values that are kept, ascending."""
        own = np.array([hash_of(value) for value in self.counts], np.uint32)
        return np.unique(np.concatenate((own, self.hashes)))


def values_of(counts: Mapping[str, float], most: int, sampled: int, missing: float = 0) -> Values:
    """The sketch of counted values: `most` frequent ones by name, of the rest `sampled` hashes."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = ranked[most:]
    hashes, rows = _summed(
        np.array([hash_of(value) for value, _ in rest], np.uint32),
        np.array([count for _, count in rest], np.float64),
    )
    return _cut(
        Values(
            dict(ranked[:most]),
            float(rows.sum()),
            hashes,
            rows,
            ALL,
            missing,
            sum(count == 1 for count in counts.values()),
        ),
        sampled,
    )


def merged(parts: Sequence[Values], most: int, sampled: int) -> Values:
    """All rows together. A value that is frequent on some days only is counted on those."""
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    bound = min((part.bound for part in parts), default=ALL)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept, rest = dict(ranked[:most]), ranked[most:]
    hashes, rows = _summed(
        np.concatenate(
            [np.array([hash_of(value) for value, _ in rest], np.uint32), *(p.hashes for p in parts)]
        ),
        np.concatenate([np.array([rows for _, rows in rest]), *(p.hashed for p in parts)]),
    )
    # A value that is frequent on one day and rare on another is counted with the frequent.
    tail = sum(part.tail_rows for part in parts) + sum(rows for _, rows in rest)
    own = {hash_of(value): value for value in kept}
    moved = np.isin(hashes, np.array(list(own), np.uint32))
    for key, more in zip(hashes[moved].tolist(), rows[moved].tolist(), strict=True):
        kept[own[key]] += more
        tail -= more
    left = ~moved & (hashes.astype(np.int64) < bound)
    missing = sum(part.missing for part in parts)
    once = sum(part.singles for part in parts)
    return _cut(Values(kept, tail, hashes[left], rows[left], bound, missing, once), sampled)


def unseen(reference: Values, current: Values) -> float:
    """Share of the current known rows whose value the reference does not have.

    Exact where the reference is kept whole; else of the values whose hashes both have kept.
    """
    if not current.known:
        return 0.0
    new = decidable = 0.0
    for value, rows in current.counts.items():
        if value in reference.counts:
            decidable += rows
        elif hash_of(value) < reference.bound:
            decidable += rows
            new += 0.0 if _holds(reference.hashes, hash_of(value)) else rows
    share = new / decidable if decidable else 0.0
    named = sum(current.counts.values())
    within = current.hashes.astype(np.int64) < min(reference.bound, current.bound)
    sample, rows = current.hashes[within], current.hashed[within]
    if not rows.sum():
        return share
    known = np.isin(sample, reference.every_hash)
    tail = float(rows[~known].sum() / rows.sum())
    return (share * named + tail * current.tail_rows) / current.known


def unseen_by_day(days: Sequence[Values]) -> list[float]:
    """Of each day the share of known rows whose value no other of the days has."""
    if len(days) < 2:
        return [0.0] * len(days)
    kept, on = np.unique(np.concatenate([day.every_hash for day in days]), return_counts=True)
    alone = kept[on == 1]
    found: list[float] = []
    for number, day in enumerate(days):
        bound = min(other.bound for place, other in enumerate(days) if place != number)
        names = np.array([hash_of(value) for value in day.counts], np.uint32)
        rows = np.array(list(day.counts.values()), np.float64)
        named = _alone(names, rows, alone, bound)
        tail = _alone(day.hashes, day.hashed, alone, min(bound, day.bound))
        known = day.known
        found.append((named * rows.sum() + tail * day.tail_rows) / known if known else 0.0)
    return found


def _alone(hashes: Hashes, rows: npt.NDArray[np.float64], alone: Hashes, bound: int) -> float:
    """Of the rows of which it can be told, the share that no other day has."""
    single = np.isin(hashes, alone)
    told = ~single | (hashes.astype(np.int64) < bound)
    total = rows[told].sum()
    return float(rows[single & told].sum() / total) if total else 0.0


def new_values(references: Iterable[Values], current: Values) -> dict[str, float]:
    """The frequent values of the current rows that no reference has, with their rows."""
    references = list(references)
    return {
        value: rows
        for value, rows in current.counts.items()
        if all(
            value not in reference.counts
            and hash_of(value) < reference.bound
            and not _holds(reference.hashes, hash_of(value))
            for reference in references
        )
    }


def hash_of(value: str) -> int:
    """32 bits of a text, the same on every machine and day, spread evenly (murmur's finaliser)."""
    key = zlib.crc32(value.encode("utf-8", "surrogatepass"))
    key = ((key ^ (key >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    key = ((key ^ (key >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return key ^ (key >> 16)


def _cut(values: Values, sampled: int) -> Values:
    if values.hashes.size <= sampled:
        return values
    bound = int(values.hashes[sampled])
    return Values(
        values.counts, values.tail_rows, values.hashes[:sampled], values.hashed[:sampled], bound,
        values.missing, values.singles,
    )  # fmt: skip


def _summed(
    hashes: Hashes, rows: npt.NDArray[np.float64]
) -> tuple[Hashes, npt.NDArray[np.float64]]:
    found, places = np.unique(hashes, return_inverse=True)
    return found, np.bincount(places, weights=rows, minlength=found.size).astype(np.float64)


def _holds(hashes: Hashes, key: int) -> bool:
    place = int(np.searchsorted(hashes, np.uint32(key)))
    return place < hashes.size and int(hashes[place]) == key
