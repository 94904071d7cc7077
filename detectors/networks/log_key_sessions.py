"""The sessions that a `KeyNetwork` learns from: each distinct one once, as tensors by the batch."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from detectors.interface import Examples
from detectors.networks.log_key_network import Sessions
from detectors.networks.torch_batches import padded
from whetstone.errors import InputError
from whetstone.scoring.batches import distinct
from whetstone.scoring.encoding import PADDING, Ragged
from whetstone.scoring.encoding.columns import is_list
from whetstone.scoring.encoding.keys import Keys
from whetstone.scoring.encoding.valued_keys import ValuedKeys

Floats = NDArray[np.float32]

_LEAST_SCALE = 0.1  # of a logarithm: a number that never varied may still do so by a tenth


@dataclass(frozen=True, eq=False)
class Standard:
    """What the numbers of each key usually are, on the scale sign(x) log(1 + |x|).

    Attributes:
        centre: (ids, c) means.
        scale: (ids, c) standard deviations, not below a tenth.
    """

    centre: Floats
    scale: Floats


@dataclass(frozen=True, eq=False)
class DistinctSessions:
    """n sessions that differ.

    Attributes:
        ids: of their keys; m positions in all.
        values: (m, c) their numbers, NaN where missing.
        counts: (n,) float64, how often each occurs.
        attack: (n,) bool.
        standard: by which numbers are standardized.
    """

    ids: Ragged
    values: Floats
    counts: NDArray[np.float64]
    attack: NDArray[np.bool_]
    standard: Standard

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, chosen: NDArray[np.int64], device: torch.device) -> Sessions:
        """Some of them (b,) as tensors."""
        ids, lengths = padded(self.ids, chosen, device)
        numbers = Ragged(_logarithms(self.values), self.ids.offsets)
        logarithms, _ = padded(numbers, chosen, device)
        centre, scale = (
            torch.from_numpy(table).to(device)[ids]
            for table in (self.standard.centre, self.standard.scale)
        )
        known = ~torch.isnan(logarithms) & (ids != PADDING)[:, :, None]
        values = torch.where(known, (logarithms - centre) / scale, 0.0)
        return Sessions(ids, lengths, values, known.float())


def encoding_of_sessions(units: pa.Table, max_length: int) -> ValuedKeys:
    """The encoding for training units, from their features: one list of keys, any of numbers.

    Raises:
        InputError: there is no list of keys, or there are several, or a feature is no list.
    """
    lists = {field.name: field.type.value_type for field in units.schema if is_list(field.type)}
    keys = [name for name, kind in lists.items() if not pa.types.is_floating(kind)]
    if len(keys) != 1 or len(lists) < units.num_columns:
        raise InputError(
            "log_key_sequence takes one list of keys (VARCHAR[] or BIGINT[]) and any lists of"
            f" numbers (DOUBLE[]); the features are {', '.join(map(str, units.schema))}"
        )
    values = tuple(name for name in lists if name not in keys)
    return ValuedKeys(Keys.fitted(units, keys[0], max_length), values)


def distinct_sessions(
    examples: Examples, encoding: ValuedKeys, standard: Standard | None
) -> DistinctSessions:
    """Each distinct session of examples once; benign ones and attacks do not count as equal.

    Args:
        examples: n units.
        encoding: how they become ids and numbers.
        standard: of the numbers, where an earlier model has one; None: that of these examples.
    """
    attack = np.zeros(len(examples), bool) if examples.positive is None else examples.positive
    encoded = encoding.encode(examples.units)
    (kept, labels), equals = distinct([encoded, attack[:, None].astype(np.float32)])
    assert isinstance(kept, Ragged)
    counts = np.ones(len(kept)) if equals is None else np.bincount(equals).astype(np.float64)
    ids = Ragged(kept.values[:, 0].astype(np.int64), kept.offsets)
    values = kept.values[:, 1:].astype(np.float32)
    if standard is None:
        standard = _standard(ids, values, counts, encoding.keys.ids)
    return DistinctSessions(ids, values, counts, np.asarray(labels)[:, 0] > 0, standard)


def _logarithms(values: Floats) -> Floats:
    largest = np.finfo(np.float32).max
    finite = np.clip(values, -largest, largest)
    return np.sign(finite) * np.log1p(np.abs(finite))


def _standard(ids: Ragged, values: Floats, counts: NDArray[np.float64], size: int) -> Standard:
    """Weighted mean and deviation by key; of all keys for those without a number."""
    logarithms = _logarithms(values)
    shape = (size, values.shape[1])
    centre, scale = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    weights = np.repeat(counts, ids.lengths)
    for column in range(shape[1]):
        known = ~np.isnan(logarithms[:, column])
        key, value, weight = (
            ids.values[known],
            logarithms[known, column].astype(float),
            weights[known],
        )
        if not len(key):
            continue
        total = np.bincount(key, weight, size)
        there = total > 0
        mean = np.full(size, np.average(value, weights=weight))
        mean[there] = np.bincount(key, weight * value, size)[there] / total[there]
        squares = np.bincount(key, weight * (value - mean[key]) ** 2, size)
        deviation = np.full(size, np.sqrt(squares.sum() / total.sum()))
        deviation[there] = np.sqrt(squares[there] / total[there])
        centre[:, column], scale[:, column] = mean, np.maximum(deviation, _LEAST_SCALE)
    return Standard(centre, scale)
