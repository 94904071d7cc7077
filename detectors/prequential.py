"""Prequential training: every window is scored by a model of what came before it, then learned.

So each unit is test data first and training data afterwards, as in service: no labels are needed,
and a model that forgets, or that never gets used to a change, shows (Dawid 1984; for logs, Tuor et
al. 2018). Works with every family; those that cannot continue from a model train afresh.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.interface import Examples, Family, Model, Training


@dataclass(frozen=True, eq=False)
class ScoredWindow:
    """A window and what the model of all earlier windows says of it.

    Attributes:
        number: of the window, from 1; the first one, of number 0, has nothing before it.
        examples: n units.
        scores: (n,) higher is worse.
    """

    number: int
    examples: Examples
    scores: NDArray[np.float64]


def prequential(
    family: Family, windows: Iterable[Examples], training: Training, memory: int = 0
) -> Iterator[ScoredWindow]:
    """Train on window w, score window w + 1, and so on.

    Args:
        family: what to train.
        windows: in order of time, each with the same features. They are taken one by one, so a
            window may be made when the last one is judged.
        training: of the first window; later ones begin from the model before them, if it is of a
            family that can (see `Training.warm_start`).
        memory: units of earlier windows, chosen at random, that are learned again with each window,
            so that what is known is not forgotten.

    Raises:
        TrainingError: as `Family.fit`.
    """
    rng = np.random.default_rng(training.seed)
    model: Model | None = None
    remembered: Examples | None = None
    for number, window in enumerate(windows):
        if model is not None:
            yield ScoredWindow(number, window, model.score(window.units))
            training = replace(training, warm_start=model.export())
        learned = window if remembered is None else _joined(remembered, window)
        model = family.fit(learned, training)
        remembered = _sample(learned, memory, rng) if memory else None


def windows_of(examples: Examples, window: NDArray[np.integer]) -> list[Examples]:
    """Cut examples into windows.

    Args:
        examples: n units.
        window: (n,) what a unit's window is called, such as its day; in order of time.
    """
    return [examples.where(window == name) for name in np.unique(window)]


def _joined(earlier: Examples, later: Examples) -> Examples:
    """Both, one after the other; labels only where both have them."""

    def both(first: NDArray[Any] | None, second: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if first is None or second is None else np.concatenate([first, second])

    return Examples(
        pa.concat_tables([earlier.units, later.units]),
        both(earlier.positive, later.positive),
        both(earlier.labels, later.labels),
    )


def _sample(examples: Examples, count: int, rng: np.random.Generator) -> Examples:
    if len(examples) <= count:
        return examples
    mask = np.zeros(len(examples), dtype=bool)
    mask[rng.choice(len(examples), count, replace=False)] = True
    return examples.where(mask)
