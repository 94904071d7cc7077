"""What verdicts are worth: an analyst judges some alerts, the model goes on from a warm start.

Half of the test sessions are a feed that raises alerts, the other half judges and is never looked
at. In each round the analyst gives verdicts on ten alerts of the feed, the detector is trained on
the training sessions and all verdicts so far from the model of the round before, its threshold
follows anew from what it learned from, and the other half is scored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.evaluation.identity import identities
from detectors.interface import Examples, Family, Model, Training

ROUNDS, VERDICTS = 5, 10

Figures = Callable[[NDArray[np.bool_], NDArray[np.bool_]], dict[str, float]]
"""From alerts (n,) and labels (n,) to figures by name."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """What the rounds begin with.

    Attributes:
        family: that trains.
        model: trained on `train`.
        train: examples that every round learns from again.
        test: labelled units, feed and judging half.
        significance: share of benign units that may be alerts.
        seed: of the halves and of training.
    """

    family: Family
    model: Model
    train: Examples
    test: Examples
    significance: float
    seed: int


def verdict_rounds(given: Experiment, figures: Figures) -> list[dict[str, Any]]:
    """Figures after 0, 10, 20 … verdicts, each with `verdicts` and `attacks` among them.

    The analyst looks at the alerts nearest to the threshold, where the model is least sure, and at
    no session twice.
    """
    positive = given.test.positive
    assert positive is not None
    feed = np.random.default_rng(given.seed).random(len(given.test)) < 0.5
    content = identities(given.test.units)[0]
    judged = np.zeros(len(given.test), dtype=bool)
    model, rows = given.model, list[dict[str, Any]]()
    for done in range(ROUNDS + 1):
        threshold = model.threshold(given.significance)
        scores = model.score(given.test.units)
        shown = figures((scores >= threshold)[~feed], positive[~feed])
        counts = {"verdicts": int(judged.sum()), "attacks": int((judged & positive).sum())}
        rows.append(counts | shown)
        if done == ROUNDS:
            break
        known = np.isin(content, content[judged])
        judged[_least_sure(scores, threshold, feed & ~known, content)] = True
        model = given.family.fit(
            _joined(given.train, given.test.where(judged)),
            Training(given.seed, warm_start=model.export()),
        )
    return rows


def _least_sure(
    scores: NDArray[np.float64],
    threshold: float,
    among: NDArray[np.bool_],
    content: NDArray[np.integer],
) -> NDArray[np.int64]:
    """The lowest alerts, of equal sessions one."""
    alerts = np.flatnonzero(among & (scores >= threshold))
    alerts = alerts[np.argsort(scores[alerts], kind="stable")]
    _, first = np.unique(content[alerts], return_index=True)
    return alerts[np.sort(first)[:VERDICTS]]


def _joined(first: Examples, second: Examples) -> Examples:
    assert second.positive is not None
    before = np.zeros(len(first), bool) if first.positive is None else first.positive
    units = pa.concat_tables([first.units, second.units.cast(first.units.schema)])
    return Examples(units, np.concatenate([before, second.positive]))
