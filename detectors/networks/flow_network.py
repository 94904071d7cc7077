"""The networks of `flow_sequence`: what each step of a window of flows says about its class."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from whetstone.scoring.encoding import FIRST_KNOWN

KERNEL = 3  # steps that a convolution looks at
_DROPOUT = 0.4
_SPREAD = 0.15  # of the increments that training begins with


class FlowNetwork(nn.Module):
    """Log-odds of k classes for windows of flows.

    A step is the sum of the embeddings of its c bins, which is a linear layer over their one-hot
    vectors. Bins are ordered: what is learned of each is how its embedding differs from that of the
    bin below. Neighbours so stay alike unless the examples say otherwise, and bins that few
    examples fall into are no guesses. A recurrent or a convolutional body turns a step into its
    opinion of the classes, knowing the steps around it (convolutional) or before it (recurrent).
    The window's log-odds are the mean of the opinions of its steps, so that each step has a share
    that can be shown.

    Args:
        ids: how many ids each of the c columns has; 0 is padding.
        classes: k.
        width: of embeddings and of the body.
        recurrent: a GRU; else two convolutions over three steps each.
    """

    def __init__(self, ids: Sequence[int], classes: int, width: int, recurrent: bool) -> None:
        super().__init__()
        self.increments = nn.ParameterList(torch.randn(n, width) * _SPREAD for n in ids)
        self.recurrent = nn.GRU(width, width, batch_first=True) if recurrent else None
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2)
            for _ in range(0 if recurrent else 2)
        )
        self.opinion = nn.Linear(width, classes)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Log-odds [b, k] of windows.

        Args:
            ids: [b, t, c], zeros after the end of a window.
            lengths: [b].
        """
        inside = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
        known = inside[:, :, None].float()
        columns = [
            nn.functional.embedding(ids[:, :, at], table) for at, table in enumerate(self.tables())
        ]
        steps = self.dropout(torch.stack(columns).sum(0))
        opinions = self.opinion(self.dropout(self._body(steps, known)))
        return (opinions * known).sum(1) / lengths.clamp(min=1)[:, None]

    def tables(self) -> list[Tensor]:
        """The embeddings of the ids of each column; that of padding is zero."""
        return [
            torch.cat([torch.zeros_like(own[:1]), own[1:FIRST_KNOWN], own[FIRST_KNOWN:].cumsum(0)])
            for own in self.increments
        ]

    def _body(self, steps: Tensor, known: Tensor) -> Tensor:
        if self.recurrent is not None:
            return self.recurrent(steps)[0]
        channels, mask = steps.transpose(1, 2), known.transpose(1, 2)
        for convolution in self.convolutions:
            channels = torch.relu(convolution(channels)) * mask
        return channels.transpose(1, 2)
