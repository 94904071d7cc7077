"""What the families that train with torch share: reproducible, resumable training on ragged data.

A family brings a network, how many positions each item (a session, a line, a window of flows) has,
and a function that gives the summed loss of some items. `train` does the rest:

    with reproducible(training.seed) as device:
        network = Network(...).to(device)
        train(network, loss, items, training, schedule)

Equal seeds and data give equal weights on one kind of machine, whatever its number of cores, and
whether or not the training was interrupted and continued from its checkpoint.
"""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detectors.networks.torch_batches import batches_of, content_of
from detectors.networks.torch_checkpoints import Checkpoint

if TYPE_CHECKING:
    from detectors.interface import Training

# Whatever the machine has: sums depend on how many threads add them up, and several of them wait
# for each other more than they share where the networks are small or the machine is busy.
_THREADS = 1
_SAY_SECONDS = 5.0


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        epochs: passes over the items at most.
        items: items a batch at most.
        positions: padded positions a batch at most; an item alone may have more.
        learning_rate: of AdamW at its highest; it rises over the first `warm_up` of all steps and
            falls to zero as a cosine.
        warm_up: share of all steps.
        weight_decay: of AdamW.
        clip: largest norm of a gradient.
        patience: epochs without a lower loss on the held-out items before training ends; 0: never.
        checkpoint_seconds: time between two checkpoints.
    """

    epochs: int
    items: int = 64
    positions: int = 16384
    learning_rate: float = 3e-3
    warm_up: float = 0.05
    weight_decay: float = 0.0
    clip: float = 1.0
    patience: int = 0
    checkpoint_seconds: float = 30.0


@dataclass(frozen=True, eq=False)
class Items:
    """What is learned from.

    Attributes:
        lengths: (n,) int64, positions of each item.
        weights: (n,) float64, what each item weighs in the summed loss: how many values it
            predicts times how often it occurs.
        held_out: (n,) bool, items that are not learned from and tell when to end; None: none.
        content: a hash of the items, see `content_of`; a checkpoint of other items is not used.
    """

    lengths: NDArray[np.int64]
    weights: NDArray[np.float64]
    held_out: NDArray[np.bool_] | None
    content: str


class Loss(Protocol):
    """The summed, weighted loss of some items."""

    def __call__(self, chosen: NDArray[np.int64]) -> Tensor:
        """A scalar on the network's device, for the items with these numbers (b,)."""
        ...


@contextmanager
def reproducible(seed: int) -> Iterator[torch.device]:
    """Deterministic torch inside, seeded; yields the device: CUDA where there is one.

    Global settings are as before afterwards.
    """
    # Read by cuBLAS when it starts; without it deterministic algorithms are refused on CUDA.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    threads = torch.get_num_threads()
    deterministic = torch.get_deterministic_debug_mode()
    with torch.random.fork_rng():
        torch.set_num_threads(_THREADS)
        # The same as use_deterministic_algorithms, which imports a compiler for two seconds.
        torch.set_deterministic_debug_mode("error")
        torch.manual_seed(seed)
        try:
            yield torch.device("cuda" if torch.cuda.is_available() else "cpu")
        finally:
            torch.set_num_threads(threads)
            torch.set_deterministic_debug_mode(deterministic)


def train(
    network: nn.Module, loss: Loss, items: Items, training: "Training", schedule: Schedule
) -> float:
    """Train `network` in place, inside `reproducible`.

    Each step minimizes the summed loss of a batch over the mean weight of a batch, so that items
    count by their weights however they are batched. Dropout and the order of items depend on the
    seed and the number of the step only. On CUDA the loss runs in bfloat16 where that is safe.

    Args:
        network: its parameters are learned; with held-out items, those of the best epoch stay.
        loss: see `Loss`; called in training mode and, for held-out items, in evaluation mode.
        items: what is learned from.
        training: `seed`; `say` is told of progress every few seconds; `checkpoint` is continued
            from where it belongs to this very training, and removed at the end.
        schedule: how long and how fast.

    Returns:
        The last (with held-out items: the lowest held-out) mean loss.
    """
    run = _Run(network, loss, items, training, schedule)
    while not run.ended:
        run.epoch()
    return run.finish()


class _Run:
    """A training in progress; a checkpoint holds all that changes in here."""

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        items: Items,
        training: "Training",
        schedule: Schedule,
    ) -> None:
        self._network, self._loss, self._items = network, loss, items
        self._training, self._schedule = training, schedule
        held_out = np.zeros(len(items.lengths), bool) if items.held_out is None else items.held_out
        self._learned, self._held_out = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        self._device = next(network.parameters()).device
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=0.0, weight_decay=schedule.weight_decay, fused=True
        )
        self._epoch, self._batch = 0, 0  # what comes next
        self._total = torch.zeros((), device=self._device)  # loss of the epoch so far
        self._mean = self._best = math.inf
        self._epochs_since_best = 0
        self._best_weights: dict[str, Tensor] = {}
        self._said = self._saved = time.monotonic()
        self._checkpoint = self._continue()

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        patience = self._schedule.patience
        impatient = bool(patience) and self._epochs_since_best >= patience
        return impatient or self._epoch >= self._schedule.epochs or not len(self._learned)

    def epoch(self) -> None:
        """Learn for one epoch, or for the rest of the one that was interrupted."""
        seed = (self._training.seed, self._epoch)
        batches = self._batches(self._learned, seed)
        weight = float(self._items.weights[self._learned].sum())
        self._network.train()
        while self._batch < len(batches):
            self._set_pace(self._batch / len(batches))
            self._learn(batches[self._batch], weight / len(batches))
            self._batch += 1
            self._save_when_due()
            self._say_when_due(len(batches))
        self._mean = float(self._total) / weight
        self._epoch, self._batch, self._total = self._epoch + 1, 0, torch.zeros_like(self._total)
        if len(self._held_out):
            self._judge()

    def finish(self) -> float:
        """Leave the best weights in the network and no checkpoint; the loss that they have."""
        if self._best_weights:
            self._network.load_state_dict(self._best_weights)
        self._network.eval()
        if self._checkpoint is not None:
            self._checkpoint.remove()
        return self._best if self._best_weights else self._mean

    def _batches(self, chosen: NDArray[np.int64], seed: tuple[int, ...]) -> list[NDArray[np.int64]]:
        schedule = self._schedule
        return batches_of(chosen, self._items.lengths, schedule.items, schedule.positions, seed)

    def _set_pace(self, share_of_epoch: float) -> None:
        done = (self._epoch + share_of_epoch) / self._schedule.epochs
        warm_up = self._schedule.warm_up
        pace = (
            (done + 1e-3) / (warm_up + 1e-3)
            if done < warm_up
            else (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up))) / 2
        )
        for group in self._optimizer.param_groups:
            group["lr"] = self._schedule.learning_rate * pace

    def _learn(self, batch: NDArray[np.int64], mean_weight: float) -> None:
        # Seeded at each step: what dropout draws then needs no place in the checkpoint.
        torch.manual_seed(hash((self._training.seed, self._epoch, self._batch)))
        with self._precision():
            loss = self._loss(batch)
        (loss / mean_weight).backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), self._schedule.clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._total += loss.detach()

    def _judge(self) -> None:
        """The mean loss on held-out items; keep the weights where it is the lowest so far."""
        self._network.eval()
        total = 0.0
        with torch.no_grad(), self._precision():
            for batch in self._batches(self._held_out, (0,)):
                total += float(self._loss(batch))
        mean = total / float(self._items.weights[self._held_out].sum())
        self._epochs_since_best += 1
        if mean < self._best:
            self._best, self._epochs_since_best = mean, 0
            state = self._network.state_dict()
            self._best_weights = {name: value.clone() for name, value in state.items()}

    def _precision(self) -> torch.autocast:
        cuda = self._device.type == "cuda"
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=cuda)

    def _say_when_due(self, batches: int) -> None:
        if time.monotonic() - self._said > _SAY_SECONDS:
            self._said = time.monotonic()
            best = f", lowest held-out loss {self._best:.4f}" if self._best_weights else ""
            self._training.say(
                f"epoch {self._epoch + 1} of {self._schedule.epochs} at most, "
                f"{self._batch / batches:.0%}{best}"
            )

    def _save_when_due(self) -> None:
        if (
            self._checkpoint is not None
            and time.monotonic() - self._saved >= self._schedule.checkpoint_seconds
        ):
            state = {
                "epoch": self._epoch,
                "batch": self._batch,
                "total": float(self._total),
                "best": self._best,
                "epochs_since_best": self._epochs_since_best,
            }
            adam = self._optimizer.state_dict()["state"]
            tensors = {"network": self._network.state_dict(), "best": self._best_weights}
            self._checkpoint.write(state, tensors | {f"adam{at}": adam[at] for at in adam})
            self._saved = time.monotonic()

    def _continue(self) -> Checkpoint | None:
        """Take up the checkpoint where there is one of this training."""
        if self._training.checkpoint is None:
            return None
        checkpoint = Checkpoint(self._training.checkpoint, self._identity())
        found = checkpoint.read()
        if found is not None:
            state, tensors = found
            self._network.load_state_dict(tensors.pop("network"))
            self._best_weights = tensors.pop("best", {})
            adam = {int(group.removeprefix("adam")): tensors[group] for group in tensors}
            groups = self._optimizer.state_dict()["param_groups"]
            self._optimizer.load_state_dict({"state": adam, "param_groups": groups})
            self._epoch, self._batch = state["epoch"], state["batch"]
            self._total.fill_(state["total"])
            self._best, self._epochs_since_best = state["best"], state["epochs_since_best"]
            self._training.say(f"continuing in epoch {self._epoch + 1} from the checkpoint")
        return checkpoint

    def _identity(self) -> str:
        schedule = asdict(self._schedule) | {"checkpoint_seconds": None}
        weights = [value.cpu().numpy() for value in self._network.state_dict().values()]
        parts = [self._items.content, content_of(*weights), self._training.seed, schedule]
        return repr([*parts, torch.__version__, self._device.type])
