"""A column of rows made ready to be sketched: its kind, and its numbers, texts or entries."""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.sketches.points import Points, points_of
from monitoring.sketches.values import Values, values_of

CATEGORIES = 20
"""Text of so few values is no free text, however few rows there are."""

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Encoded:
    """A column; the methods sketch some of its rows. `kind` is empty for what has no statistic."""

    kind: str
    type: str
    column: pa.Array

    def numbers(self, rows: Indices, resolution: int) -> Points | None:
        """The numbers, or the lengths of texts (in characters) and of lists (in entries)."""
        if self.kind == "text":
            texts, counts, missing = self._texts(rows)
            found = points_of(self._lengths[texts], resolution, counts)
            return Points(found.values, found.counts, found.spread, missing)
        if self.kind == "lists":
            return points_of(self._lengths[rows], resolution)
        return points_of(self._doubles[rows], resolution) if self.kind else None

    def means(self, rows: Indices, resolution: int) -> Points | None:
        """Of lists of decimal numbers, the mean of each."""
        if self.kind != "lists" or not pa.types.is_floating(self.column.type.value_type):
            return None
        return points_of(self._means[rows], resolution)

    def values(self, rows: Indices, most: int, sampled: int) -> Values | None:
        """The texts, or the entries of lists that are no lists of decimal numbers."""
        if self.kind == "text":
            texts, counts, missing = self._texts(rows)
            names = self._dictionary.take(pa.array(texts)).to_pylist()
            counted = dict(zip(names, counts.tolist(), strict=True))
            return values_of(counted, most, sampled, missing)
        if self.kind == "lists" and not pa.types.is_floating(self.column.type.value_type):
            return self._entries.counted(rows, np.ones(rows.size, np.int64), most, sampled)
        return None

    def words(self, rows: Indices, most: int, sampled: int) -> Values | None:
        """The words of texts that are no small set of categories, in lower case."""
        if self.kind != "text":
            return None
        texts, counts, _ = self._texts(rows)
        if texts.size <= CATEGORIES:
            return None
        return self._words.counted(texts, counts, most, sampled)

    def _texts(self, rows: Indices) -> tuple[Indices, Indices, int]:
        codes = self._codes[rows]
        texts, counts = np.unique(codes[codes >= 0], return_counts=True)
        return texts, counts, int(np.count_nonzero(codes < 0))

    @cached_property
    def _doubles(self) -> Floats:
        return _numbers(self.column)

    @cached_property
    def _lengths(self) -> Floats:
        """Of each distinct text, or of each list."""
        if self.kind == "lists":
            return _numbers(pc.list_value_length(self.column))
        return _numbers(pc.utf8_length(self._dictionary))

    @cached_property
    def _means(self) -> Floats:
        lengths = pc.fill_null(pc.list_value_length(self.column), 0).to_numpy().astype(np.int64)
        row = np.repeat(np.arange(lengths.size), lengths)
        sums = np.bincount(row, _numbers(pc.list_flatten(self.column)), lengths.size)
        return np.divide(sums, lengths, out=np.full(lengths.size, np.nan), where=lengths > 0)

    @cached_property
    def _encoded(self) -> pa.DictionaryArray:
        return self.column.cast(pa.string()).dictionary_encode()

    @property
    def _dictionary(self) -> pa.Array:
        return self._encoded.dictionary

    @cached_property
    def _codes(self) -> Indices:
        return pc.fill_null(self._encoded.indices, -1).to_numpy().astype(np.int64)

    @cached_property
    def _entries(self) -> _Entries:
        return _Entries(self.column)

    @cached_property
    def _words(self) -> _Entries:
        return _Entries(pc.split_pattern_regex(pc.utf8_lower(self._dictionary), r"[^\pL\pN]+"))


class _Entries:
    """The entries of lists, encoded once for all environments."""

    def __init__(self, lists: pa.Array):
        self._lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
        self._starts = np.concatenate(([0], np.cumsum(self._lengths)))[:-1]
        flat = pc.fill_null(pc.list_flatten(lists).cast(pa.string()), "(none)")
        encoded = flat.dictionary_encode()
        self._codes = encoded.indices.to_numpy().astype(np.int64)
        self._names = encoded.dictionary

    def counted(self, lists: Indices, counts: Indices, most: int, sampled: int) -> Values:
        """How often each entry occurs in some lists, each of which counts so many times."""
        lengths = self._lengths[lists]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        codes = self._codes[np.repeat(self._starts[lists], lengths) + within]
        found, places = np.unique(codes, return_inverse=True)
        sums = np.bincount(places, np.repeat(counts, lengths), found.size)
        names = self._names.take(pa.array(found)).to_pylist()
        return values_of(dict(zip(names, sums.tolist(), strict=True)), most, sampled)


def encode(column: pa.ChunkedArray) -> Encoded:
    """A column of any type."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = _kind(column.type)
    return Encoded(kind, str(column.type), column.combine_chunks())


def floats(column: pa.ChunkedArray) -> Floats:
    """The column's numbers as doubles: missing as NaN, flags as 0 and 1."""
    return column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64, copy=False)


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "lists" if _kind(kind.value_type) in ("text", "numbers") else ""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return "numbers" if number or pa.types.is_boolean(kind) or pa.types.is_null(kind) else ""


def _numbers(column: pa.Array) -> Floats:
    doubles = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan"))
    return doubles.to_numpy(zero_copy_only=False)
