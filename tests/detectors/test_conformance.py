"""What every model family promises. A new family is added to `FAMILIES` and gets these tests."""

import numpy as np
import pytest
from detector_examples import FAMILIES, detector, examples
from sklearn.metrics import roc_auc_score

from detectors import family_of
from detectors.gradient_boosting import GradientBoosting
from detectors.interface import Examples, Model
from detectors.isolation_forest import IsolationForest
from detectors.pca_spe import PcaSpe, fit_subspace
from whetstone.errors import InputError, TrainingError
from whetstone.scoring.explain import explain
from whetstone.scoring.onnx import OnnxScorer


@pytest.fixture(scope="module", params=FAMILIES)
def family_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(family_name: str) -> Model:
    return fitted(family_name, examples())


def fitted(family_name: str, given: Examples, seed: int = 1) -> Model:
    return family_of(detector(family_name)).fit(given, None, seed)


def reference_scores(family_name: str, given: Examples, asked: np.ndarray, seed: int) -> np.ndarray:
    """Scores of the same model computed without the graph."""
    family = family_of(detector(family_name))
    if isinstance(family, GradientBoosting):
        return family.fit_classifier(given, seed).predict_proba(asked)[:, 1]
    if isinstance(family, IsolationForest):
        return -family.fit_forest(given, seed).score_samples(asked)
    assert isinstance(family, PcaSpe)
    space = fit_subspace(given, 0.95)
    scaled = (np.sign(asked) * np.log1p(np.abs(asked, dtype=float)) - space.mean) / space.scale
    return ((scaled @ space.residual) ** 2).sum(axis=1)


def test_equal_examples_and_seeds_give_equal_graphs(family_name: str, model: Model) -> None:
    assert fitted(family_name, examples()).export() == model.export()


def test_attacks_score_higher_than_benign_units(model: Model) -> None:
    unseen = examples(seed=9)
    assert roc_auc_score(unseen.positive, model.score(unseen.features)) > 0.9


def test_the_graph_scores_as_the_trained_model_does(family_name: str, model: Model) -> None:
    asked = examples(n=2000, seed=2).features
    expected = reference_scores(family_name, examples(), asked, seed=1)
    np.testing.assert_allclose(model.score(asked), expected, rtol=2e-6, atol=2e-7)


def test_a_loaded_graph_scores_and_explains_as_the_model_does(model: Model) -> None:
    asked = examples(seed=3).features
    loaded = OnnxScorer(bytes(model.export()))
    np.testing.assert_array_equal(loaded.score(asked), model.score(asked))
    explained = explain(loaded, asked[0], loaded.baselines, loaded.names)
    assert explained == model.explain(asked[0])


def test_the_graph_names_its_family_and_features(family_name: str, model: Model) -> None:
    loaded = OnnxScorer(model.export())
    assert (loaded.family, loaded.names) == (family_name, examples().names)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 33, 1000])
def test_the_score_of_a_row_does_not_depend_on_its_batch(model: Model, size: int) -> None:
    asked = examples(n=9000, seed=4, missing=0.1).features
    whole = model.score(asked)
    some = asked[: size * 40]
    batches = [model.score(some[at : at + size]) for at in range(0, len(some), size)]
    np.testing.assert_array_equal(np.concatenate(batches), whole[: len(some)])


def test_no_examples_get_no_scores(model: Model) -> None:
    scores = model.score(np.empty((0, 5), dtype=np.float32))
    assert scores.shape == (0,) and scores.dtype == np.float64


def test_a_matrix_of_another_width_is_refused(model: Model) -> None:
    with pytest.raises(InputError, match=r"\(n, 5\)"):
        model.score(np.zeros((3, 4), dtype=np.float32))


def test_missing_values_in_training_and_scoring_give_finite_scores(family_name: str) -> None:
    scores = fitted(family_name, examples(missing=0.3)).score(examples(missing=0.3).features)
    assert np.isfinite(scores).all()


def test_a_column_without_any_value_gives_finite_scores(family_name: str) -> None:
    given = examples()
    given.features[:, 4] = np.nan
    model = fitted(family_name, given)
    assert np.isfinite(model.score(given.features)).all()
    assert all(np.isfinite(c.contribution) for c in model.explain(given.features[0]))


def test_the_largest_numbers_give_finite_scores(family_name: str) -> None:
    huge = np.array([[np.inf] * 5, [-np.inf] * 5, [3e38] * 5, [-3e38] * 5], dtype=np.float32)
    given = examples()
    given.features[:4] = huge
    assert np.isfinite(fitted(family_name, given).score(huge)).all()
    assert np.isfinite(fitted(family_name, examples()).score(huge)).all()


def test_constant_columns_alone_still_give_a_model(family_name: str) -> None:
    given = Examples(np.ones((60, 3), dtype=np.float32), ("a", "b", "c"), np.arange(60) < 20)
    assert np.ptp(fitted(family_name, given).score(given.features)) == 0


def test_one_feature_is_enough(family_name: str) -> None:
    whole = examples()
    given = Examples(whole.features[:, 2:3], whole.names[2:3], whole.positive)
    scores = fitted(family_name, given).score(given.features)
    assert roc_auc_score(given.positive, scores) > 0.9


def test_an_explanation_says_how_each_usual_value_would_change_the_score(model: Model) -> None:
    attack = examples().features[examples().positive][0]
    baselines = OnnxScorer(model.export()).baselines
    contributions = model.explain(attack)
    for contribution in contributions:
        changed = attack.copy()
        at = examples().names.index(contribution.feature)
        changed[at] = baselines[at]
        lower = model.score(attack[None])[0] - model.score(changed[None])[0]
        assert (contribution.value, contribution.contribution) == (attack[at], lower)
    amounts = [abs(c.contribution) for c in contributions]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts[0] > 0
    assert len(amounts) == 5


def test_no_benign_examples_are_refused_with_what_to_contribute(family_name: str) -> None:
    given = examples()
    with pytest.raises(TrainingError, match="contribute a sample of benign activity"):
        fitted(family_name, given.where(given.positive))


@pytest.mark.parametrize("unsupervised", ["pca_spe", "isolation_forest"])
def test_unsupervised_families_learn_nothing_from_attacks(unsupervised: str) -> None:
    given = examples()
    alone = Examples(given.benign().features, given.names, None)
    assert fitted(unsupervised, given).export() == fitted(unsupervised, alone).export()
