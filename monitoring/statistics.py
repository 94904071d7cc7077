"""Statistics that stay right on security data: heavy tails, rare events, missing values.

Every comparison answers with a number and whether chance explains it, or says why it cannot be
computed; none raises on data, and none passes silently.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

ROW_BUDGET = 50_000
"""Rows a side that a comparison looks at; a larger table is sampled."""
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


def quantile_psi(reference: Floats, current: Floats, comparisons: int = 1) -> Shift:
    """Population stability index over bins of equal reference mass.

    Bins follow the reference's quantiles, so one outlier moves one row and a heavy tail is split as
    finely as the rest; a value that holds more than a bin's share (zero in most counts) is a bin
    of its own, and so are the missing values (NaN). `comparisons` is the number of tests made
    together (Bonferroni). O(n log n).

    References: Yurdakul, Statistical Properties of Population Stability Index (2018): under equal
    distributions the index times nm/(n+m) follows chi-square with bins - 1 degrees.
    """
    if reason := _too_few(int(np.isfinite(reference).sum()), current.size):
        return Shift(None, reason=reason)
    edges = quantile_edges(reference)
    return _psi(bin_counts(reference, edges), bin_counts(current, edges), comparisons)


def quantile_edges(reference: Floats) -> npt.NDArray[np.float32]:
    """Right-closed bin edges, ascending: bins of equal mass, and each frequent value alone."""
    reference = _single(reference)
    known = reference[np.isfinite(reference)]
    values, counts = np.unique(known, return_counts=True)
    frequent = counts * BINS >= known.size
    atoms, rest, weights = values[frequent], values[~frequent], counts[~frequent]
    edges = [atoms, np.nextafter(atoms, np.float32(-np.inf))]
    bins = min(BINS, int(weights.sum()) // (2 * BINS))
    if bins > 1:
        cumulated = np.cumsum(weights)
        targets = cumulated[-1] * np.arange(1, bins) / bins
        edges.append(rest[np.searchsorted(cumulated, targets)])
    return np.unique(np.concatenate(edges))


def bin_counts(values: Floats, edges: npt.NDArray[np.float32]) -> Floats:
    """Rows a bin, len(edges) + 2 of them: the last one holds the missing values."""
    values = _single(values)
    missing = np.isnan(values)
    places = np.searchsorted(edges, values[~missing], side="left")
    counts = np.bincount(places, minlength=edges.size + 1)
    return np.append(counts, np.count_nonzero(missing)).astype(float)


def category_psi(
    reference: Mapping[str | None, int], current: Mapping[str | None, int], comparisons: int = 1
) -> Shift:
    """Population stability index over categories: value (None: missing) to rows.

    The reference's most frequent values are categories of their own, its others are one, and values
    that it never had are another.
    """
    if reason := _too_few(sum(reference.values()), sum(current.values())):
        return Shift(None, reason=reason)
    ranked = sorted(reference, key=lambda value: (-reference[value], value is None, value or ""))
    place = {value: min(rank, 2 * BINS) for rank, value in enumerate(ranked)}
    unseen = 2 * BINS + 1
    before, after = np.zeros(unseen + 1), np.zeros(unseen + 1)
    for value, rows in reference.items():
        before[place[value]] += rows
    for value, rows in current.items():
        after[place.get(value, unseen)] += rows
    return _psi(before, after, comparisons)


def rate_change(
    reference_hits: int,
    reference_rows: int,
    current_hits: int,
    current_rows: int,
    comparisons: int = 1,
) -> RateChange:
    """Compare two proportions (pooled z test with continuity correction)."""
    before = reference_hits / reference_rows if reference_rows else None
    after = current_hits / current_rows if current_rows else None
    if before is None or after is None or _too_few(reference_rows, current_rows):
        return RateChange(before, after, reason=_too_few(reference_rows, current_rows))
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
    reference: Floats, current: Floats, quantile: float = 0.99, comparisons: int = 1
) -> RateChange:
    """Compare the shares of scores above the reference's `quantile`.

    Sees what an index over the whole distribution cannot: one row in a hundred that moved far up.
    """
    reference, current = reference[~np.isnan(reference)], current[~np.isnan(current)]
    if reason := _too_few(reference.size, current.size):
        return RateChange(None, None, reason=reason)
    cut = np.quantile(reference, quantile, method="inverted_cdf")
    above = [int(np.count_nonzero(scores > cut)) for scores in (reference, current)]
    return rate_change(above[0], reference.size, above[1], current.size, comparisons)


def wilson(hits: int, rows: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """Wilson's score interval of a proportion; None without rows.

    References: Wilson, Probable inference (JASA 1927).
    """
    if not rows:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = hits / rows, z * z / rows
    centre = share + weight / 2
    half = z * math.sqrt(share * (1 - share) / rows + weight / (4 * rows))
    low, high = (centre - half) / (1 + weight), (centre + half) / (1 + weight)
    return min(share, max(0.0, low)), max(share, min(1.0, high))


def sample(table: pa.Table, budget: int = ROW_BUDGET) -> pa.Table:
    """At most `budget` rows, chosen by a hash of their content: the same ones in any order.

    Equal rows are told apart by counting, so that a frequent row is thinned like any other.
    """
    if table.num_rows <= budget:
        return table
    columns = ", ".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in table.column_names)
    with duckdb.connect(config={"threads": 1, "enable_external_access": False}) as connection:
        connection.register("rows", table)
        hashes = connection.sql(f"SELECT hash({columns}) AS h FROM rows").fetchnumpy()["h"]
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    counts = np.diff(np.append(first, ordered.size))
    occurrence = np.arange(ordered.size) - np.repeat(first, counts)
    keys = _mix(ordered + occurrence.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    chosen = order[np.argpartition(keys, budget)[:budget]]
    return table.take(pa.array(np.sort(chosen)))


def _too_few(reference: int, current: int) -> str:
    for rows, side in ((reference, "reference"), (current, "current")):
        if not rows:
            return f"not computable: no {side} values"
        if rows < MIN_ROWS:
            return f"not computable: {rows} {side} values, {MIN_ROWS} needed"
    return ""


def _single(values: Floats) -> npt.NDArray[np.float32]:
    # Single precision absorbs the last bits, in which sums over the same rows may differ.
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _psi(before: Floats, after: Floats, comparisons: int) -> Shift:
    used = (before > 0) | (after > 0)
    before, after = before[used], after[used]
    p = (before + 0.5) / (before.sum() + 0.5 * before.size)
    q = (after + 0.5) / (after.sum() + 0.5 * after.size)
    noise = _chi_square(1 - ALPHA / comparisons, before.size - 1)
    index = float(np.sum((q - p) * np.log(q / p)))
    return Shift(index, noise * float(1 / before.sum() + 1 / after.sum()))


def _chi_square(probability: float, degrees: int) -> float:
    """The quantile of chi-square, by Wilson and Hilferty's approximation (1931)."""
    if not degrees:
        return 0.0
    spread = 2 / (9 * degrees)
    return degrees * (1 - spread + NormalDist().inv_cdf(probability) * math.sqrt(spread)) ** 3


def _mix(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread 64-bit keys evenly (the finaliser of splitmix64)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
