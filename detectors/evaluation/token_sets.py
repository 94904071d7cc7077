"""Units as sets of tokens: what they have in common can be counted, whatever their features are.

A number is the token of its bucket, which are a fifth of it wide; a category is itself; a text too
varied for categories is its runs of four characters, and a list its runs of three keys.
"""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.scoring.encoding.columns import is_list, is_text, list_offsets

_CATEGORIES = 256  # of a text; one with more of them is free text
_CHARACTERS, _KEYS = 4, 3
_PER_OCTAVE = 4
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MISSING = -(1 << 40)

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class TokenSets:
    """The tokens of n units.

    Attributes:
        tokens: (m,) hashes of all units, one unit after the other, ascending and distinct in each.
        offsets: (n + 1,) where each unit's begin.
    """

    tokens: Hashes
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def rows(self) -> NDArray[np.int64]:
        """(m,) the unit of each token."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


def token_sets(units: pa.Table) -> TokenSets:
    """The tokens of n units, of all their columns."""
    rows: list[NDArray[np.int64]] = []
    tokens: list[Hashes] = []
    for number, name in enumerate(units.column_names):
        of, values = _tokens(units.column(name).combine_chunks())
        rows.append(of)
        tokens.append(_mixed(values ^ np.uint64(number + 1)))
    return _sets(np.concatenate(rows or [_NO_ROWS]), np.concatenate(tokens or [_NONE]), len(units))


def is_free_text(column: pa.ChunkedArray) -> bool:
    """Whether a column holds texts too varied for categories."""
    return is_text(column.type) and pc.count_distinct(column).as_py() > _CATEGORIES


def _tokens(column: pa.Array) -> tuple[NDArray[np.int64], Hashes]:
    """(k,) units and (k,) tokens of a column; tokens may repeat."""
    if is_list(column.type):
        return _runs(_codes(pc.list_flatten(column)), list_offsets(column), _KEYS)
    if is_free_text(pa.chunked_array([column])):
        texts = [text or "" for text in column.to_pylist()]
        offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
        points = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), np.uint32)
        return _runs(points.astype(np.uint64), offsets, _CHARACTERS)
    return np.arange(len(column)), _codes(column)


def _codes(values: pa.Array) -> Hashes:
    """A hash a value: of texts themselves, of numbers the bucket."""
    if is_text(values.type):
        found = pc.dictionary_encode(pc.fill_null(values, "\0"))
        known = [_hash_of(text) for text in found.dictionary.to_pylist()]
        return np.array(known, np.uint64)[np.asarray(found.indices)] if len(values) else _NONE
    numbers = pc.cast(pc.cast(values, pa.float64(), safe=False), pa.float64())
    known = np.asarray(pc.fill_null(numbers, float("nan")), np.float64)
    with np.errstate(invalid="ignore"):
        size = np.log2(1 + np.minimum(np.abs(known), 1e300))
        buckets = np.sign(known) * np.round(_PER_OCTAVE * size)
    return np.where(np.isnan(buckets), _MISSING, buckets).astype(np.int64).view(np.uint64)


def _hash_of(text: str) -> int:
    """A hash of a text that is the same in every process."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _runs(
    values: Hashes, offsets: NDArray[np.int64], length: int
) -> tuple[NDArray[np.int64], Hashes]:
    """Hashes of `length` successive values within each unit; a shorter unit is one run.

    The empty unit has one token too: it equals other empty ones, and nothing else.
    """
    units = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    sizes = np.diff(offsets)
    place = np.arange(len(values)) - offsets[units]
    run = np.zeros(len(values), np.uint64)
    for step in range(length):
        inside = place + step < sizes[units]
        after = np.zeros(len(values), np.uint64)
        after[inside] = values[np.flatnonzero(inside) + step] + np.uint64(1)
        run = _mixed(run + after)
    whole = (place + length <= sizes[units]) | (place == 0)
    empty = np.flatnonzero(sizes == 0)
    return (
        np.concatenate([units[whole], empty]),
        np.concatenate([run[whole], np.zeros(len(empty), np.uint64)]),
    )


def _sets(rows: NDArray[np.int64], tokens: Hashes, n: int) -> TokenSets:
    order = np.lexsort((tokens, rows))
    rows, tokens = rows[order], tokens[order]
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (tokens[1:] != tokens[:-1])
    counts = np.bincount(rows[first], minlength=n)
    return TokenSets(tokens[first], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _mixed(values: Hashes) -> Hashes:
    """The finalizer of splitmix64: every bit of the result hangs on every bit given."""
    mixed = values + _MIX
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


_NONE = np.zeros(0, np.uint64)
_NO_ROWS = np.zeros(0, np.int64)
