"""Log keys of HDFS: our training beside the usual loop over windows, DeepLog as it is published.

The plain loop is what the published implementations do: every window of ten keys of every session,
however often it occurs, is an example; an LSTM of two layers with 64 numbers reads a window's keys
as numbers and predicts the next; a session is anomalous where one of its keys is not among the nine
likeliest; sessions shorter than a window are filled up with a key that does not exist.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.datasets import find, read_lines
from benchmarks.datasets.hdfs import KEYS, weighted
from detectors.evaluation.metrics import choose_threshold
from detectors.interface import Examples, Training
from detectors.log_key_sequence import LogKeySequence
from whetstone.catalog import catalog_pb2

_WINDOW, _CANDIDATES, _BATCH = 10, 9, 2048
_LAYERS, _HIDDEN, _RATE = 2, 64, 1e-3
_VALIDATION, _BUDGET = 0.2, 0.001

Sessions = list[list[int]]


def log_keys(data: Path, epochs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Both on 80 % of the training sessions and all test sessions.

    The threshold of ours is chosen on the other 20 %; the plain one needs none. F1 is weighted to
    the base rate of the full test set.
    """
    train = _read(data, "hdfs_train*")
    normal, abnormal = _read(data, "hdfs_test_normal*"), _read(data, "hdfs_test_abnormal*")
    positive = np.repeat([False, True], [len(normal), len(abnormal)])
    held_out = np.random.default_rng(0).random(len(train)) < _VALIDATION
    learned = [keys for keys, held in zip(train, held_out, strict=True) if not held]
    validation = [keys for keys, held in zip(train, held_out, strict=True) if held]
    # Torch imports much of itself when it first trains, which neither loop is to pay for.
    few = learned[:32]
    _ours(few, few, few, 1, lambda _: None)
    _plain(few, few, 1, lambda _: None)
    say(f"log_key_sequence: ours, {epochs} epochs at most of {len(learned):,} sessions")
    began = time.perf_counter()
    alerts = _ours(learned, validation, [*normal, *abnormal], epochs, say)
    ours_seconds = time.perf_counter() - began
    say(f"log_key_sequence: {ours_seconds:.1f} s; the plain loop over windows")
    began = time.perf_counter()
    plain_alerts = _plain(learned, [*normal, *abnormal], epochs, say)
    plain_seconds = time.perf_counter() - began
    return {
        "epochs": epochs,
        "ours_seconds": round(ours_seconds, 2),
        "plain_seconds": round(plain_seconds, 2),
        "ratio": round(plain_seconds / ours_seconds, 2),
        "f1_ours": round(weighted(alerts, positive)["weighted_f1"], 4),
        "f1_plain": round(weighted(plain_alerts, positive)["weighted_f1"], 4),
    }


def _read(data: Path, pattern: str) -> Sessions:
    files = find(data, f"{KEYS}/{pattern}")
    return [[int(key) for key in line.split()] for path in files for line in read_lines(path)]


def _ours(
    learned: Sessions,
    validation: Sessions,
    asked: Sessions,
    epochs: int,
    say: Callable[[str], None],
) -> NDArray[np.bool_]:
    parameters = catalog_pb2.LogKeySequence(layers=_LAYERS, hidden=_HIDDEN, epochs=epochs)
    model = LogKeySequence(parameters).fit(Examples(_table(learned), None), Training(0, say=say))
    threshold = choose_threshold(model.score(_table(validation)), _BUDGET)
    return model.score(_table(asked)) >= threshold


def _table(sessions: Sessions) -> pa.Table:
    return pa.table({"keys": pa.array(sessions, pa.list_(pa.int64()))})


def _plain(
    learned: Sessions, asked: Sessions, epochs: int, say: Callable[[str], None]
) -> NDArray[np.bool_]:
    torch.manual_seed(0)
    keys = max(max(session) for session in learned) + 1
    network = _WindowNetwork(keys)
    windows, following, _ = _windows(learned)
    data = torch.utils.data.TensorDataset(windows, following)
    loader = torch.utils.data.DataLoader(data, batch_size=_BATCH, shuffle=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE)
    for epoch in range(epochs):
        for given, expected in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(given), expected).backward()
            optimizer.step()
        say(f"log_key_sequence: plain loop, epoch {epoch + 1} of {epochs}")
    return _misses(network, asked, keys)


class _WindowNetwork(nn.Module):
    """The key that follows a window, [b, keys] from [b, 10, 1]."""

    def __init__(self, keys: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, _HIDDEN, _LAYERS, batch_first=True)
        self.following = nn.Linear(_HIDDEN, keys)

    def forward(self, windows: Tensor) -> Tensor:
        outputs, _ = self.lstm(windows)
        return self.following(outputs[:, -1])


def _windows(sessions: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    """All windows [m, 10, 1], the keys that follow [m], and the session of each (m,)."""
    windows, following, owners = list[Sequence[int]](), list[int](), list[int]()
    for number, session in enumerate(sessions):
        for at in range(len(session) - _WINDOW):
            windows.append(session[at : at + _WINDOW])
            following.append(session[at + _WINDOW])
            owners.append(number)
    tensor = torch.tensor(windows, dtype=torch.float32)[:, :, None]
    return tensor, torch.tensor(following), np.array(owners)


def _misses(network: nn.Module, sessions: Sessions, keys: int) -> NDArray[np.bool_]:
    """(n,) whether some key of a session was not among the likeliest."""
    absent = -1
    filled = [session + [absent] * max(_WINDOW + 1 - len(session), 0) for session in sessions]
    windows, following, owners = _windows(filled)
    alerts = np.zeros(len(sessions), dtype=bool)
    with torch.no_grad():
        for at in range(0, len(windows), _BATCH):
            likeliest = network(windows[at : at + _BATCH]).topk(_CANDIDATES, dim=1).indices
            missed = ~(likeliest == following[at : at + _BATCH, None]).any(dim=1)
            np.logical_or.at(alerts, owners[at : at + _BATCH], missed.numpy())
    return alerts
