"""Prequential training: no window is scored by a model that has seen it."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest

from detectors.interface import Examples, GraphModel, Model, Training
from detectors.isolation_forest import IsolationForest
from detectors.language_model import LanguageModel
from detectors.prequential import prequential, windows_of
from whetstone.catalog import catalog_pb2


@dataclass
class Watched:
    """A real family that remembers what it was given."""

    family: IsolationForest
    learned: list[list[float]] = field(default_factory=list)
    warm_starts: list[bytes | None] = field(default_factory=list)
    models: list[GraphModel] = field(default_factory=list)

    def fit(self, examples: Examples, training: Training) -> Model:
        self.learned.append(examples.units["x"].to_pylist())
        self.warm_starts.append(training.warm_start)
        self.models.append(self.family.fit(examples, training))
        return self.models[-1]


def watched() -> Watched:
    return Watched(IsolationForest(catalog_pb2.IsolationForest(trees=5)))


def days(count: int = 4, size: int = 30) -> list[Examples]:
    """Each day's values lie around its number."""
    rng = np.random.default_rng(0)
    return [Examples(pa.table({"x": day + 0.1 * rng.random(size)}), None) for day in range(count)]


def test_each_window_is_scored_by_the_model_of_those_before_it_and_then_learned() -> None:
    family = watched()
    scored = list(prequential(family, days(), Training(1)))
    assert [window.number for window in scored] == [1, 2, 3]
    for window in scored:
        before = family.models[window.number - 1]
        np.testing.assert_array_equal(window.scores, before.score(window.examples.units))
    assert family.learned == [day.units["x"].to_pylist() for day in days()]


def test_a_later_window_never_moves_the_scores_of_an_earlier_one() -> None:
    changed = [*days()[:3], days()[2]]
    first, second = (list(prequential(watched(), w, Training(1))) for w in (days(), changed))
    for before, after in zip(first[:2], second[:2], strict=True):
        np.testing.assert_array_equal(before.scores, after.scores)
    assert second[2].scores.mean() < first[2].scores.mean()


def test_training_goes_on_from_the_model_before() -> None:
    family = watched()
    list(prequential(family, days(), Training(1, warm_start=b"")))
    assert family.warm_starts == [b"", *(model.export() for model in family.models[:-1])]


def test_a_memory_keeps_some_of_what_came_before() -> None:
    family = watched()
    list(prequential(family, days(), Training(1), memory=20))
    for number, learned in enumerate(family.learned[1:], start=1):
        assert len(learned) == 20 + 30
        assert max(learned[:20]) < number <= min(learned[20:])
    assert min(family.learned[3][:20]) < 1  # something of the very first day


@pytest.mark.parametrize("count", [0, 1])
def test_without_a_second_window_nothing_is_scored(count: int) -> None:
    assert list(prequential(watched(), days(count), Training(1))) == []


def test_windows_come_in_order_with_their_labels() -> None:
    given = Examples(pa.table({"x": [1, 2, 3, 4]}), np.array([True, False, True, False]))
    late, early = np.array([1, 0, 1, 0]), [[2, 4], [1, 3]]
    windows = windows_of(given, late)
    assert [window.units["x"].to_pylist() for window in windows] == early
    assert [window.positive.tolist() for window in windows] == [[False, False], [True, True]]


def test_a_language_model_gets_used_to_what_is_new_and_forgets_less_with_a_memory() -> None:
    old, new = (
        Examples(pa.table({"line": [text] * 20}), None)
        for text in ("session opened for root", "disk sda is full")
    )
    parameters = catalog_pb2.LanguageModel(epochs=25, learning_rate=0.03)
    parameters.recurrent.hidden = 16

    def scores(memory: int) -> list[float]:
        family, windows = LanguageModel(parameters), [old, new, new, old]
        return [s.scores[0] for s in prequential(family, windows, Training(1), memory)]

    forgetful, mindful = scores(memory=0), scores(memory=40)
    assert forgetful[1] < 0.5 * forgetful[0]
    assert mindful[2] < 0.5 * forgetful[2]
