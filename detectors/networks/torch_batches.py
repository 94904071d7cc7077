"""Items of different lengths as batches of tensors, for the families that train with torch."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whetstone.scoring.encoding import Ragged

# Batches are cut from this many batches' worth of shuffled items, sorted by length: little padding,
# yet each batch remains a mixture.
_POOL = 32


def batches_of(
    chosen: NDArray[np.int64],
    lengths: NDArray[np.int64],
    items: int,
    positions: int,
    seed: Sequence[int],
) -> list[NDArray[np.int64]]:
    """Cut items into batches of similar lengths, in random order; each item is in one batch.

    Args:
        chosen: (m,) numbers of items.
        lengths: (n,) positions of all items.
        items: items a batch at most.
        positions: padded positions a batch at most; an item alone may have more.
        seed: decides all that is random.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(chosen)
    batches: list[NDArray[np.int64]] = []
    pool = _POOL * items
    for at in range(0, len(shuffled), pool):
        part = shuffled[at : at + pool]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += _cut(part, lengths[part], items, positions)
    return [batches[at] for at in rng.permutation(len(batches))]


def padded(
    ragged: Ragged, chosen: NDArray[np.int64], device: torch.device
) -> tuple[Tensor, Tensor]:
    """The chosen units (b,) as tensors: values [b, t] or [b, t, c], padded only as far as the
    longest of them needs, and lengths [b]."""
    units = ragged.take(chosen)
    lengths = units.lengths
    values = units.padded(int(lengths.max(initial=0)))
    return torch.from_numpy(values).to(device), torch.from_numpy(lengths).to(device)


def content_of(*arrays: NDArray[Any]) -> str:
    """A hash of arrays, for `Items.content`."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def held_out_slice(n: int, share: float, seed: int) -> NDArray[np.bool_]:
    """Choose about `share` of n items to hold out: (n,) bool; none where that rounds to none."""
    mask = np.zeros(n, dtype=bool)
    mask[np.random.default_rng([seed, n]).permutation(n)[: round(n * share)]] = True
    return mask


def _cut(
    ordered: NDArray[np.int64], lengths: NDArray[np.int64], items: int, positions: int
) -> Iterator[NDArray[np.int64]]:
    """Cut items, the shortest first, where the next would exceed a limit of the batch."""
    start = 0
    for at in range(1, len(ordered) + 1):
        size = at - start + 1
        if at == len(ordered) or size > items or size * int(lengths[at]) > positions:
            yield ordered[start:at]
            start = at
