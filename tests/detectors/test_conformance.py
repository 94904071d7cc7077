"""What every model family promises. A new family is added to `CASES` and gets these tests."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from detector_examples import CASES, FAMILIES, Case, detector
from sklearn.metrics import roc_auc_score

from detectors import family_of
from detectors.interface import Examples, Model, Training
from whetstone.errors import InputError, TrainingError
from whetstone.scoring.explain import explain
from whetstone.scoring.onnx import OnnxScorer


@dataclass(frozen=True)
class Tried:
    """A family's case with a model of it."""

    name: str
    case: Case
    given: Examples
    model: Model

    @property
    def unseen(self) -> Examples:
        return self.case.build(300, 9)


@pytest.fixture(scope="module", params=FAMILIES)
def tried(request: pytest.FixtureRequest) -> Tried:
    case = CASES[request.param]
    given = case.build(400, 0)
    return Tried(request.param, case, given, fitted(request.param, given))


def fitted(family: str, given: Examples, warm_start: bytes | None = None) -> Model:
    return family_of(detector(family)).fit(given, Training(1, warm_start))


def test_equal_examples_and_seeds_give_equal_graphs(tried: Tried) -> None:
    assert fitted(tried.name, tried.given).export() == tried.model.export()


def test_attacks_score_higher_than_benign_units(tried: Tried) -> None:
    assert roc_auc_score(tried.unseen.positive, tried.model.score(tried.unseen.units)) > 0.9


def test_a_loaded_graph_scores_and_explains_as_the_model_does(tried: Tried) -> None:
    asked = tried.unseen.units
    loaded = OnnxScorer(bytes(tried.model.export()))
    np.testing.assert_array_equal(loaded.score(asked), tried.model.score(asked))
    few = asked.slice(0, 3)
    assert explain(loaded, few) == tried.model.explain(few)


def test_the_graph_names_its_family_and_features(tried: Tried) -> None:
    loaded = OnnxScorer(tried.model.export())
    assert (loaded.family, set(loaded.names)) == (tried.name, set(tried.given.names))


@pytest.mark.parametrize("size", [1, 7, 33])
def test_the_score_of_a_unit_does_not_depend_on_its_batch(tried: Tried, size: int) -> None:
    asked = tried.unseen.units
    whole = tried.model.score(asked)
    cut = [tried.model.score(asked.slice(at, size)) for at in range(0, len(asked), size)]
    np.testing.assert_array_equal(np.concatenate(cut), whole)


def test_units_of_any_order_keep_their_scores(tried: Tried) -> None:
    asked = tried.unseen.units
    order = np.random.default_rng(0).permutation(len(asked))
    shuffled = tried.model.score(asked.take(pa.array(order)))
    np.testing.assert_array_equal(shuffled, tried.model.score(asked)[order])


def test_no_units_get_no_scores(tried: Tried) -> None:
    scores = tried.model.score(tried.given.units.slice(0, 0))
    assert scores.shape == (0,) and scores.dtype == np.float64
    assert tried.model.explain(tried.given.units.slice(0, 0)) == []


def test_units_without_a_feature_are_refused(tried: Tried) -> None:
    with pytest.raises(InputError, match=f"no feature {tried.given.names[0]}"):
        tried.model.score(pa.table({"another": [1, 2]}))


def test_a_feature_of_another_type_is_refused(tried: Tried) -> None:
    wrong = {name: pa.array([{"a": 1}]) for name in tried.given.names}
    with pytest.raises(InputError, match=tried.given.names[0]):
        tried.model.score(pa.table(wrong))


def test_odd_units_get_finite_scores_and_explanations(tried: Tried) -> None:
    odd = tried.case.odd()
    assert np.isfinite(tried.model.score(odd)).all()
    for contributions in tried.model.explain(odd):
        assert np.isfinite([c.contribution for c in contributions]).all()


def test_odd_units_among_benign_ones_do_no_harm_in_training(tried: Tried) -> None:
    odd = tried.case.odd().cast(tried.given.units.schema)
    units = pa.concat_tables([tried.given.units, odd])
    assert tried.given.positive is not None
    positive = np.append(tried.given.positive, np.zeros(len(odd), dtype=bool))
    scores = fitted(tried.name, Examples(units, positive)).score(units)
    assert np.isfinite(scores).all()


def test_an_explanation_begins_with_what_weighs_most(tried: Tried) -> None:
    assert tried.given.positive is not None
    attacks = tried.given.units.filter(pa.array(tried.given.positive)).slice(0, 5)
    for contributions in tried.model.explain(attacks):
        amounts = [abs(c.contribution) for c in contributions]
        assert amounts == sorted(amounts, reverse=True)
        assert amounts[0] > 0
        assert {c.feature for c in contributions} <= set(tried.given.names)


def test_a_warm_start_from_its_own_graph_still_finds_attacks(tried: Tried) -> None:
    again = fitted(tried.name, tried.given, tried.model.export())
    assert roc_auc_score(tried.unseen.positive, again.score(tried.unseen.units)) > 0.9
    assert fitted(tried.name, tried.given, tried.model.export()).export() == again.export()


def test_no_benign_examples_are_refused_with_what_to_contribute(tried: Tried) -> None:
    assert tried.given.positive is not None
    with pytest.raises(TrainingError, match="contribute a sample of benign activity"):
        fitted(tried.name, tried.given.where(tried.given.positive))


def test_only_supervised_families_learn_from_attacks(tried: Tried) -> None:
    alone = Examples(tried.given.benign().units, None)
    if tried.case.supervised:
        with pytest.raises(TrainingError, match="no positive training example: contribute"):
            fitted(tried.name, alone)
    else:
        assert fitted(tried.name, alone).export() == tried.model.export()
