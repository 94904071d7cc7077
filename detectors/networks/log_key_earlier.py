"""An earlier model of log keys, as a warm start takes it up: what it knows, what surprises it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from detectors.networks.log_key_network import Shape
from detectors.networks.log_key_sessions import DistinctSessions, Standard
from detectors.networks.log_key_weights import constants_of_graph, of_other_ids, state_of
from whetstone.scoring.encoding import UNKNOWN, Ragged
from whetstone.scoring.encoding.keys import Keys
from whetstone.scoring.encoding.valued_keys import ValuedKeys
from whetstone.scoring.onnx import OnnxScorer

# Benign sessions that surprise the earlier model more than this share of them does are new.
_USUAL = 0.995
# What is new, benign sessions and attacks apart, gets this share of the weight of all benign
# sessions, but none so many times its own: the more is new, the less it has to be stressed.
_NEW_SHARE, _MOST_STRESS = 0.1, 50.0


@dataclass(frozen=True, eq=False)
class Earlier:
    """What a new training takes over.

    Attributes:
        encoding: with the keys known so far under their ids, and new ones behind them.
        standard: of numbers; those of a new key are taken as they are.
        state: the network's weights; a new key has those of the unknown one.
        shape: of the network.
    """

    encoding: ValuedKeys
    standard: Standard
    state: dict[str, Tensor]
    shape: Shape
    _scorer: OnnxScorer
    _known: int

    @staticmethod
    def of(graph: bytes, encoding: ValuedKeys, shape: Shape) -> "Earlier | None":
        """The model of a graph; None where it is no model of such sessions, or of another shape.

        Args:
            graph: an earlier export.
            encoding: of the new training's sessions.
            shape: of a network for them.
        """
        scorer = OnnxScorer(graph)
        before = scorer.inputs[0].encoding
        values: tuple[str, ...] = ()
        if isinstance(before, ValuedKeys):
            before, values = before.keys, before.values
        if not isinstance(before, Keys) or (before.column, values) != (
            encoding.keys.column,
            encoding.values,
        ):
            return None
        state = state_of(graph, shape)
        if state is None:
            return None
        fresh = [key for key in encoding.keys.vocabulary if key not in set(before.vocabulary)]
        keys = replace(encoding.keys, vocabulary=(*before.vocabulary, *fresh))
        constants = constants_of_graph(graph)
        standard = Standard(
            np.empty((keys.ids, 0), np.float32), np.empty((keys.ids, 0), np.float32)
        )
        if values:
            standard = Standard(
                np.concatenate(
                    [constants["centre"], np.zeros((len(fresh), len(values)))], dtype="f4"
                ),
                np.concatenate(
                    [constants["scale"], np.ones((len(fresh), len(values)))], dtype="f4"
                ),
            )
        return Earlier(
            encoding=ValuedKeys(keys, values),
            standard=standard,
            state=of_other_ids(state, [*range(before.ids), *(UNKNOWN for _ in fresh)]),
            shape=replace(shape, ids=keys.ids),
            _scorer=scorer,
            _known=before.ids,
        )

    def scores(self, sessions: DistinctSessions) -> NDArray[np.float64]:
        """(n,) by the earlier model, for which new keys are unknown."""
        ids = np.where(sessions.ids.values < self._known, sessions.ids.values, UNKNOWN)
        if self.encoding.values:
            ids = np.column_stack([ids, sessions.values]).astype(np.float32)
        return self._scorer.score_encoded([Ragged(ids, sessions.ids.offsets)])


def stress_of(
    sessions: DistinctSessions, weights: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) by how much more than its own weight each session counts.

    Args:
        sessions: n of them, old ones and new ones.
        weights: (n,) of theirs alone.
        scores: (n,) by the earlier model.
    """
    benign = ~sessions.attack
    usual = _quantile(scores[benign], weights[benign], _USUAL)
    stress = np.ones(len(sessions))
    for new in (benign & (scores > usual), sessions.attack):
        if new.any():
            share = _NEW_SHARE * weights[benign].sum() / weights[new].sum()
            stress[new] = min(max(share, 1.0), _MOST_STRESS)
    return stress


def attack_goal(
    sessions: DistinctSessions, weights: NDArray[np.float64], scores: NDArray[np.float64]
) -> float:
    """The score that attacks are pushed to: twice what all but few benign sessions have."""
    benign = ~sessions.attack
    return 2 * _quantile(scores[benign], weights[benign], _USUAL)


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    """The smallest value that `share` of the weight does not exceed."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) >= share * weights.sum()
    return float(values[order][np.argmax(reached)])
