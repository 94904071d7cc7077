"""Statistics that stay right on security data: heavy tails, rare events, missing values.

Every comparison answers with a number and whether chance explains it, or says why it cannot be
computed; none raises on data, and none passes silently.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from monitoring.sketches.points import Points

BINS = 10
"""Quantile bins of the reference, beside the values that hold a bin's share on their own."""
MIN_ROWS = 30
"""Fewer values a side say nothing about a distribution."""
ALPHA = 0.001
"""Chance of calling a difference significant where there is none, all comparisons together."""

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Shift:
    """How far a distribution moved.

    `value` is a population stability index (0: equal; 0.1 small, 0.25 large by convention), or None
    with the `reason` why there is none. `noise` is the index that chance alone stays below.
    """

    value: float | None
    noise: float = 0.0
    reason: str = ""

    @property
    def significant(self) -> bool:
        """Whether chance does not explain the index."""
        return self.value is not None and self.value > self.noise


@dataclass(frozen=True)
class RateChange:
    """How the share of something (alerts, set flags) changed between reference and current rows.

    `odds_ratio` is at least 1, whichever way the rate moved: 3 means odds three times as high or as
    low. Rates are None where `reason` says why.
    """

    reference: float | None
    current: float | None
    odds_ratio: float | None = None
    significant: bool = False
    reason: str = ""


def psi(before: Floats, after: Floats, comparisons: int = 1) -> Shift:
    """Population stability index over rows by bin; bins that are empty on both sides do not count.

    `comparisons` is the number of tests made together (Bonferroni).

    References: Yurdakul, Statistical Properties of Population Stability Index (2018): under equal
    distributions the index times nm/(n+m) follows chi-square with bins - 1 degrees.
    """
    if reason := too_few(before.sum(), after.sum()):
        return Shift(None, reason=reason)
    used = (before > 0) | (after > 0)
    before, after = before[used], after[used]
    p = (before + 0.5) / (before.sum() + 0.5 * before.size)
    q = (after + 0.5) / (after.sum() + 0.5 * after.size)
    noise = _chi_square(1 - ALPHA / comparisons, before.size - 1)
    index = float(np.sum((q - p) * np.log(q / p)))
    return Shift(index, noise * float(1 / before.sum() + 1 / after.sum()))


def quantile_psi(reference: Points, current: Points, comparisons: int = 1) -> Shift:
    """Population stability index over bins of equal reference mass.

    Bins follow the reference's quantiles, so one outlier moves one row and a heavy tail is split as
    finely as the rest; a value that holds more than a bin's share (zero in most counts) is a bin
    of its own, and so are the missing values.
    """
    if reason := too_few(reference.known, current.rows):
        return Shift(None, reason=reason)
    edges = quantile_edges(reference)
    return psi(bin_counts(reference, edges), bin_counts(current, edges), comparisons)


def quantile_edges(reference: Points) -> npt.NDArray[np.float32]:
    """Right-closed bin edges, ascending: bins of equal mass, and each frequent value alone."""
    finite = np.isfinite(reference.values)
    values, counts = reference.values[finite], reference.counts[finite]
    frequent = (counts * BINS >= counts.sum()) & ~reference.spread[finite]
    atoms, rest, weights = values[frequent], values[~frequent], counts[~frequent]
    edges = [atoms, np.nextafter(atoms, np.float32(-np.inf))]
    bins = min(BINS, int(weights.sum()) // (2 * BINS))
    if bins > 1:
        cumulated = np.cumsum(weights)
        targets = cumulated[-1] * np.arange(1, bins) / bins
        edges.append(rest[np.searchsorted(cumulated, targets)])
    return np.unique(np.concatenate(edges))


def bin_counts(points: Points, edges: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Rows a bin, len(edges) + 2 of them: the last one holds the missing values."""
    below = np.append(points.at_most(edges), points.known)
    return np.append(np.diff(below, prepend=0.0), points.missing)


def rate_change(
    reference_hits: float,
    reference_rows: float,
    current_hits: float,
    current_rows: float,
    comparisons: int = 1,
) -> RateChange:
    """Compare two proportions (pooled z test with continuity correction)."""
    before = reference_hits / reference_rows if reference_rows else None
    after = current_hits / current_rows if current_rows else None
    if before is None or after is None or too_few(reference_rows, current_rows):
        return RateChange(before, after, reason=too_few(reference_rows, current_rows))
    pooled = (reference_hits + current_hits) / (reference_rows + current_rows)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / reference_rows + 1 / current_rows))
    correction = (1 / reference_rows + 1 / current_rows) / 2
    z = (abs(after - before) - correction) / spread if spread else 0.0
    odds = [
        (hits + 0.5) / (rows - hits + 0.5)
        for hits, rows in ((reference_hits, reference_rows), (current_hits, current_rows))
    ]
    ratio = max(odds[1] / odds[0], odds[0] / odds[1]) if before != after else 1.0
    critical = NormalDist().inv_cdf(1 - ALPHA / comparisons / 2)
    return RateChange(before, after, ratio, z > critical)


def tail_share(
    reference: Points, current: Points, quantile: float = 0.99, comparisons: int = 1
) -> RateChange:
    """Compare the shares of scores above the reference's `quantile`.

    Sees what an index over the whole distribution cannot: one row in a hundred that moved far up.
    """
    if reason := too_few(reference.known, current.known):
        return RateChange(None, None, reason=reason)
    cut = np.array([reference.quantile(quantile)], np.float32)
    above = [each.known - float(each.at_most(cut)[0]) for each in (reference, current)]
    return rate_change(above[0], reference.known, above[1], current.known, comparisons)


def too_few(reference: float, current: float) -> str:
    """Why two sides of so many values cannot be compared; empty: they can."""
    for rows, side in ((reference, "reference"), (current, "current")):
        if not rows:
            return f"not computable: no {side} values"
        if rows < MIN_ROWS:
            return f"not computable: {rows:.0f} {side} values, {MIN_ROWS} needed"
    return ""


def _chi_square(probability: float, degrees: int) -> float:
    """The quantile of chi-square, by Wilson and Hilferty's approximation (1931)."""
    if not degrees:
        return 0.0
    spread = 2 / (9 * degrees)
    return degrees * (1 - spread + NormalDist().inv_cdf(probability) * math.sqrt(spread)) ** 3
