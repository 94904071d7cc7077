"""How far the inputs of a scorer are, by the clock of their events (pure).

An input is complete up to its newest event time less the lateness; a source is where the slowest of
its inputs is. An event whose unit was complete before the event came is late.

References:
    Akidau et al., The Dataflow Model, VLDB 2015 (event time, watermarks, lateness).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_LONG_AGO, _FAR_AWAY = -(1 << 62), 1 << 62


class Clocks:
    """Event times, in microseconds since 1970.

    Args:
        inputs: name -> name of its source.
        lateness: for how long events out of order are waited for.
    """

    def __init__(self, inputs: Mapping[str, str], lateness: int) -> None:
        self._inputs = dict(inputs)
        self._lateness = lateness
        self._newest = dict.fromkeys(inputs, _LONG_AGO)

    def newest(self, name: str) -> int | None:
        """The newest event of an input; None if it gave none."""
        newest = self._newest[name]
        return None if newest == _LONG_AGO else newest

    def newest_of(self, source: str) -> int:
        """The newest event of a source; long ago if it gave none."""
        return max(self._of(source), default=_LONG_AGO)

    def watermark(self, source: str) -> int:
        """Up to which a source is complete."""
        return min(self._of(source), default=_LONG_AGO) - self._lateness

    def read(
        self, name: str, times: NDArray[np.int64], believed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], int]:
        """What events of an input tell, in order; nothing moves yet.

        Args:
            name: of the input.
            times: (n,) of the events.
            believed: (n,) whether they move the clock.

        Returns:
            (n,) the watermark of the source before each, and the newest event time after all.
        """
        clock = np.where(believed, times, _LONG_AGO)
        newest = np.maximum.accumulate(np.concatenate([[self._newest[name]], clock]))
        return np.minimum(newest[:-1], self._others(name)) - self._lateness, int(newest[-1])

    def move(self, name: str, newest: int) -> None:
        """An input has come to `newest`; clocks never go back."""
        self._newest[name] = max(self._newest[name], newest)

    def end(self, name: str) -> None:
        """An input is over: nothing is waited for."""
        self._newest[name] = _FAR_AWAY

    def state(self) -> dict[str, int]:
        """As JSON takes it."""
        return dict(self._newest)

    def restore(self, state: Mapping[str, int]) -> None:
        """Be again what `state` gave; inputs that are no more are left out."""
        self._newest |= {name: at for name, at in state.items() if name in self._newest}

    def _of(self, source: str) -> list[int]:
        return [self._newest[name] for name, of in self._inputs.items() if of == source]

    def _others(self, name: str) -> int:
        """The newest event of the slowest of the other inputs of the same source."""
        source = self._inputs[name]
        return min(
            (
                newest
                for other, newest in self._newest.items()
                if other != name and self._inputs[other] == source
            ),
            default=_FAR_AWAY,
        )
