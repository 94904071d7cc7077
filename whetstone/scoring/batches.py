"""How units are put into the batches that a graph is run on (pure).

The batch that a unit lands in never changes what it is padded to.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whetstone.scoring.encoding import Dense, Ragged

Tensor = NDArray[Any]

_ALIGNMENT = 16  # rows; the widest vector registers hold 16 float32
_BLOCK = 4096  # rows a call; large enough that the call itself costs nothing
_CELLS = 1 << 16  # positions a call of sequences, which bounds the memory of a graph's inner values
_SHORTEST = 8
_SAMPLE = 256  # rows that tell whether rows repeat each other


@dataclass(frozen=True, eq=False)
class Batch:
    """Units that a graph is run on at once.

    Attributes:
        units: (b,) their numbers. Of each ragged tensor they have the same padded length.
    """

    units: NDArray[np.int64]

    def tensor(self, given: Dense | Ragged) -> tuple[Tensor, NDArray[np.int64]]:
        """The units' part of a tensor and its lengths, rows of zeros added up to the alignment."""
        rows = -(-len(self.units) // _ALIGNMENT) * _ALIGNMENT
        lengths = np.zeros(rows, dtype=np.int64)
        if isinstance(given, Ragged):
            chosen = given.take(self.units)
            lengths[: len(self.units)] = chosen.lengths
            values = chosen.padded(padded_length(int(chosen.lengths.max(initial=0))))
        else:
            values = np.asarray(given, dtype=np.float32)[self.units]
        padded = np.zeros((rows, *values.shape[1:]), dtype=values.dtype)
        padded[: len(values)] = values
        return padded, lengths


def padded_length(length: int) -> int:
    """The positions that a unit of `length` positions is padded to: 8, 12, 16, 24, 32, 48 …"""
    width = _SHORTEST
    while width < length:
        width = width * 3 // 2 if width & (width - 1) == 0 else width * 4 // 3
    return width


def batches(tensors: Sequence[Dense | Ragged]) -> Iterator[Batch]:
    """All units in batches of equal padding.

    Units of dense tensors alone are taken in their order, 4,096 at a time.
    """
    count = len(tensors[0])
    ragged = [tensor for tensor in tensors if isinstance(tensor, Ragged)]
    if not ragged:
        for at in range(0, count, _BLOCK):
            yield Batch(np.arange(at, min(at + _BLOCK, count)))
        return
    widths = np.stack([_padded_lengths(tensor.lengths) for tensor in ragged], axis=1)
    for width in np.unique(widths, axis=0):
        units = np.flatnonzero((widths == width).all(axis=1))
        rows = max(_ALIGNMENT, min(_BLOCK, _CELLS // int(width.max()) // _ALIGNMENT * _ALIGNMENT))
        for at in range(0, len(units), rows):
            yield Batch(units[at : at + rows])


def distinct(
    tensors: Sequence[Dense | Ragged],
) -> tuple[Sequence[Dense | Ragged], NDArray[np.int64] | None]:
    """The distinct units of tensors; sessions repeat each other a lot, and so do quiet windows.

    Dense tensors alone are looked at more closely only if a sample of them repeats itself: finding
    equal rows of numbers would often cost more than scoring them.

    Returns:
        The tensors of the distinct units, and (n,) for each unit the number of the distinct one
        that it equals; None where all are distinct.
    """
    if not any(isinstance(tensor, Ragged) for tensor in tensors):
        return _distinct_rows([np.asarray(tensor) for tensor in tensors])
    seen: dict[tuple[bytes, ...], int] = {}
    equals = np.empty(len(tensors[0]), dtype=np.int64)
    first: list[int] = []
    for at, content in enumerate(zip(*map(_contents, tensors), strict=True)):
        equals[at] = seen.setdefault(content, len(seen))
        if len(seen) > len(first):
            first.append(at)
    if len(first) == len(equals):
        return tensors, None
    chosen = np.array(first, dtype=np.int64)
    return [t.take(chosen) if isinstance(t, Ragged) else t[chosen] for t in tensors], equals


def _distinct_rows(tensors: Sequence[Dense]) -> tuple[Sequence[Dense], NDArray[np.int64] | None]:
    if len(tensors[0]) < _SAMPLE:
        return tensors, None
    rows = np.ascontiguousarray(np.concatenate([t.reshape(len(t), -1) for t in tensors], axis=1))
    content = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    if 2 * len(np.unique(content[:: len(content) // _SAMPLE])) > _SAMPLE:
        return tensors, None
    _, first, equals = np.unique(content, return_index=True, return_inverse=True)
    return [tensor[first] for tensor in tensors], equals


def _contents(tensor: Dense | Ragged) -> list[bytes]:
    """The bytes of each unit, cut out of those of all: far faster than an array a unit."""
    if isinstance(tensor, Ragged):
        values, bounds = tensor.values, tensor.offsets
    else:
        values, bounds = tensor, np.arange(len(tensor) + 1)
    content = values.tobytes()
    size = values.itemsize * math.prod(values.shape[1:])
    return [content[start:end] for start, end in pairwise((bounds * size).tolist())]


def _padded_lengths(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    distinct_lengths, which = np.unique(lengths, return_inverse=True)
    return np.array([padded_length(int(n)) for n in distinct_lengths], dtype=np.int64)[which]
