"""What a model of sequences has to beat: rules that only remember what training held. Pure."""

import sys

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from detectors.interface import Examples
from whetstone.errors import InputError
from whetstone.scoring.encoding import UNKNOWN, Ragged
from whetstone.scoring.encoding.keys import Keys

_GRAM = 6  # keys of a window, as Hofmeyr found best for system calls
_NEIGHBOURS = 2000  # distinct benign count vectors that distances are measured to
_ROWS = 1024  # distinct count vectors a step, which bounds the memory of the distances


def sequence_baselines(
    train: Examples, test: Examples, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Scores (n,) of the `test` examples, higher is worse; all learn from benign ones only.

    - `unseen_key`: how many of the unit's keys never occurred in training.
    - `unseen_bigram`: share of its pairs of successive keys that never did.
    - `stide`: share of its windows of 6 successive keys that never did (Forrest 1996; Hofmeyr
      1998). A unit of fewer keys is one window.
    - `length_range`: by how many keys it is shorter than the shortest or longer than the longest.
    - `unseen_count_vector`: 1 where no training unit has each key as often, else 0.
    - `nearest_count_vector`: Bray-Curtis distance (0 to 1) of these counts to those of the nearest
      of at most 2,000 distinct training units.

    Of several columns each has its own rules, named `column.rule`.

    Args:
        train: units with columns of keys (VARCHAR[] or BIGINT[]) and nothing else.
        test: n units with the same columns.
        seed: of the draw among more than 2,000 distinct training units.

    Raises:
        InputError: there are no benign training examples, or a column is no list.

    References:
        Forrest, Hofmeyr, Somayaji, Longstaff, A Sense of Self for Unix Processes, S&P 1996.
        Hofmeyr, Forrest, Somayaji, Intrusion Detection using Sequences of System Calls, Journal of
        Computer Security 6 (3), 1998.
        Landauer, Skopik, Wurzenberger, A Critical Review of Common Log Data Sets Used for
        Evaluation of Sequence-based Anomaly Detection Techniques, FSE 2024.
    """
    benign = train.benign()
    if not len(benign):
        raise InputError("Baselines need benign training examples")
    scores: dict[str, NDArray[np.float64]] = {}
    for column in benign.names:
        prefix = f"{column}." if len(benign.names) > 1 else ""
        found = _column_baselines(benign.units, test.units, column, seed)
        scores |= {f"{prefix}{rule}": values for rule, values in found.items()}
    return scores


def _column_baselines(
    benign: pa.Table, test: pa.Table, column: str, seed: int
) -> dict[str, NDArray[np.float64]]:
    encoding = Keys.fitted(benign, column, sys.maxsize)
    known, asked = encoding.encode(benign), encoding.encode(test)
    counts, vectors = (_counts(given, encoding.ids) for given in (known, asked))
    shortest, longest = known.lengths.min(), known.lengths.max()
    outside = np.maximum(shortest - asked.lengths, asked.lengths - longest)
    distinct, which = np.unique(vectors, axis=0, return_inverse=True)
    references = np.unique(counts, axis=0)
    return {
        "unseen_key": vectors[:, UNKNOWN].astype(np.float64),
        "unseen_bigram": unseen_share(known, asked, 2),
        "stide": unseen_share(known, asked, _GRAM),
        "length_range": np.maximum(outside, 0).astype(np.float64),
        "unseen_count_vector": (~_among(distinct, references))[which].astype(np.float64),
        "nearest_count_vector": _nearest(distinct, _some(references, seed))[which],
    }


def unseen_share(known: Ragged, asked: Ragged, size: int) -> NDArray[np.float64]:
    """Share of each unit's windows of `size` keys that occur in no known unit.

    Args:
        known: ids of keys of the units that are remembered.
        asked: ids of n units. An unknown key makes its windows unseen.
        size: keys a window; a unit of fewer keys is one window.

    Returns:
        (n,) between 0 and 1; 0 of a unit without keys.
    """
    values = np.concatenate([known.values, asked.values])
    offsets = np.concatenate([known.offsets, asked.offsets[1:] + known.offsets[-1]])
    together = Ragged(values, offsets)
    windows = _windows(together, size)
    unit = np.repeat(np.arange(len(together)), together.lengths)
    first = np.arange(len(values)) - np.repeat(offsets[:-1], together.lengths)
    begins = (first + size <= together.lengths[unit]) | (first == 0)
    of_known = unit < len(known)
    unseen = begins & ~of_known & ~np.isin(windows, windows[begins & of_known])
    totals = np.bincount(unit[begins], minlength=len(together))[len(known) :]
    misses = np.bincount(unit[unseen], minlength=len(together))[len(known) :]
    return misses / np.maximum(totals, 1)


def _windows(units: Ragged, size: int) -> NDArray[np.int64]:
    """(m,) a number of the window that begins at each position, cut off at the unit's end."""
    last = np.repeat(units.offsets[1:], units.lengths)
    at = np.arange(len(units.values))
    codes = units.values.astype(np.int64)
    largest = int(codes.max(initial=0)) + 1
    for step in range(1, size):
        inside = at + step < last
        following = np.where(inside, units.values[np.minimum(at + step, len(at) - 1)], 0)
        # Numbered anew after each key, so that the products never overflow.
        _, codes = np.unique(codes * largest + following, return_inverse=True)
    return codes


def _counts(units: Ragged, ids: int) -> NDArray[np.int32]:
    """(n, ids) how often each unit has each key."""
    counts = np.zeros((len(units), ids), dtype=np.int32)
    unit = np.repeat(np.arange(len(units)), units.lengths)
    np.add.at(counts, (unit, units.values), 1)
    return counts


def _among(rows: NDArray[np.int32], known: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(n,) which rows occur among the known ones; a row with an unknown key never does."""
    as_one = np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))
    found = [np.ascontiguousarray(given).view(as_one).ravel() for given in (rows, known)]
    return np.isin(found[0], found[1])


def _some(rows: NDArray[np.int32], seed: int) -> NDArray[np.int32]:
    if len(rows) <= _NEIGHBOURS:
        return rows
    return np.random.default_rng(seed).choice(rows, _NEIGHBOURS, replace=False)


def _nearest(rows: NDArray[np.int32], known: NDArray[np.int32]) -> NDArray[np.float64]:
    """(n,) Bray-Curtis distance of each row to the nearest known one."""
    nearest = np.empty(len(rows))
    for at in range(0, len(rows), _ROWS):
        distances = cdist(rows[at : at + _ROWS], known, "braycurtis")
        # Two units without keys are equal, though their distance is 0 / 0.
        nearest[at : at + _ROWS] = np.nan_to_num(distances, nan=0.0).min(axis=1)
    return nearest
