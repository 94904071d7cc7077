"""Next-key model of whole sessions: learns in which order, and in whose company, events come."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from detectors.evaluation.tails import tail_threshold
from detectors.graphs import assemble
from detectors.interface import Examples, GraphModel, Training
from detectors.networks.log_key_company import Company, company_of
from detectors.networks.log_key_earlier import Earlier, attack_goal, stress_of
from detectors.networks.log_key_graph import Scoring, key_nodes
from detectors.networks.log_key_network import KeyNetwork, Shape
from detectors.networks.log_key_sessions import (
    DistinctSessions,
    distinct_sessions,
    encoding_of_sessions,
)
from detectors.networks.torch_batches import content_of, held_out_slice
from detectors.networks.torch_training import Items, Schedule, reproducible, train
from whetstone.catalog import catalog_pb2
from whetstone.errors import TrainingError
from whetstone.scoring.encoding.valued_keys import ValuedKeys
from whetstone.scoring.onnx import GraphInput

NAME = "log_key_sequence"

_CELLS = {catalog_pb2.GRU: "gru", catalog_pb2.LSTM: "lstm", catalog_pb2.RNN: "rnn"}
# Sessions a batch, and steps that an epoch has at least, however few sessions there are.
_SMALLEST_BATCH, _LARGEST_BATCH, _STEPS = 4, 32, 20
# A slice is held out to tell when to end where there are so many distinct sessions; few say little.
_HELD_OUT, _ENOUGH, _PATIENCE = 0.1, 200, 5
# A warm start's share of the epochs and of the learning rate, so that what is known stays.
_WARM_EPOCHS, _WARM_RATE = 0.3, 0.5


class LogKeySequence:
    """A recurrent network reads a session once, from its first key, and predicts each next one.

    The score of a session is the sum of two surprises, both negative log-likelihoods:

    - of its order: the most surprising of its keys, or its end, for a session that breaks off is
      surprising too. Each is predicted from all keys before it, not from a window of ten, so a
      session of any length, even without a key, is judged by what it has.
    - of its company: the most surprising pair of keys that occur, or do not, in one session. Two
      courses of events that exclude each other lie too far apart for the network to learn so from
      the few sessions that took the rarer one.

    Equal sessions are learned from once, with the square root of their number as weight: what is
    usual is soon learned, and what is rare but benign has to be learned as well.

    Beside the list of keys there may be lists of numbers, such as the seconds since the event
    before: a second head predicts them for each key from the same state (the parameter-value
    models of DeepLog), on a logarithmic scale and standardized for each key. Half the squared
    deviation from what it expected, at most 12, adds to the key's surprise.

    A fresh training learns from benign sessions. A warm start continues from an earlier graph's
    weights, on all examples given, old and new, for a few epochs: benign sessions that surprised
    the earlier model weigh more, and attacks are pushed above benign scores. So verdicts of both
    kinds count, and the old examples keep old knowledge from fading.

    Defaults: GRU of one layer with 64 numbers, at most 30 epochs (early stopping on a tenth of the
    distinct sessions), learning rate 0.003, 1,024 keys of a session.
    Cost: O(distinct keys in training * hidden^2) an epoch, as much for each key to score.

    References:
        Du, Li, Zheng, Srikumar, DeepLog: Anomaly Detection and Diagnosis from System Logs through
        Deep Learning, CCS 2017.
    """

    def __init__(self, parameters: catalog_pb2.LogKeySequence) -> None:
        self._parameters = parameters

    def fit(self, examples: Examples, training: Training) -> "LogKeyModel":
        """See `Family.fit`.

        Raises:
            TrainingError: there is no benign session.
            InputError: the features are not one list of keys and any lists of numbers.
        """
        return LogKeyModel(self.learn(examples, training).export(), examples.benign().units)

    def learn(self, examples: Examples, training: Training) -> "Learned":
        """The network and what belongs to it, before they become a graph."""
        benign = examples.benign()
        if not len(benign):
            raise TrainingError(
                "Log keys are learned from benign sessions and there is none: "
                "contribute a sample of benign activity"
            )
        given = self._parameters
        encoding = encoding_of_sessions(benign.units, given.max_length or 1024)
        shape = Shape(
            cell=_CELLS.get(given.cell, "gru"),
            layers=given.layers or 1,
            hidden=given.hidden or 64,
            ids=encoding.keys.ids,
            values=len(encoding.values),
        )
        # Of misses at most nine count, of likelihood the worst position.
        scoring = Scoring(given.candidates, given.worst or (9 if given.candidates else 1))
        schedule = Schedule(
            epochs=given.epochs or 30,
            items=_LARGEST_BATCH,
            learning_rate=given.learning_rate or 3e-3,
            patience=_PATIENCE,
        )
        if training.warm_start is not None:
            earlier = Earlier.of(training.warm_start, encoding, shape)
            if earlier is not None:
                return _continued(earlier, examples, scoring, schedule, training)
            training.say("the earlier model is of another kind: training afresh")
        sessions = distinct_sessions(benign, encoding, None)
        weights = np.sqrt(sessions.counts)
        schedule = _for_so_many(len(sessions), schedule)
        with reproducible(training.seed) as device:
            network = KeyNetwork(shape).to(device)
            held_out = held_out_slice(len(sessions), _HELD_OUT, training.seed)
            if len(sessions) < _ENOUGH:
                held_out[:] = False
            loss = _Loss(network, sessions, weights, scoring, goal=0.0, device=device)
            train(network, loss, loss.items(held_out), training, schedule)
        return Learned(network, scoring, sessions.counts, sessions, encoding)


class LogKeyModel(GraphModel):
    """The graph, and the threshold that follows from the scores of the benign sessions."""

    def __init__(self, graph: bytes, benign: pa.Table) -> None:
        super().__init__(graph)
        self._benign = benign

    def threshold(self, significance: float) -> float:
        """See `tail_threshold`."""
        return tail_threshold(self.score(self._benign), significance)


@dataclass(frozen=True, eq=False)
class Learned:
    """What a training leaves.

    Attributes:
        network: trained.
        scoring: how it scores.
        weights: (n,) what each session weighs in its company.
        sessions: that it learned from; n of them.
        encoding: of sessions.
    """

    network: KeyNetwork
    scoring: Scoring
    weights: NDArray[np.float64]
    sessions: DistinctSessions
    encoding: ValuedKeys

    def company(self) -> Company:
        """Which keys keep company in the sessions."""
        benign, attacks = (np.flatnonzero(self.sessions.attack == kind) for kind in (False, True))
        ids = self.sessions.ids
        return company_of(
            ids.take(benign),
            self.weights[benign],
            ids.take(attacks),
            self.weights[attacks],
            self.encoding.keys.ids,
        )

    def export(self) -> bytes:
        """The ONNX graph."""
        company = None if self.scoring.candidates else self.company()
        nodes, constants = key_nodes(
            self.network.cpu(), self.scoring, company, self.sessions.standard
        )
        encoding = self.encoding if self.encoding.values else self.encoding.keys
        return assemble(NAME, [GraphInput(encoding)], nodes, constants, parts=True)


@dataclass(frozen=True, eq=False)
class _Loss:
    """The summed loss of some sessions: benign ones are to be expected, attacks are not.

    Attributes:
        network: that expects.
        sessions: n of them.
        weights: (n,) of the sessions.
        scoring: how attacks are scored.
        goal: the score of its order that an attack is pushed to.
        device: where the network is.
    """

    network: KeyNetwork
    sessions: DistinctSessions
    weights: NDArray[np.float64]
    scoring: Scoring
    goal: float
    device: torch.device

    def __call__(self, chosen: NDArray[np.int64]) -> Tensor:
        """See `torch_training.Loss`."""
        batch = self.sessions.batch(chosen, self.device)
        losses = self.network.losses(batch)
        attack = torch.from_numpy(self.sessions.attack[chosen]).to(self.device)
        worst = losses.topk(min(self.scoring.worst, losses.shape[1]), dim=1).values.sum(dim=1)
        # Squared: what lies far below the goal is pushed hard, what is nearly there hardly.
        short = functional.relu(self.goal - worst) ** 2
        each = torch.where(attack, short, losses.sum(dim=1))
        weights = torch.from_numpy(self.weights[chosen].astype(np.float32)).to(self.device)
        return (weights * each).sum()

    def items(self, held_out: NDArray[np.bool_] | None) -> Items:
        """The sessions as items; the end is predicted too."""
        sessions = self.sessions
        predicted = np.where(sessions.attack, 1, sessions.ids.lengths + 1)
        content = content_of(
            sessions.ids.values, sessions.ids.offsets, sessions.values, self.weights
        )
        return Items(sessions.ids.lengths, self.weights * predicted, held_out, content)


def _continued(
    earlier: Earlier,
    examples: Examples,
    scoring: Scoring,
    schedule: Schedule,
    training: Training,
) -> Learned:
    """A few epochs more from an earlier model's weights, on all examples."""
    sessions = distinct_sessions(examples, earlier.encoding, earlier.standard)
    own = np.sqrt(sessions.counts)
    scores = earlier.scores(sessions)
    stress = stress_of(sessions, own, scores)
    goal = attack_goal(sessions, own, scores)
    whole = _for_so_many(len(sessions), schedule)
    few = replace(
        whole,
        epochs=max(round(whole.epochs * _WARM_EPOCHS), 1),
        learning_rate=schedule.learning_rate * _WARM_RATE,
        patience=0,
    )
    with reproducible(training.seed) as device:
        network = KeyNetwork(earlier.shape).to(device)
        network.load_state_dict(earlier.state)
        loss = _Loss(network, sessions, own * stress, scoring, goal, device)
        train(network, loss, loss.items(None), training, few)
    return Learned(network, scoring, sessions.counts * stress, sessions, earlier.encoding)


def _for_so_many(sessions: int, schedule: Schedule) -> Schedule:
    """Smaller batches, then more epochs, where distinct sessions are few."""
    items = min(max(sessions // _STEPS, _SMALLEST_BATCH), _LARGEST_BATCH)
    steps = math.ceil(sessions / items)
    epochs = schedule.epochs * max(1, math.ceil(_STEPS / steps))
    return replace(schedule, items=items, epochs=epochs)
