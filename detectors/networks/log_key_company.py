"""Which keys keep company in a session: the half of `log_key_sequence` that order does not matter
to.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whetstone.scoring.encoding import FIRST_KNOWN, PADDING, UNKNOWN, Ragged

OFTEN = 2
"""A key occurs never, once, or so often and more: no finer, for how long a session goes on says
little about whether it is in order."""
STATES = OFTEN + 1

_MOST_KEYS = 64  # told apart; all rarer ones count as one
_PRIOR = 1.0  # sessions in which a key's company is taken to be that of any session


@dataclass(frozen=True, eq=False)
class Company:
    """How surprising it is that a key occurs so often in a session where another does so.

    Attributes:
        slots: (ids,) int64: the slot of each id; 0 is padding, 1 the unknown key.
        table: (3 s, 3 s) float32 for s slots: in row 3 i + j and column 3 k + l the negative
            logarithm of the share of sessions with slot k l times among those with slot i j times.
    """

    slots: NDArray[np.int64]
    table: NDArray[np.float32]

    @property
    def size(self) -> int:
        """How many slots there are."""
        return len(self.table) // STATES

    def states(self, ids: Ragged) -> NDArray[np.int64]:
        """(n, s - 1): the row of the table that each slot but padding has in each session."""
        counts = _counts(ids, self.slots, self.size)
        return (np.minimum(counts, OFTEN) + np.arange(self.size) * STATES)[:, 1:]

    def surprises(self, ids: Ragged) -> NDArray[np.float32]:
        """(n,): the largest surprise of any pair in each session, as the graph has it."""
        states = self.states(ids)
        return np.array([self.table[np.ix_(row, row)].max() for row in states], np.float32)


def company_of(
    ids: Ragged,
    weights: NDArray[np.float64],
    attack_ids: Ragged,
    attack_weights: NDArray[np.float64],
    size: int,
) -> Company:
    """Learn from sessions, with what they weigh.

    A pair of states is estimated from the benign sessions, with one session's worth of the
    states' overall shares. Where attacks have a pair more often than benign sessions have, the
    logarithm of how much more often is added.

    Args:
        ids: of n benign sessions.
        weights: (n,).
        attack_ids: of m attacks; there may be none.
        attack_weights: (m,).
        size: different ids.
    """
    slots = _slots(ids, weights, size)
    among = _together(ids, weights, slots)
    alone = np.diag(among)
    overall = (alone + 0.5) / (weights.sum() + 1)
    share = (among + _PRIOR * overall) / (alone[:, None] + _PRIOR)
    attacks = _together(attack_ids, attack_weights, slots)
    table = np.log1p(attacks / (among + 1)) - np.log(share)
    np.fill_diagonal(table, 0.0)  # that a state goes with itself surprises nobody
    return Company(slots, table.astype(np.float32))


def _slots(ids: Ragged, weights: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """The most frequent keys have a slot of their own, the rest has the last one together."""
    frequency = np.bincount(ids.values, np.repeat(weights, ids.lengths), size)
    order = np.argsort(-frequency[FIRST_KNOWN:], kind="stable") + FIRST_KNOWN
    slots = np.empty(size, dtype=np.int64)
    slots[[PADDING, UNKNOWN]] = PADDING, UNKNOWN
    slots[order] = np.minimum(np.arange(len(order)), _MOST_KEYS) + FIRST_KNOWN
    return slots


def _together(
    ids: Ragged, weights: NDArray[np.float64], slots: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(3 s, 3 s): weight of the sessions that have both of two states."""
    size = int(slots.max()) + 1
    states = np.minimum(_counts(ids, slots, size), OFTEN) + np.arange(size) * STATES
    has = np.zeros((len(ids), size * STATES))
    has[np.arange(len(ids))[:, None], states] = 1.0
    return (has * weights[:, None]).T @ has


def _counts(ids: Ragged, slots: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """(n, s): how often each slot occurs in each session."""
    unit = np.repeat(np.arange(len(ids)), ids.lengths)
    counts = np.bincount(unit * size + slots[ids.values], minlength=len(ids) * size)
    return counts.reshape(len(ids), size)
