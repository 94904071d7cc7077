"""How fast a language model of lines trains and scores, beside its bare matrix products.

The yardstick is torch multiplying matrices of the very sizes that an epoch of training needs,
forwards and backwards, on the same thread: no gates, no softmax, no optimizer. What training takes
beyond it is what could still be saved.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.datasets import find, read_lines
from detectors.interface import Examples, Training
from detectors.language_model import Counted, LanguageModel
from detectors.networks.language_network import TRANSFORMER, Architecture
from detectors.networks.torch_batches import batches_of, held_out_slice
from detectors.networks.torch_training import Schedule, reproducible
from whetstone.catalog import catalog_pb2

_LINES = 4000
_ROUNDS = 3  # the fastest counts: other work on the machine only adds
_EPOCHS = 2
_HELD_OUT = 0.1  # as the family does; what is held out is judged after each epoch, on top

_GATES = {"rnn": 1, "gru": 3, "lstm": 4}
_SHAPES = {
    "lstm": catalog_pb2.LanguageModel(
        recurrent=catalog_pb2.Recurrent(cell=catalog_pb2.LSTM, hidden=128)
    ),
    "gru": catalog_pb2.LanguageModel(
        recurrent=catalog_pb2.Recurrent(cell=catalog_pb2.GRU, hidden=128)
    ),
    "transformer": catalog_pb2.LanguageModel(
        transformer=catalog_pb2.Transformer(hidden=128, heads=4, layers=2)
    ),
}


def language_model(data: Path, shape: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Figures of one epoch over the characters of 4,000 lines of HealthApp, and of scoring them.

    Args:
        data: the public data.
        shape: `lstm`, `gru` or `transformer` (of two layers).
        say: told of progress.

    Raises:
        MissingDataError: the lines are not there.
    """
    lines = [line for path in find(data, "raw_logs/HealthApp_*.log*") for line in read_lines(path)]
    say(f"language model: {shape}")
    return _row(Examples(pa.table({"line": lines[:_LINES]}), None), _SHAPES[shape])


def _row(examples: Examples, parameters: catalog_pb2.LanguageModel) -> dict[str, Any]:
    network, encoding = _family(parameters, 1).fit_network(examples, Training(1))
    known = Counted.of(encoding.encode(examples.units)).lines.lengths
    learned = ~held_out_slice(len(known), _HELD_OUT, 1)
    ours, plain = [], []
    for _ in range(_ROUNDS):
        # What comes before and after the epochs is the same in both, so it falls out.
        few, many = (
            _seconds(partial(_family(parameters, epochs).fit_network, examples, Training(1)))
            for epochs in (1, 1 + _EPOCHS)
        )
        ours.append((many - few) / _EPOCHS)
        plain.append(_products(network.architecture, known, np.flatnonzero(learned)))
    model = _family(parameters, 1).fit(examples, Training(1))
    scoring = min(_seconds(partial(model.score, examples.units)) for _ in range(_ROUNDS))
    tokens = int(known[learned].sum())
    return {
        "ours_seconds": min(ours),
        "plain_seconds": min(plain),
        "ratio": min(ours) / min(plain),
        "tokens_per_second": tokens / min(ours),
        "scored_lines_per_second": len(examples) / scoring,
        "scored_tokens_per_second": int(known.sum()) / scoring,
    }


def _family(parameters: catalog_pb2.LanguageModel, epochs: int) -> LanguageModel:
    chosen = catalog_pb2.LanguageModel(epochs=epochs)
    chosen.MergeFrom(parameters)
    return LanguageModel(chosen)


def _products(
    architecture: Architecture, lengths: NDArray[np.int64], learned: NDArray[np.int64]
) -> float:
    """Seconds that the matrix products of an epoch take, in the batches that training makes."""
    schedule = Schedule(epochs=1)
    batches = batches_of(learned, lengths, schedule.items, schedule.positions, (1, 0))
    seconds = 0.0
    with reproducible(1), torch.no_grad():
        for batch in batches:
            steps, tokens = int(lengths[batch].max()) + 1, int(lengths[batch].sum()) + len(batch)
            pairs = _pairs(architecture, len(batch), steps, tokens)
            seconds += _seconds(lambda: [left @ right for left, right in pairs])  # noqa: B023
    return seconds


def _pairs(
    architecture: Architecture, lines: int, steps: int, tokens: int
) -> list[tuple[Tensor, Tensor]]:
    """What is multiplied for a batch: each product once forwards, twice backwards."""
    width, places = architecture.width, lines * steps
    output = _backwards_too(tokens, width, architecture.symbols)
    if architecture.cell == TRANSFORMER:
        sizes = ((width, 3 * width), (width, width), (width, 4 * width), (4 * width, width))
        layer = [pair for size in sizes for pair in _backwards_too(places, *size)]
        heads = lines * architecture.heads
        queries = torch.randn(heads, steps, width // architecture.heads)
        similar = torch.randn(heads, steps, steps)
        # Similarity, attention to values, and two gradients of each.
        attention = [(queries, queries.mT)] * 2 + [(similar, queries)] * 4
        return output + (layer + attention) * architecture.layers
    gates = _GATES[architecture.cell] * width
    states, gradients = torch.randn(lines, width), torch.randn(lines, gates)
    weights = torch.randn(width, gates)
    recurrent = [(states, weights), (gradients, weights.T)] * steps
    weight_gradient = (torch.randn(width, places), torch.randn(places, gates))
    layer = [*_backwards_too(places, width, gates), *recurrent, weight_gradient]
    return output + layer * architecture.layers


def _backwards_too(rows: int, inputs: int, outputs: int) -> list[tuple[Tensor, Tensor]]:
    given, weights = torch.randn(rows, inputs), torch.randn(inputs, outputs)
    gradients = torch.randn(rows, outputs)
    return [(given, weights), (gradients, weights.T), (given.T, gradients)]


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
