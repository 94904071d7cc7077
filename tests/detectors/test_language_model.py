"""Language models of lines: what a token's loss depends on, and that the graph says the same."""

from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, checker, helper, numpy_helper
from onnxruntime import InferenceSession

from detectors.interface import Examples, Training
from detectors.language_model import LanguageModel
from detectors.networks import torch_training
from detectors.networks.language_graph import language_nodes
from detectors.networks.language_network import Architecture, LanguageNetwork, predicted_positions
from whetstone.catalog import catalog_pb2
from whetstone.errors import TrainingError

SMALL = Architecture(
    cell="gru",
    symbols=9,
    width=8,
    layers=2,
    residual=False,
    tied=False,
    bidirectional=False,
    heads=2,
    max_length=14,
)
RESIDUAL = replace(SMALL, residual=True, tied=True)
CAUSAL = {
    "rnn": replace(SMALL, cell="rnn"),
    "gru": SMALL,
    "lstm": replace(SMALL, cell="lstm"),
    "residual gru with tied weights": RESIDUAL,
    "transformer": replace(SMALL, cell="transformer"),
    "transformer with tied weights": replace(SMALL, cell="transformer", tied=True),
}
BIDIRECTIONAL = {
    f"bidirectional {cell}": replace(RESIDUAL, cell=cell, bidirectional=True)
    for cell in ("rnn", "gru", "lstm")
}
ALL = CAUSAL | BIDIRECTIONAL

LINES = st.lists(st.integers(1, SMALL.symbols - 1), min_size=2, max_size=SMALL.max_length)


@cache
def network(architecture: Architecture) -> LanguageNetwork:
    """An untrained network whose weights are large enough that all of them matter."""
    torch.manual_seed(0)
    made = LanguageNetwork(architecture).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return made


@cache
def session(architecture: Architecture) -> InferenceSession:
    nodes, constants = language_nodes(network(architecture))
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "language_model",
        [
            info("features", TensorProto.INT64, ["n", "t"]),
            info("lengths", TensorProto.INT64, ["n"]),
        ],
        [info("score", TensorProto.FLOAT, ["n"]), info("parts", TensorProto.FLOAT, ["n", "t"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=8, opset_imports=opsets)
    checker.check_model(model, full_check=True)
    return InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def tensors(lines: list[list[int]], width: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Lines as ids (n, t) padded to `width`, and lengths (n,)."""
    lengths = np.array([len(line) for line in lines])
    ids = np.zeros((len(lines), max(width, *lengths, 1)), dtype=np.int64)
    for row, line in zip(ids, lines, strict=True):
        row[: len(line)] = line
    return ids, lengths


def torch_losses(architecture: Architecture, lines: list[list[int]], width: int = 0) -> np.ndarray:
    """(n, t + 1): of each token and the end, by torch."""
    ids, lengths = tensors(lines, width)
    return network(architecture)(torch.from_numpy(ids), torch.from_numpy(lengths)).numpy()


def graph_outputs(
    architecture: Architecture, lines: list[list[int]], width: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) and parts (n, t), by the graph."""
    ids, lengths = tensors(lines, width)
    return session(architecture).run(["score", "parts"], {"features": ids, "lengths": lengths})


def counts(architecture: Architecture, lines: list[list[int]]) -> np.ndarray:
    """(n,) how many losses a line has."""
    _, lengths = tensors(lines)
    positions = predicted_positions(torch.from_numpy(lengths), 20, architecture)
    return positions.sum(dim=1).numpy()


def ragged(seed: int, longest: int = SMALL.max_length) -> list[list[int]]:
    """An empty line, the longest one, and others between them."""
    rng = np.random.default_rng(seed)
    lengths = [0, longest, 1, longest - 1, *rng.integers(1, longest, 12)]
    return [rng.integers(1, SMALL.symbols, length).tolist() for length in lengths]


@pytest.mark.parametrize("name", ALL)
def test_the_graph_scores_as_torch_does(name: str) -> None:
    lines = ragged(1)
    losses = torch_losses(ALL[name], lines)
    scores, parts = graph_outputs(ALL[name], lines)
    expected = losses.sum(axis=1) / np.maximum(counts(ALL[name], lines), 1)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(parts[1:].sum(axis=1), scores[1:], rtol=1e-5, atol=1e-5)
    inner = 5  # of the longest line, so the end has no share in it
    share = losses[1, inner] / counts(ALL[name], lines)[1]
    np.testing.assert_allclose(parts[1, inner], share, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_padding_changes_neither_losses_nor_scores(name: str) -> None:
    lines = ragged(2, longest=SMALL.max_length - 3)
    narrow, wide = (torch_losses(ALL[name], lines, width) for width in (11, SMALL.max_length))
    np.testing.assert_allclose(wide[:, :12], narrow, rtol=1e-6, atol=1e-6)
    assert not wide[:, 12:].any()
    (score, parts), (same_score, wide_parts) = (
        graph_outputs(ALL[name], lines, width) for width in (11, 16)
    )
    np.testing.assert_allclose(same_score, score, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(wide_parts[:, :11], parts, rtol=1e-6, atol=1e-6)
    assert not wide_parts[:, 11:].any()


@pytest.mark.parametrize("name", CAUSAL)
@settings(max_examples=20)
@given(LINES, st.data())
def test_what_comes_later_never_moves_the_loss_of_a_token(
    name: str, line: list[int], data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(line) - 1), label="first changed token")
    later = st.lists(st.integers(1, SMALL.symbols - 1), min_size=len(line) - at)
    changed = line[:at] + data.draw(later.map(lambda new: new[: len(line) - at]), label="changed")
    losses = torch_losses(CAUSAL[name], [line, changed])
    np.testing.assert_allclose(losses[0, :at], losses[1, :at], rtol=1e-6, atol=1e-6)
    _, parts = graph_outputs(CAUSAL[name], [line, changed])
    np.testing.assert_allclose(parts[0, :at], parts[1, :at], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", CAUSAL)
def test_what_came_before_moves_the_loss_of_a_token(name: str) -> None:
    losses = torch_losses(CAUSAL[name], [[1, 2, 3, 4, 5], [7, 2, 3, 4, 5]])
    assert (losses[0, 1:6] != losses[1, 1:6]).all()


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=20)
@given(LINES, st.data())
def test_no_token_is_among_what_predicts_it(
    name: str, line: list[int], data: st.DataObject
) -> None:
    """Whatever stands at a place, all tokens together get the probability one there."""
    at = data.draw(st.integers(0, len(line) - 1), label="place")
    variants = [[*line[:at], token, *line[at + 1 :]] for token in range(SMALL.symbols)]
    losses = torch_losses(ALL[name], variants)[:, at]
    np.testing.assert_allclose(np.exp(-losses).sum(), 1, rtol=1e-4)
    scores, parts = graph_outputs(ALL[name], variants)
    assert np.isfinite(scores).all()
    if at < len(line) - 1:  # the end's share is added to the last token
        shares = np.exp(-parts[:, at] * counts(ALL[name], variants))
        np.testing.assert_allclose(shares.sum(), 1, rtol=1e-4)


@pytest.mark.parametrize("name", BIDIRECTIONAL)
def test_a_second_stack_sees_what_comes_later(name: str) -> None:
    losses = torch_losses(BIDIRECTIONAL[name], [[1, 2, 3, 4, 5], [1, 2, 3, 4, 7]])
    assert (losses[0, :4] != losses[1, :4]).all()


PHRASES = ("session opened for root", "session closed for root", "read 12 blocks", "disk is ok")


def log(n: int = 120, seed: int = 0) -> Examples:
    rng = np.random.default_rng(seed)
    lines = [f"{PHRASES[rng.integers(4)]} {rng.integers(100)}" for _ in range(n)]
    return Examples(pa.table({"line": lines}), None)


def family(**parameters: object) -> LanguageModel:
    return LanguageModel(
        catalog_pb2.LanguageModel(**{"epochs": 4, "learning_rate": 0.02} | parameters)
    )


SHAPES = [
    {"recurrent": {"cell": "RNN", "hidden": 12, "layers": 2, "residual": True}},
    {"recurrent": {"cell": "GRU", "hidden": 12, "tied_weights": True}},
    {"recurrent": {"cell": "LSTM", "hidden": 12, "bidirectional": True}},
    {"transformer": {"hidden": 12, "heads": 2, "layers": 2}},
    {"tokens": "WORD", "recurrent": {"hidden": 12}},
    {"tokens": "BPE", "vocabulary": 280, "recurrent": {"hidden": 12}},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_learns_the_graph_equals_torch_and_training_can_go_on(shape: dict) -> None:
    before, lines = family(**shape, learning_rate=1e-9).fit_network(log(), Training(1))
    trained, _ = family(**shape).fit_network(log(), Training(1))
    model = family(**shape).fit(log(), Training(1))
    unseen = log(40, seed=1).units
    encoded = lines.encode(unseen)
    width = int(encoded.lengths.max())
    given = torch.from_numpy(encoded.padded(width)), torch.from_numpy(encoded.lengths)
    counted = predicted_positions(given[1], width + 1, trained.architecture).sum(dim=1)
    with torch.no_grad():
        untrained, expected = ((net(*given).sum(dim=1) / counted) for net in (before, trained))
    np.testing.assert_allclose(model.score(unseen), expected.numpy(), rtol=1e-5, atol=1e-5)
    assert expected.mean() < 0.9 * untrained.mean()
    continued = family(**shape).fit(log(), Training(1, warm_start=model.export()))
    assert continued.score(unseen).mean() < model.score(unseen).mean()


def test_a_warm_start_begins_with_the_very_weights_of_the_earlier_model() -> None:
    model = family(**SHAPES[0]).fit(log(), Training(1))
    still = family(**SHAPES[0], learning_rate=1e-12).fit(log(), Training(1, model.export()))
    np.testing.assert_allclose(still.score(log().units), model.score(log().units), atol=1e-6)


def test_a_warm_start_from_another_shape_is_refused() -> None:
    model = family(**SHAPES[0]).fit(log(), Training(1))
    with pytest.raises(TrainingError, match="another shape"):
        family(**SHAPES[3]).fit(log(), Training(1, model.export()))


def test_an_interrupted_training_goes_on_and_ends_as_an_undisturbed_one(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCutError(Exception):
        pass

    def cut(network, loss, items, training, schedule) -> float:
        steps = 0

        def counted(chosen: np.ndarray) -> torch.Tensor:
            nonlocal steps
            steps += 1
            if steps > 20:
                raise PowerCutError
            return loss(chosen)

        return train(network, counted, items, training, replace(schedule, checkpoint_seconds=0))

    train, undisturbed = torch_training.train, family().fit(log(), Training(1))
    training = Training(1, checkpoint=tmp_path / "language_model.npz")
    with monkeypatch.context() as patch, pytest.raises(PowerCutError):
        patch.setattr("detectors.language_model.train", cut)
        family().fit(log(), training)
    assert training.checkpoint.exists()
    said: list[str] = []
    resumed = family().fit(log(), replace(training, say=said.append))
    assert resumed.export() == undisturbed.export()
    assert any("continuing" in message for message in said)


def test_a_line_that_breaks_off_and_an_empty_one_are_surprising() -> None:
    model = family(epochs=30).fit(log(), Training(1))
    scores = model.score(pa.table({"line": ["session opened for root 7", "session op", "", None]}))
    assert scores[0] < min(scores[1:])
    assert scores[2] == scores[3]


def test_an_explanation_points_to_the_token_that_is_new() -> None:
    model = family(tokens="WORD", epochs=30).fit(log(), Training(1))
    (contributions,) = model.explain(pa.table({"line": ["session opened by root 7"]}))
    assert (contributions[0].value, contributions[0].position) == ("by", 2)


def test_two_features_are_refused() -> None:
    two = Examples(pa.table({"a": ["x"], "b": ["y"]}), None)
    with pytest.raises(TrainingError, match="not from a, b"):
        family().fit(two, Training(1))


def test_heads_must_share_the_width_evenly() -> None:
    with pytest.raises(TrainingError, match="4 heads cannot share 30"):
        family(transformer={"hidden": 30}).fit(log(), Training(1))
