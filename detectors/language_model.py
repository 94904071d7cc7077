"""Next-token model of whole lines: learns how benign lines read, and scores by surprise."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from detectors.graphs import assemble
from detectors.interface import Examples, GraphModel, Training
from detectors.networks.language_graph import language_nodes
from detectors.networks.language_network import TRANSFORMER, Architecture, LanguageNetwork
from detectors.networks.language_weights import load_weights
from detectors.networks.torch_batches import content_of, held_out_slice, padded
from detectors.networks.torch_training import Items, Schedule, reproducible, train
from detectors.text_examples import text_column
from whetstone.catalog import catalog_pb2
from whetstone.errors import TrainingError
from whetstone.scoring.encoding import Ragged
from whetstone.scoring.encoding.pieces import Pieces
from whetstone.scoring.encoding.texts import Texts
from whetstone.scoring.encoding.words import Words
from whetstone.scoring.onnx import GraphInput, OnnxScorer

NAME = "language_model"

Lines = Texts | Words | Pieces

_CELLS = {catalog_pb2.RNN: "rnn", catalog_pb2.GRU: "gru", catalog_pb2.LSTM: "lstm"}
_MAX_LENGTH = {catalog_pb2.CHARACTER: 256, catalog_pb2.WORD: 64, catalog_pb2.BPE: 128}
_VOCABULARY = {catalog_pb2.WORD: 2000, catalog_pb2.BPE: 512}
_MANY = 1000  # distinct lines, from which on a share is held out and says when to stop
_HELD_OUT = 0.1
_PATIENCE = 5  # epochs
_EPOCHS, _STEPS = 20, 600  # whichever takes longer
_SMALLEST_BATCH, _LARGEST_BATCH = 8, 64


class LanguageModel:
    """A language model of the one text feature of benign units (NULL is an empty text).

    The score is the mean cross-entropy of a line's tokens and of its end, in nats, each predicted
    from what stands before it; `parts` says what every token adds. A recurrent network may also be
    bidirectional, see `Architecture`. Equal lines are learned as one, which weighs one more than
    the logarithm of how often it occurs: a line a thousand times as frequent as another would
    otherwise leave it a thousandth of the gradient, and be no better known for it.

    Defaults: characters (256 a line; 64 words of the 2,000 most frequent, 128 of 512 byte pairs),
    one layer of 64 LSTM cells, which torch trains on a CPU as fast as GRU cells; 20 epochs or 600
    steps at most, at a rate of 0.01 (Transformers: 0.003); of 1,000 distinct lines and more, a
    tenth is held out and ends training when it gained nothing for five epochs. A warm start keeps
    the vocabulary of the earlier model, and is refused for a model of another shape.
    Cost: O(tokens * layers * width^2) an epoch and a score; attention adds O(tokens * length *
    width).

    References:
        Tuor et al., Recurrent Neural Network Language Models for Open Vocabulary Event-Level Cyber
        Anomaly Detection, AAAI Workshop on Artificial Intelligence for Cyber Security, 2018.
    """

    def __init__(self, parameters: catalog_pb2.LanguageModel) -> None:
        self._parameters = parameters

    def fit(self, examples: Examples, training: Training) -> GraphModel:
        """See `Family.fit`; attacks are left out."""
        network, lines = self.fit_network(examples, training)
        nodes, constants = language_nodes(network)
        return GraphModel(assemble(NAME, [GraphInput(lines)], nodes, constants, parts=True))

    def fit_network(self, examples: Examples, training: Training) -> tuple[LanguageNetwork, Lines]:
        """The trained network, on the CPU, and how it takes lines.

        Raises:
            TrainingError: no benign example, not one text feature, or a warm start from a model
                of another shape.
        """
        benign = examples.benign()
        if not len(benign):
            raise TrainingError(
                "A language model needs benign training examples and there are none: "
                "contribute a sample of benign activity"
            )
        lines = self._lines(benign, training.warm_start)
        known = Counted.of(lines.encode(benign.units))
        with reproducible(training.seed) as device:
            network = LanguageNetwork(self._architecture(lines))
            if training.warm_start is not None:
                load_weights(network, training.warm_start)
            network.to(device)
            self._train(network, known, training, device)
        return network.cpu(), lines

    def _lines(self, benign: Examples, warm_start: bytes | None) -> Lines:
        column = text_column(benign)
        if warm_start is not None:
            lines = OnnxScorer(warm_start).inputs[0].encoding
            assert isinstance(lines, Lines)
            return lines
        tokens = self._parameters.tokens or catalog_pb2.CHARACTER
        length = self._parameters.max_length or _MAX_LENGTH[tokens]
        if tokens == catalog_pb2.CHARACTER:
            return Texts.fitted(benign.units, column, length)
        kind = Words if tokens == catalog_pb2.WORD else Pieces
        size = self._parameters.vocabulary or _VOCABULARY[tokens]
        return kind.fitted(benign.units, column, length, size)

    def _architecture(self, lines: Lines) -> Architecture:
        if self._parameters.WhichOneof("architecture") == "transformer":
            given = self._parameters.transformer
            cell, residual, bidirectional, heads = TRANSFORMER, True, False, given.heads or 4
        else:
            given = self._parameters.recurrent
            cell = _CELLS[given.cell or catalog_pb2.LSTM]
            residual, bidirectional, heads = given.residual, given.bidirectional, 1
        width = given.hidden or 64
        if width % heads:
            raise TrainingError(f"{heads} heads cannot share {width} hidden numbers evenly")
        return Architecture(
            cell=cell,
            symbols=lines.ids,
            width=width,
            layers=given.layers or 1,
            residual=residual,
            tied=given.tied_weights,
            bidirectional=bidirectional,
            heads=heads,
            max_length=lines.max_length,
        )

    def _train(
        self,
        network: LanguageNetwork,
        known: "Counted",
        training: Training,
        device: torch.device,
    ) -> None:
        importance = 1 + np.log(known.counts.astype(np.float64))

        def loss(chosen: NDArray[np.int64]) -> torch.Tensor:
            ids, lengths = padded(known.lines, chosen, device)
            weights = torch.from_numpy(importance[chosen]).float().to(device)
            return (network(ids, lengths).sum(dim=1) * weights).sum()

        # Of few lines none can be spared, nor would so few say when to stop.
        share = _HELD_OUT if len(known.lines) >= _MANY else 0.0
        items = Items(
            lengths=known.lines.lengths,
            weights=(importance * (known.lines.lengths + 1)).astype(np.float64),
            held_out=held_out_slice(len(known.lines), share, training.seed),
            content=content_of(known.lines.values, known.lines.offsets, known.counts),
        )
        train(network, loss, items, training, self._schedule(len(known.lines)))

    def _schedule(self, lines: int) -> Schedule:
        """Few lines come in small batches and often: what counts is how many steps there are."""
        batch = min(max(lines // 10, _SMALLEST_BATCH), _LARGEST_BATCH)
        epochs = max(_EPOCHS, -(-_STEPS * batch // max(lines, 1)))
        transformer = self._parameters.WhichOneof("architecture") == "transformer"
        return Schedule(
            epochs=self._parameters.epochs or epochs,
            items=batch,
            learning_rate=self._parameters.learning_rate or (3e-3 if transformer else 1e-2),
            patience=_PATIENCE,
        )


@dataclass(frozen=True, eq=False)
class Counted:
    """Distinct lines.

    Attributes:
        lines: their ids, in the order in which they were first seen.
        counts: (n,) how often each occurs.
    """

    lines: Ragged
    counts: NDArray[np.int64]

    @staticmethod
    def of(lines: Ragged) -> "Counted":
        """Count equal lines."""
        first: dict[bytes, int] = {}
        number = [first.setdefault(lines.unit(at).tobytes(), at) for at in range(len(lines))]
        kept, counts = np.unique(number, return_counts=True)
        return Counted(lines.take(kept), counts)
