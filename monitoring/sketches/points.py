"""A distribution of numbers as weighted points: small, mergeable, equal for equal rows.

The points are the rows' own values in ascending order. Where there are more than fit, values that
hold a share of their own stay exact and the others are thinned to points of equal mass, denser
towards the top, where scores and heavy tails are decided. Nothing is drawn at random, so making a
sketch again gives the same bytes. Randomised sketches (KLL, REQ) are smaller for the same error on
streams, which a day at rest is not.

The rank error of one sketch is below 2 / resolution of its rows, that of a merged one below the sum
of both steps'; values that hold more than 2 / resolution are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Singles = npt.NDArray[np.float32]

EXACT = 1 << 62
"""Resolution at which nothing is thinned."""


@dataclass(frozen=True, eq=False)
class Points:
    """Weighted points, ascending.

    Attributes:
        values: single precision, which absorbs the last bits in which sums over the same rows
            may differ.
        counts: rows from above the point before (spread) or at the point alone.
        spread: whether a point's rows lie between the point before it and it.
        missing: rows without a value (NaN).
    """

    values: Singles
    counts: npt.NDArray[np.float64]
    spread: npt.NDArray[np.bool_]
    missing: float = 0

    @property
    def known(self) -> float:
        """Rows with a value."""
        return float(self.counts.sum())

    @property
    def rows(self) -> float:
        """All rows."""
        return self.known + self.missing

    @property
    def whole_numbers(self) -> bool:
        """Whether every kept value is a whole number."""
        finite = self.values[np.isfinite(self.values)]
        return bool(np.all(finite == np.floor(finite)))

    @property
    def only_flags(self) -> bool:
        """Whether the values are 0 and 1 alone; also of no values."""
        return bool(np.isin(self.values, (0.0, 1.0)).all()) and not self.spread.any()

    def at_most(self, edges: Singles) -> npt.NDArray[np.float64]:
        """How many rows are at most each of the edges, which ascend; linear within a spread."""
        places = np.searchsorted(self.values, edges, side="right")
        below = self._cumulated[places]
        if not self.spread.any():
            return below
        between = np.flatnonzero((places > 0) & (places < self.values.size))
        between = between[self.spread[places[between]]]
        upper = places[between]
        low = self.values[upper - 1].astype(np.float64)
        with np.errstate(invalid="ignore"):
            part = (edges[between] - low) / (self.values[upper] - low)
        part[~np.isfinite(part)] = 0.0  # beside an infinite value nothing is known
        below[between] += part * self.counts[upper]
        return below

    def quantile(self, share: float) -> float:
        """The value that this share of the known rows does not exceed; NaN without rows."""
        if not self.values.size:
            return float("nan")
        place = np.searchsorted(self._cumulated[1:], share * self.known - 1e-9)
        return float(self.values[min(int(place), self.values.size - 1)])

    def below(self, limit: float) -> Points:
        """The rows with a value below a limit; without the missing ones."""
        cut = np.nextafter(np.float32(limit), np.float32(-np.inf))
        kept = self.values <= cut
        values, counts, spread = self.values[kept], self.counts[kept], self.spread[kept]
        rest = float(self.at_most(np.array([cut], np.float32))[0]) - float(counts.sum())
        if rest > 0:
            values = np.append(values, cut)
            counts, spread = np.append(counts, rest), np.append(spread, True)
        return Points(values, counts, spread)

    @cached_property
    def _cumulated(self) -> npt.NDArray[np.float64]:
        return np.concatenate(([0.0], np.cumsum(self.counts)))


def points_of(
    values: Floats, resolution: int = EXACT, counts: npt.NDArray[np.int64] | None = None
) -> Points:
    """The points of a column's values, each counted once or `counts` times; O(n log n)."""
    single = singles(values)
    missing = np.isnan(single)
    if counts is None:
        found, weights = np.unique(single[~missing], return_counts=True)
        lost = int(np.count_nonzero(missing))
    else:
        found, places = np.unique(single[~missing], return_inverse=True)
        weights = np.bincount(places, weights=counts[~missing], minlength=found.size)
        lost = int(counts[missing].sum())
    exact = Points(found, weights.astype(np.float64), np.zeros(found.size, bool), lost)
    return thinned(exact, resolution)


def merged(parts: Sequence[Points], resolution: int = EXACT) -> Points:
    """The points of all rows together; in any order of the parts the same."""
    parts = [part for part in parts if part.values.size or part.missing]
    if len(parts) == 1:
        return thinned(parts[0], resolution)
    atoms = _union([part.values[~part.spread] for part in parts])
    below = np.nextafter(atoms, np.float32(-np.inf))
    edges = _union([*(part.values for part in parts), below])
    cumulated = np.zeros(edges.size)
    for part in sorted(parts, key=_order):
        cumulated += part.at_most(edges)
    counts = np.diff(cumulated, prepend=0.0)
    counts[np.abs(counts) < 1e-6] = 0.0
    used = counts > 0
    missing = sum(part.missing for part in parts)
    spread = ~np.isin(edges, atoms)
    return thinned(Points(edges[used], counts[used], spread[used], missing), resolution)


def thinned(points: Points, resolution: int) -> Points:
    """At most about 1.5 x `resolution` of the points."""
    values, counts = points.values, points.counts
    if values.size <= resolution:
        return points
    total, cumulated = counts.sum(), np.cumsum(counts)
    heavy = counts * resolution >= 2 * total
    steps = np.arange(1, resolution // 2) / (resolution // 2)
    tail = 1 - 0.5 ** np.arange(1, 64) / (resolution // 2)
    targets = total * np.concatenate((steps, tail[(1 - tail) * total >= 1]))
    kept = np.zeros(values.size, bool)
    kept[np.searchsorted(cumulated, targets - 1e-9).clip(0, values.size - 1)] = True
    kept[heavy] = kept[0] = kept[-1] = True
    kept[np.flatnonzero(heavy[1:])] = True  # what is below a heavy value is not counted to it
    places = np.flatnonzero(kept)
    sums = np.diff(cumulated[places], prepend=0.0)
    alone = np.diff(places, prepend=-1) == 1
    return Points(values[places], sums, points.spread[places] | ~alone, points.missing)


def singles(values: Floats) -> Singles:
    """Values in single precision; what is too large is infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _union(arrays: Sequence[Singles]) -> Singles:
    return np.unique(np.concatenate(arrays)) if arrays else np.empty(0, np.float32)


def _order(points: Points) -> bytes:
    # Sums of doubles depend on their order.
    return points.values.tobytes() + points.counts.tobytes()
