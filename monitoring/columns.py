"""From an Arrow column on both sides to the statistic that suits its values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.sequences import facets, is_free
from monitoring.statistics import (
    RateChange,
    bin_counts,
    category_psi,
    quantile_edges,
    quantile_psi,
    rate_change,
)

QUANTILE_PSI, CATEGORY_PSI, ODDS_RATIO = "quantile PSI", "category PSI", "odds ratio"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """How one column changed: its statistic's `value`, or the `reason` why there is none.

    `detail` says in words what changed, for whoever reads the report.
    """

    statistic: str
    value: float | None = None
    significant: bool = False
    detail: str = ""
    reason: str = ""


def compare(
    reference: pa.ChunkedArray, current: pa.ChunkedArray, comparisons: int = 1
) -> Comparison:
    """Compare a column's values; `comparisons` is the number of tests made together.

    Flags (booleans, numbers that are only 0 and 1) by their rate, other numbers by quantiles, text
    by category, lists and free text by their lengths and by what is unknown in them. Other types,
    and sides of different kinds, are not computable.
    """
    reference, current = _plain(reference), _plain(current)
    kinds = [_kind(column.type) for column in (reference, current)]
    for kind, column in zip(kinds, (reference, current), strict=True):
        if not kind:
            return Comparison("", reason=f"not computable: values of type {column.type}")
    if kinds[0] != kinds[1]:
        reason = f"not computable: {kinds[0]} in the reference, {kinds[1]} in the current rows"
        return Comparison("", reason=reason)
    if kinds[0] == "lists" or (kinds[0] == "text" and is_free(reference)):
        return _faceted(reference, current, comparisons)
    if kinds[0] == "text":
        return _text(reference, current, comparisons)
    before, after = floats(reference), floats(current)
    if _only_flags(before) and _only_flags(after):
        return _flags(before, after, comparisons)
    shift = quantile_psi(before, after, comparisons)
    return Comparison(
        QUANTILE_PSI, shift.value, shift.significant, _quantiles(before, after), shift.reason
    )


def profile(reference: pa.ChunkedArray, current: pa.ChunkedArray) -> list[tuple[str, float, float]]:
    """What `compare` looked at, for drawing: (label, share of reference, share of current rows).

    Numbers in the bins of the reference's quantiles, text by its ten most frequent values, lists
    and free text by their lengths.
    """
    if not len(reference) or not len(current):
        return []
    reference, current = _plain(reference), _plain(current)
    kind = _kind(reference.type)
    free = kind == "lists" or (kind == "text" and is_free(reference))
    if kind == "text" and not free:
        before, after = _counts(reference), _counts(current)
        every = {value: before.get(value, 0) + after.get(value, 0) for value in before | after}
        shown = sorted(every, key=lambda value: (-every[value], value or ""))[:10]
        names = ["missing" if value is None else value for value in shown]
        counts = [[side.get(value, 0) for value in shown] for side in (before, after)]
    else:
        values = (
            facets(reference, current)["length"] if free else (floats(reference), floats(current))
        )
        edges = quantile_edges(values[0])
        whole = bool(np.all(np.isnan(values[0]) | (values[0] == np.floor(values[0]))))
        names = _ranges(edges, whole)
        counts = [bin_counts(side, edges).tolist() for side in values]
    shares = zip(names, counts[0], counts[1], strict=True)
    rows = len(reference), len(current)
    return [(name, b / rows[0], a / rows[1]) for name, b, a in shares if b or a]


def floats(column: pa.ChunkedArray) -> Floats:
    """The column's numbers as doubles: missing as NaN, flags as 0 and 1."""
    return column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64, copy=False)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with dictionaries taken apart."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "lists" if _kind(kind.value_type) in ("text", "numbers") else ""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return "numbers" if number or pa.types.is_boolean(kind) or pa.types.is_null(kind) else ""


def _only_flags(values: Floats) -> bool:
    return bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())


def _flags(before: Floats, after: Floats, comparisons: int) -> Comparison:
    """The rate of set flags, or that of missing ones where it changed more."""
    known = [values[~np.isnan(values)] for values in (before, after)]
    hits = [int(values.sum()) for values in known]
    lost = [values.size - some.size for values, some in zip((before, after), known, strict=True)]
    rate = rate_change(hits[0], known[0].size, hits[1], known[1].size, comparisons)
    missing = rate_change(lost[0], before.size, lost[1], after.size, comparisons)
    if missing.significant and (missing.odds_ratio or 0) > (rate.odds_ratio or 0):
        return _rated(missing, "missing")
    return _rated(rate, "set")


def _rated(rate: RateChange, what: str) -> Comparison:
    detail = "" if rate.reason else f"{what} {percent(rate.reference)} → {percent(rate.current)}"
    return Comparison(ODDS_RATIO, rate.odds_ratio, rate.significant, detail, rate.reason)


def _quantiles(before: Floats, after: Floats) -> str:
    known = [values[np.isfinite(values)] for values in (before, after)]
    parts: list[str] = []
    if all(values.size for values in known):
        for name, share in (("median", 0.5), ("95th percentile", 0.95)):
            low, high = (np.quantile(v, share, method="inverted_cdf") for v in known)
            parts.append(f"{name} {short(low)} → {short(high)}")
    return ", ".join(parts + _missing(before.size, after.size, known[0].size, known[1].size))


def _text(reference: pa.ChunkedArray, current: pa.ChunkedArray, comparisons: int) -> Comparison:
    before, after = _counts(reference), _counts(current)
    shift = category_psi(before, after, comparisons)
    unseen = sum(rows for value, rows in after.items() if value not in before)
    parts = [f"unseen values {percent(unseen / len(current))}"] if unseen else []
    parts += _missing(
        len(reference),
        len(current),
        len(reference) - before.get(None, 0),
        len(current) - after.get(None, 0),
    )
    return Comparison(CATEGORY_PSI, shift.value, shift.significant, ", ".join(parts), shift.reason)


def _faceted(reference: pa.ChunkedArray, current: pa.ChunkedArray, comparisons: int) -> Comparison:
    """The facet that moved furthest, those that moved beyond chance first."""
    found: list[Comparison] = []
    sides = facets(reference, current)
    for name, (before, after) in sides.items():
        shift = quantile_psi(before, after, comparisons * len(sides))
        detail = f"{name}: {_quantiles(before, after)}"
        moved = shift.significant
        found.append(Comparison(QUANTILE_PSI, shift.value, moved, detail, shift.reason))
    valued = [comparison for comparison in found if comparison.value is not None]
    return max(valued, key=lambda c: (c.significant, c.value), default=found[0])


def _counts(column: pa.ChunkedArray) -> dict[str | None, int]:
    return {row["values"]: row["counts"] for row in column.value_counts().to_pylist()}


def _missing(before: int, after: int, known_before: int, known_after: int) -> list[str]:
    if before == known_before and after == known_after:
        return []
    shares = [
        1 - known / max(rows, 1) for known, rows in ((known_before, before), (known_after, after))
    ]
    return [f"missing {percent(shares[0])} → {percent(shares[1])}"]


def percent(share: float | None) -> str:
    """A share for reading: 0.0123 as 1.2%, 0.00004 as 0.004%, None as a dash."""
    if share is None:
        return "–"
    digits = 3 if share >= 0.995 else 2
    return f"{float(f'{100 * share:.{digits}g}'):g}%"


def _ranges(edges: npt.NDArray[np.float32], whole: bool) -> list[str]:
    """Names of the bins between the edges, and of the missing values."""
    if not edges.size:
        return ["all", "missing"]
    names = [f"≤ {short(edges[0])}"]
    for low, high in pairwise(edges):
        first = np.floor(low) + 1 if whole else low
        alone = first >= high or np.nextafter(low, np.float32(np.inf)) == high
        names.append(short(high) if alone else f"{short(first)} – {short(high)}")
    return [*names, f"> {short(edges[-1])}", "missing"]


def short(value: float) -> str:
    """A number for reading, in four digits: 12.35, 18,070, 1.2e-05."""
    size = abs(value)
    if size and not 1e-3 <= size < 1e9:
        return f"{value:.3g}"
    digits = max(0, 3 - int(np.floor(np.log10(size)))) if size else 0
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text
