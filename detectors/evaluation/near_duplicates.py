"""Units that are nearly the same, as far as any model can see. Pure.

Near means: of the tokens that either has, at least nine in ten are in both (Jaccard similarity of
`token_sets`). Candidates are found by MinHash with banding, in time that grows with the number of
units; each is then compared exactly, so what is called near is near. At a similarity of exactly
0.9 a pair is overlooked with a probability of 0.001, and above it more rarely.

References:
    Broder, On the Resemblance and Containment of Documents, SEQUENCES 1997.
    Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from detectors.evaluation.token_sets import TokenSets, token_sets

SIMILAR = 0.9

_BANDS, _ROWS = 12, 8
_CROWD = 64  # of units that share a band, so many others are compared with each
_STEP = 1 << 15  # pairs that are compared at once
_SEED = 20_151_107


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """Which of n units are near each other.

    Attributes:
        same: (n,) codes 0..k-1, equal for units with the same tokens.
        pairs: (m, 2) codes of different tokens that are near each other.
        similarity: (m,) of these pairs.
    """

    same: NDArray[np.int64]
    pairs: NDArray[np.int64]
    similarity: NDArray[np.float64]

    def beside(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(n,) which units have a near-duplicate, other than themselves, among those of `mask`."""
        own = np.bincount(self.same, weights=mask, minlength=self._codes())
        near = np.zeros(self._codes(), bool)
        for one, other in (self.pairs.T, self.pairs.T[::-1]):
            near[one[own[other] > 0]] = True
        return (own[self.same] - mask > 0) | near[self.same]

    def groups(self) -> NDArray[np.int64]:
        """(n,) codes, equal for units that a chain of near-duplicates connects."""
        k = self._codes()
        links = (np.ones(len(self.pairs)), (self.pairs[:, 0], self.pairs[:, 1]))
        _, found = connected_components(csr_matrix(links, shape=(k, k)), directed=False)
        return found.astype(np.int64)[self.same]

    def _codes(self) -> int:
        return int(self.same.max()) + 1 if len(self.same) else 0


def near_duplicates(units: pa.Table, similar: float = SIMILAR) -> NearDuplicates:
    """The near-duplicates among n units, by all their columns; `similar` lies from 0.9 to 1."""
    sets = token_sets(units)
    same, distinct = _distinct(sets)
    pairs = _candidates(_signatures(distinct))
    similarity = _similarities(distinct, pairs)
    near = similarity >= similar
    return NearDuplicates(same, pairs[near], similarity[near])


def _distinct(sets: TokenSets) -> tuple[NDArray[np.int64], TokenSets]:
    """Codes of equal sets, and one of each."""
    seen: dict[bytes, int] = {}
    first: list[int] = []
    same = np.empty(len(sets), np.int64)
    for at in range(len(sets)):
        key = sets.tokens[sets.offsets[at] : sets.offsets[at + 1]].tobytes()
        same[at] = seen.setdefault(key, len(seen))
        if same[at] == len(first):
            first.append(at)
    kept = np.array(first, np.int64)
    sizes = np.diff(sets.offsets)[kept]
    inside = np.isin(sets.rows(), kept)
    return same, TokenSets(
        sets.tokens[inside], np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    )


def _signatures(sets: TokenSets) -> NDArray[np.uint64]:
    """(k, bands * rows) the smallest of the tokens' hashes, by each of so many hash functions."""
    random = np.random.default_rng(_SEED)
    factors = random.integers(1, 1 << 62, _BANDS * _ROWS, dtype=np.uint64) * np.uint64(2)
    found = np.empty((len(sets), len(factors)), np.uint64)
    if not len(sets):
        return found
    for at, factor in enumerate(factors + np.uint64(1)):
        hashed = sets.tokens * factor
        hashed ^= hashed >> np.uint64(32)
        hashed *= np.uint64(0x9E3779B97F4A7C15)
        found[:, at] = np.minimum.reduceat(hashed ^ (hashed >> np.uint64(29)), sets.offsets[:-1])
    return found


def _candidates(signatures: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(m, 2) pairs of units that agree in a whole band."""
    found: list[NDArray[np.int64]] = [np.zeros((0, 2), np.int64)]
    for band in range(_BANDS):
        part = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        keys = part.view(f"V{part.itemsize * _ROWS}").ravel()
        _, bucket = np.unique(keys, return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        ends = np.flatnonzero(np.diff(bucket[order], append=-1)) + 1
        sizes = np.diff(ends, prepend=0)
        for end, size in zip(ends[sizes > 1], sizes[sizes > 1], strict=True):
            found.append(_crowd(order[end - size : end]))
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs, axis=0)


def _crowd(members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs among those who share a band: all, or of a crowd each with the `_CROWD` after it."""
    size = len(members)
    steps = np.arange(1, min(size, _CROWD + 1))
    at, step = (grid.ravel() for grid in np.meshgrid(np.arange(size), steps, indexing="ij"))
    inside = at + step < size
    return np.stack([members[at[inside]], members[(at + step)[inside]]], axis=1)


def _similarities(sets: TokenSets, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    _, columns = np.unique(sets.tokens, return_inverse=True)
    shape = (len(sets), int(columns.max()) + 1 if len(columns) else 1)
    rows = csr_matrix((np.ones(len(columns), np.float32), columns, sets.offsets), shape=shape)
    sizes = np.diff(sets.offsets)
    found = np.empty(len(pairs))
    for at in range(0, len(pairs), _STEP):
        one, other = pairs[at : at + _STEP].T
        common = np.asarray(rows[one].multiply(rows[other]).sum(axis=1)).ravel()
        found[at : at + _STEP] = common / (sizes[one] + sizes[other] - common)
    return found
