"""Columns of lists and of free text as numbers that can be compared: how long, how unknown.

Free text is text whose values mostly differ from each other, such as URLs or log messages: to
compare it by category would call every day's new values drift.
"""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

CATEGORIES = 20
"""Text of so few values is no free text, however few rows there are."""
SINGLES = 0.01
"""Share of rows whose value occurs once, from which on text is free: a day brings new ones."""

Floats = npt.NDArray[np.float64]
Facets = dict[str, tuple[Floats, Floats]]


def is_free(reference: pa.ChunkedArray) -> bool:
    """Whether text of the reference is free text."""
    counts = pc.value_counts(reference).field("counts").to_numpy()
    singles = np.count_nonzero(counts == 1)
    return counts.size > CATEGORIES and bool(singles > SINGLES * len(reference))


def facets(reference: pa.ChunkedArray, current: pa.ChunkedArray) -> Facets:
    """What is comparable of lists, or of free text: a number a row on both sides, by its name.

    - `length` in entries, or in characters; missing values are NaN.
    - `mean` of lists of decimal numbers.
    - `unknown`, of others: the share of a row's entries (of a text: words) that half of the
      reference's rows do not have. Its other half shows what is usual, so that a day's new words
      are drift only where there are more of them than there always were.
    """
    kind = reference.type
    sides = reference.combine_chunks(), current.combine_chunks()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        lengths = tuple(_numbers(pc.utf8_length(side)) for side in sides)
        words = [pc.split_pattern_regex(pc.utf8_lower(side), r"[^\pL\pN]+") for side in sides]
        return {"length": (lengths[0], lengths[1]), "unknown": _unknown(words[0], words[1])}
    lengths = tuple(_numbers(pc.list_value_length(side)) for side in sides)
    found: Facets = {"length": (lengths[0], lengths[1])}
    if pa.types.is_floating(kind.value_type):
        means = [_means(side) for side in sides]
        return found | {"mean": (means[0], means[1])}
    return found | {"unknown": _unknown(*sides)}


def _unknown(reference: pa.Array, current: pa.Array) -> tuple[Floats, Floats]:
    odd = pa.array(np.arange(len(reference)) % 2 == 1)
    known = pc.unique(pc.list_flatten(reference.filter(pc.invert(odd))))
    shares = []
    for side in (reference.filter(odd), current):
        flat = pc.list_flatten(side)
        new = ~pc.is_in(flat, value_set=known).to_numpy(zero_copy_only=False)
        shares.append(_mean_by_row(side, new.astype(np.float64)))
    return shares[0], shares[1]


def _means(column: pa.Array) -> Floats:
    return _mean_by_row(column, _numbers(pc.list_flatten(column)))


def _mean_by_row(column: pa.Array, values: Floats) -> Floats:
    """The mean of each row's values; NaN where it has none."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    row = np.repeat(np.arange(len(column)), lengths)
    sums = np.bincount(row, weights=values, minlength=len(column))
    return np.divide(sums, lengths, out=np.full(len(column), np.nan), where=lengths > 0)


def _numbers(column: pa.Array) -> Floats:
    doubles = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan"))
    return doubles.to_numpy(zero_copy_only=False)
