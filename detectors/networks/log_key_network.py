"""The recurrent network of the family `log_key_sequence`, and what surprises it in a session."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from whetstone.scoring.encoding import PADDING, UNKNOWN

START = END = PADDING
"""The id before the first key and after the last: nothing else is called so inside a session."""

UNKNOWN_SHARE = 1e-4
"""How often a key that training never saw is taken to occur: it surprises by -log of that."""
MOST_VALUE_SURPRISE = 12.0
"""Of one number; more says no more, and what is infinite would drown all else."""

_EMBEDDED = 32  # numbers a key becomes
_DROPOUT = 0.1
_FORGOTTEN = 0.01  # share of keys that training shows as unknown, so that these mean something
_CELLS = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


@dataclass(frozen=True)
class Shape:
    """What a network looks like.

    Attributes:
        cell: `gru`, `lstm` or `rnn`.
        layers: of cells.
        hidden: numbers of a state.
        ids: different ids, those of padding and the unknown key among them.
        values: numbers that come with each key; c of them.
    """

    cell: str
    layers: int
    hidden: int
    ids: int
    values: int


@dataclass(frozen=True, eq=False)
class Sessions:
    """A batch of sessions.

    Attributes:
        ids: [b, t] int64, padded on the right.
        lengths: [b] int64.
        values: [b, t, c] float32, standardized; 0 where missing.
        known: [b, t, c] float32, 0 where missing, else 1.
    """

    ids: Tensor
    lengths: Tensor
    values: Tensor
    known: Tensor

    @property
    def inside(self) -> Tensor:
        """[b, t + 1] float32: 1 up to the position of the end, which is judged too."""
        steps = torch.arange(self.ids.shape[1] + 1, device=self.ids.device)
        return (steps <= self.lengths[:, None]).float()


class KeyNetwork(nn.Module):
    """Predicts each key, and the end, from all before it; and the numbers of a key from it too.

    The state is carried over the whole session, so the prediction at position t depends on the
    positions before t and on nothing else.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.ids, _EMBEDDED)
        self.cells = _CELLS[shape.cell](
            _EMBEDDED + 2 * shape.values, shape.hidden, shape.layers, batch_first=True
        )
        self.next_key = nn.Linear(shape.hidden, shape.ids)
        if shape.values:
            self.value_features = nn.Linear(shape.hidden + _EMBEDDED, shape.hidden)
            self.value_means = nn.Linear(shape.hidden, shape.values)
            self.value_scales = nn.Embedding(shape.ids, shape.values)
            nn.init.zeros_(self.value_scales.weight)  # logarithms

    def losses(self, sessions: Sessions) -> Tensor:
        """[b, t + 1]: negative log-likelihood of each key, of the end, and of their numbers."""
        states = self._states(sessions)
        chances = functional.log_softmax(self.next_key(states), dim=-1)
        losses = -(1 - UNKNOWN_SHARE) * _of_targets(chances, sessions)
        losses = losses - UNKNOWN_SHARE * chances[:, :, UNKNOWN]
        if self.shape.values:
            deviations, log_scales = self._deviations(states, sessions)
            value_losses = (deviations**2 / 2 + log_scales) * sessions.known
            losses = losses + functional.pad(value_losses.sum(dim=-1), (0, 1))
        return losses * sessions.inside

    def surprises(self, sessions: Sessions) -> Tensor:
        """[b, t + 1]: as `losses`, of numbers only how far they lie from what was expected."""
        states = self._states(sessions)
        surprises = -_of_targets(functional.log_softmax(self.next_key(states), dim=-1), sessions)
        return (surprises + self._value_surprises(states, sessions)) * sessions.inside

    def misses(self, sessions: Sessions, candidates: int) -> Tensor:
        """[b, t + 1]: 1 where at least so many `candidates` were likelier than what came."""
        states = self._states(sessions)
        logits = self.next_key(states)
        likelier = (logits > _of_targets(logits, sessions)[:, :, None]).sum(dim=-1)
        missed = (likelier >= candidates).float()
        return (missed + self._value_surprises(states, sessions)) * sessions.inside

    def _states(self, sessions: Sessions) -> Tensor:
        """[b, t + 1, h]: at each position what is known before it."""
        before = functional.pad(sessions.ids, (1, 0), value=START)
        if self.training:
            forgotten = torch.rand(before.shape, device=before.device) < _FORGOTTEN
            before = torch.where(forgotten & (before != START), UNKNOWN, before)
        parts = [functional.dropout(self.embedding(before), _DROPOUT, self.training)]
        parts += [functional.pad(v, (0, 0, 1, 0)) for v in (sessions.values, sessions.known)]
        states, _ = self.cells(torch.cat(parts, dim=-1))
        return functional.dropout(states, _DROPOUT, self.training)

    def _deviations(self, states: Tensor, sessions: Sessions) -> tuple[Tensor, Tensor]:
        """[b, t, c] twice: distance of each number from its mean in scales, and their logarithm."""
        given = torch.cat([states[:, :-1], self.embedding(sessions.ids)], dim=-1)
        means = self.value_means(functional.relu(self.value_features(given)))
        log_scales = self.value_scales(sessions.ids)
        return (sessions.values - means) * torch.exp(-log_scales), log_scales

    def _value_surprises(self, states: Tensor, sessions: Sessions) -> Tensor:
        """[b, t + 1], 0 at the end."""
        if not self.shape.values:
            return torch.zeros_like(states[:, :, 0])
        deviations, _ = self._deviations(states, sessions)
        surprises = (deviations**2 / 2).clamp(max=MOST_VALUE_SURPRISE) * sessions.known
        return functional.pad(surprises.sum(dim=-1), (0, 1))


def _of_targets(values: Tensor, sessions: Sessions) -> Tensor:
    """[b, t + 1] of [b, t + 1, v]: what each position holds for the key, or end, that came."""
    targets = functional.pad(sessions.ids, (0, 1), value=END)
    return values.gather(2, targets[:, :, None]).squeeze(2)
