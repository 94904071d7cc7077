"""What all families that train with torch rely on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detectors.interface import Training
from detectors.networks.torch_batches import batches_of, content_of, held_out_slice, padded
from detectors.networks.torch_training import Items, Schedule, reproducible, train
from whetstone.scoring.encoding import Ragged

CPU = torch.device("cpu")
SHORT = Schedule(epochs=4, items=16, checkpoint_seconds=0.0)


def ragged(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sequences that count upwards from a random number: values and offsets."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(10) + np.arange(rng.integers(1, 20)) for _ in range(n)]
    return np.concatenate(rows), np.concatenate([[0], np.cumsum([len(row) for row in rows])])


def trained(
    training: Training,
    schedule: Schedule = SHORT,
    held_out: float = 0.1,
    watch: Callable[[], None] = lambda: None,
) -> tuple[float, nn.Module]:
    """A small recurrent network with dropout that learns to count."""
    values, offsets = ragged()
    lengths = np.diff(offsets)
    with reproducible(training.seed) as device:
        parts = {"embed": nn.Embedding(40, 8), "cell": nn.GRU(8, 8, batch_first=True)}
        network = nn.ModuleDict({**parts, "drop": nn.Dropout(0.2), "out": nn.Linear(8, 40)})
        network.to(device)

        def loss(chosen: np.ndarray) -> Tensor:
            watch()
            given, sizes = padded(Ragged(values, offsets), chosen, device)
            states, _ = network["cell"](network["embed"](given))
            logits = network["out"](network["drop"](states))[:, :-1]
            inside = torch.arange(1, given.shape[1]) < sizes[:, None]
            return nn.functional.cross_entropy(
                logits[inside], given[:, 1:][inside], reduction="sum"
            )

        items = Items(
            lengths,
            lengths - 1.0,
            held_out_slice(len(lengths), held_out, 1),
            content_of(values, offsets),
        )
        return train(network, loss, items, training, schedule), network


def weights(network: nn.Module) -> str:
    return content_of(*(value.numpy() for value in network.state_dict().values()))


def test_each_item_is_in_one_batch_within_the_limits() -> None:
    lengths = np.random.default_rng(0).integers(1, 300, 1000)
    chosen = np.flatnonzero(lengths % 7 > 0)
    batches = batches_of(chosen, lengths, items=32, positions=1000, seed=(1, 2))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), chosen)
    for batch in batches:
        assert len(batch) <= 32
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= 1000


def test_batches_hold_items_of_similar_lengths() -> None:
    lengths = np.random.default_rng(0).integers(1, 300, 2000)
    batches = batches_of(np.arange(2000), lengths, items=32, positions=10**6, seed=(0,))
    cells = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert cells < 1.1 * lengths.sum()


def test_rows_are_padded_with_zeros_on_the_right() -> None:
    values, offsets = np.array([5, 6, 7, 8]), np.array([0, 1, 1, 4])
    rows, lengths = padded(Ragged(values, offsets), np.array([2, 0, 1]), CPU)
    assert rows.tolist() == [[6, 7, 8], [5, 0, 0], [0, 0, 0]]
    assert lengths.tolist() == [3, 1, 0]


def test_training_learns_and_global_settings_stay() -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    loss, _ = trained(Training(1), Schedule(epochs=12, items=16, learning_rate=0.03))
    assert loss < 1.0 < np.log(40)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.random.get_rng_state(), state)


def test_equal_seeds_give_equal_weights_and_others_do_not() -> None:
    first, again, other = (weights(trained(Training(seed))[1]) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("interrupted_at", [3, 17, 30])
def test_an_interrupted_training_ends_with_the_same_weights(
    tmp_path: Path, interrupted_at: int
) -> None:
    """The loss is asked 14 times an epoch: 12 for batches, 2 for what is held out."""
    calls = 0

    def interrupt() -> None:
        nonlocal calls
        calls += 1
        if calls == interrupted_at:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        trained(Training(1, checkpoint=checkpoint), watch=interrupt)
    said: list[str] = []
    loss, network = trained(Training(1, say=said.append, checkpoint=checkpoint))
    whole_loss, whole = trained(Training(1))
    assert "continuing" in said[0]
    assert (loss, weights(network)) == (whole_loss, weights(whole))
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_training_or_a_broken_one_is_not_used(tmp_path: Path) -> None:
    checkpoint, calls = tmp_path / "checkpoint", 0

    def interrupt() -> None:
        nonlocal calls
        calls += 1
        if calls == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(Training(1, checkpoint=checkpoint), watch=interrupt)
    expected = weights(trained(Training(2))[1])
    said: list[str] = []
    assert weights(trained(Training(2, say=said.append, checkpoint=checkpoint))[1]) == expected
    checkpoint.write_bytes(b"PK\x03\x04 half a file")
    assert weights(trained(Training(2, say=said.append, checkpoint=checkpoint))[1]) == expected
    assert not [message for message in said if "continuing" in message]


def test_the_weights_of_the_best_epoch_stay_and_patience_ends_training() -> None:
    """A huge learning rate without end makes the held-out loss worse sooner or later."""
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    schedule = Schedule(epochs=200, items=16, learning_rate=0.3, clip=100.0, patience=2)
    impatient, network = trained(Training(1), schedule, watch=count)
    assert calls < 200 * 14
    values, offsets = ragged()
    held_out = np.flatnonzero(held_out_slice(200, 0.1, 1))
    given, sizes = padded(Ragged(values, offsets), held_out, CPU)
    with torch.no_grad():
        logits = network["out"](network["cell"](network["embed"](given))[0])[:, :-1]
    inside = torch.arange(1, given.shape[1]) < sizes[:, None]
    mean = nn.functional.cross_entropy(logits[inside], given[:, 1:][inside])
    assert float(mean) == pytest.approx(impatient, rel=1e-4)
