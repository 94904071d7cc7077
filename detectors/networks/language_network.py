"""The networks of `detectors.language_model`: how surprising each token of a line is.

Every line gets a start in front and an end behind it, both with the id 0 that pads lines, too: the
network predicts the first token from the start alone, and the end from the whole line. So an empty
line has a score, and a line that breaks off is surprising.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

RECURRENT = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
TRANSFORMER = "transformer"
_DEVIATION = (
    0.02  # of learned positions at the start; of embeddings, one over the root of the width
)


@dataclass(frozen=True)
class Architecture:
    """What a network looks like.

    Attributes:
        cell: `rnn`, `gru`, `lstm` or `transformer` (a decoder: each position attends to those
            before it).
        symbols: how many ids there are, that of padding, start and end among them.
        width: of embeddings and of all layers.
        layers: how many are stacked.
        residual: a recurrent layer above the first adds to its input instead of replacing it;
            a Transformer always does.
        tied: the output layer has the embeddings as its weights (Press and Wolf 2017).
        bidirectional: recurrent cells only. A second stack reads from the end of the line; token t
            is predicted from the one's state up to t - 1 and the other's from t + 1 on. The two
            stacks never see each other, for in a second layer over both, each would see its target.
        heads: of a Transformer's attention.
        max_length: tokens of the longest line.
    """

    cell: str
    symbols: int
    width: int
    layers: int
    residual: bool
    tied: bool
    bidirectional: bool
    heads: int
    max_length: int


class LanguageNetwork(nn.Module):
    """Predicts each token of a line from those before it (and, if bidirectional, after it)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, symbols = architecture.width, architecture.symbols
        self.architecture = architecture
        self.embedding = nn.Embedding(symbols, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        if architecture.cell == TRANSFORMER:
            self.body: nn.Module = Decoder(architecture)
        elif architecture.bidirectional:
            self.body = TwoStacks(architecture)
        else:
            self.body = Stack(architecture)
        self.output = nn.Linear(width, symbols)
        if architecture.tied:
            self.output.weight = self.embedding.weight

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Cross-entropy of every token in nats.

        Args:
            ids: (n, t) int64, padded with 0 on the right.
            lengths: (n,) int64.

        Returns:
            (n, t + 1): the loss of each token, after the last one that of the line's end, then 0.
        """
        ids = ids.T
        edge = ids.new_zeros(1, ids.shape[1])
        targets = torch.cat([ids, edge])
        predicted = predicted_positions(lengths, len(targets), self.architecture).T
        hidden = self.body(self.embedding(torch.cat([edge, ids])), lengths)
        # Only here the vocabulary comes in, so only here padding is expensive.
        logits = self.output(hidden[predicted])
        losses = functional.cross_entropy(logits.float(), targets[predicted], reduction="none")
        return torch.zeros_like(targets, dtype=torch.float32).masked_scatter(predicted, losses).T


def predicted_positions(lengths: Tensor, width: int, architecture: Architecture) -> Tensor:
    """Which positions (n, width) have a loss: a line's tokens and its end.

    Of a line of the greatest length nobody knows the end, for it may have been cut; and a second
    stack, which begins at the end, knows it already.
    """
    has_end = (
        torch.zeros_like(lengths)
        if architecture.bidirectional
        else (lengths < architecture.max_length).long()
    )
    return torch.arange(width, device=lengths.device) < (lengths + has_end)[:, None]


class Stack(nn.Module):
    """Recurrent layers, one on the other."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        cell = RECURRENT[architecture.cell]
        self.layers = nn.ModuleList(
            cell(architecture.width, architecture.width) for _ in range(architecture.layers)
        )
        self._residual = architecture.residual

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """From (t, n, width) to (t, n, width): position i depends on those up to i only."""
        hidden = inputs
        for at, layer in enumerate(self.layers):
            states, _ = layer(hidden)
            hidden = hidden + states if self._residual and at else states
        return hidden


class TwoStacks(nn.Module):
    """One stack from the start of the line, one from its end, neither of which sees the target."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.forwards = Stack(architecture)
        self.backwards = Stack(architecture)
        self.join = nn.Linear(2 * architecture.width, architecture.width)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """From (t, n, width), the start first, to (t, n, width).

        Position i, which predicts token i, depends on the inputs up to i (the tokens up to i - 1)
        and on the inputs from i + 2 on (the tokens from i + 1 on) up to the line's end.
        """
        position = torch.arange(len(inputs), device=inputs.device)[:, None]
        # Start, end and padding are the same input, so the end is there wherever the line ends.
        following = torch.cat([inputs[2:], inputs[:1], inputs[:1]])[: len(inputs)]
        mirrored = torch.where(position < lengths, lengths - 1 - position, position)
        mirrored = mirrored[:, :, None].expand_as(inputs)
        backwards = self.backwards(following.gather(0, mirrored), lengths)
        both = [self.forwards(inputs, lengths), backwards.gather(0, mirrored)]
        return self.join(torch.cat(both, dim=2))


class Decoder(nn.Module):
    """A causal Transformer that normalizes in front of each layer (Xiong et al. 2020)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        self.positions = nn.Parameter(torch.empty(architecture.max_length + 1, width))
        nn.init.normal_(self.positions, std=_DEVIATION)
        self.layers = nn.ModuleList(
            DecoderLayer(width, architecture.heads) for _ in range(architecture.layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """From (t, n, width) to (t, n, width): position i depends on those up to i only."""
        hidden = (inputs + self.positions[: len(inputs), None]).transpose(0, 1)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.norm(hidden).transpose(0, 1)


class DecoderLayer(nn.Module):
    """Attention to earlier positions, then two dense layers, each added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.dense_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """From (n, t, width) to (n, t, width)."""
        n, t, width = hidden.shape
        projected = self.queries_keys_values(self.attention_norm(hidden))
        queries, keys, values = projected.view(n, t, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        hidden = hidden + self.attended(attended.transpose(1, 2).reshape(n, t, width))
        return hidden + self.narrow(functional.gelu(self.widen(self.dense_norm(hidden))))
