"""Tabular families beside an independent computation, and features that are texts."""

import numpy as np
import pyarrow as pa
import pytest
from detector_examples import CASES, TABULAR, detector, examples, rows
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from detectors import family_of
from detectors.interface import Examples, GraphModel, Training
from detectors.logistic_regression import LogisticRegression
from detectors.nearest_neighbours import NearestNeighbours
from detectors.random_forest import RandomForest
from detectors.scaling import LogScale
from detectors.tabular import Matrix
from whetstone.catalog import catalog_pb2

SERVICES = ("dns", "http", "smtp")


def connections(n: int = 300, seed: int = 0) -> Examples:
    """Connections to three services; attacks send to `smtp` what is usual for `http`."""
    rng = np.random.default_rng(seed)
    service = rng.integers(3, size=n)
    positive = rng.random(n) < 0.2
    size = np.exp(3 * service + rng.normal(scale=0.3, size=n))
    service[positive] = 2
    size[positive] = np.exp(3 + rng.normal(scale=0.3, size=int(positive.sum())))
    return Examples(
        pa.table(
            {
                "bytes": size,
                "service": [SERVICES[at] for at in service],
                "answered": rng.random(n) < 0.9,
            }
        ),
        positive,
    )


def fitted(family: str, given: Examples) -> GraphModel:
    model = family_of(detector(family)).fit(given, Training(1))
    assert isinstance(model, GraphModel)
    return model


def logarithms(units: pa.Table, benign: pa.Table) -> NDArray[np.float64]:
    """Columns of numbers on the scale that the documentation of `LogScale` describes."""
    seen, asked = (
        np.column_stack([np.asarray(column, dtype=float) for column in table.columns])
        for table in (benign, units)
    )
    known = np.where(np.isnan(seen), np.nanmedian(seen, axis=0), seen)
    given = np.where(np.isnan(asked), np.nanmedian(seen, axis=0), asked)
    usual, found = (np.copysign(np.log1p(np.abs(values)), values) for values in (known, given))
    return (found - usual.mean(axis=0)) / np.maximum(usual.std(axis=0), 1)


@pytest.mark.parametrize("neighbours", [1, 3])
def test_neighbours_are_those_that_brute_force_finds(neighbours: int) -> None:
    given, asked = examples(3000, missing=0.02), examples(500, seed=2, missing=0.02).units
    family = NearestNeighbours(catalog_pb2.NearestNeighbours(neighbours=neighbours))
    benign = given.benign().units
    distances = cdist(logarithms(asked, benign), logarithms(benign, benign))
    expected = np.sort(distances, axis=1)[:, :neighbours].mean(axis=1)
    scores = family.fit(given, Training(0)).score(asked)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


def test_a_unit_seen_in_training_has_no_distance() -> None:
    given = examples(3000)
    model = NearestNeighbours(catalog_pb2.NearestNeighbours()).fit(given, Training(0))
    assert model.score(given.benign().units).max() == 0


def test_equal_training_units_are_one_neighbour() -> None:
    crowd = np.repeat([[1.0, 1.0], [5.0, 5.0]], [50, 1], axis=0)
    family = NearestNeighbours(catalog_pb2.NearestNeighbours(neighbours=2))
    model = family.fit(rows(crowd, ("a", "b"), None), Training(0))
    asked = rows(np.array([[1.0, 1.0]]), ("a", "b"), None).units
    expected = np.sqrt(2) * np.log(6 / 2) / 2
    np.testing.assert_allclose(model.score(asked), [expected], rtol=1e-6)


def test_of_too_many_training_units_a_seeded_sample_is_kept() -> None:
    given = Matrix.of(examples(500).benign())
    family = NearestNeighbours(catalog_pb2.NearestNeighbours(kept=40))
    kept = [family.references(given, LogScale.of(given), seed) for seed in (0, 0, 1)]
    everything = LogScale.of(given).apply(given.features).astype(np.float32)
    assert kept[0].shape == (40, 5)
    assert {row.tobytes() for row in kept[0]} <= {row.tobytes() for row in everything}
    assert len(np.unique(kept[0], axis=0)) == 40
    np.testing.assert_array_equal(kept[0], kept[1])
    assert (kept[0] != kept[2]).any()


def test_the_mahalanobis_distance_is_that_of_the_shrunk_covariance() -> None:
    given, asked = examples(), examples(500, seed=2, missing=0.02).units
    benign = given.benign().units
    seen = logarithms(benign, benign)
    n, d = seen.shape
    sample = seen.T @ seen / n
    towards = np.trace(sample) / d * np.eye(d)
    spread = sum(((np.outer(row, row) - sample) ** 2).sum() for row in seen) / n**2
    shrinkage = min(spread / ((sample - towards) ** 2).sum(), 1)
    inverse = np.linalg.inv((1 - shrinkage) * sample + shrinkage * towards + 1e-6 * np.eye(d))
    found = logarithms(asked, benign)
    expected = np.einsum("nd,de,ne->n", found, inverse, found)
    np.testing.assert_allclose(fitted("mahalanobis", given).score(asked), expected, rtol=1e-6)


def test_what_breaks_a_rule_of_benign_units_is_far_from_them() -> None:
    first = np.random.default_rng(0).lognormal(sigma=2, size=500)
    model = fitted("mahalanobis", rows(np.column_stack([first, first]), ("a", "b"), None))
    asked = rows(np.array([[9.0, 9.0], [9.0, 3.0]]), ("a", "b"), None).units
    follows, breaks = model.score(asked)
    assert breaks > 10 * follows


def test_a_forest_scores_as_scikit_learn_does() -> None:
    given, asked = examples(missing=0.1), examples(2000, seed=2, missing=0.1)
    family = family_of(detector("random_forest"))
    assert isinstance(family, RandomForest)
    forest = family.fit_forest(Matrix.of(given), seed=1)
    expected = np.asarray(forest.predict_proba(Matrix.of(asked).features))[:, 1]
    scores = fitted("random_forest", given).score(asked.units)
    np.testing.assert_allclose(scores, expected, rtol=2e-6, atol=2e-7)
    assert len(np.unique(expected)) > 10


def test_the_parameters_of_a_forest_bound_it() -> None:
    family = RandomForest(catalog_pb2.RandomForest(trees=3, max_depth=2, min_samples_leaf=9))
    forest = family.fit_forest(Matrix.of(examples()), seed=0)
    assert len(forest.estimators_) == 3
    assert max(tree.get_depth() for tree in forest.estimators_) == 2
    assert min(tree.tree_.n_node_samples.min() for tree in forest.estimators_) >= 9


def test_a_regression_scores_as_scikit_learn_does() -> None:
    given, asked = examples(missing=0.1), examples(2000, seed=2, missing=0.1).units
    family = family_of(detector("logistic_regression"))
    assert isinstance(family, LogisticRegression)
    matrix = Matrix.of(given)
    regression = family.fit_regression(matrix, LogScale.of(matrix))
    log_odds = logarithms(asked, given.units) @ regression.coef_[0] + regression.intercept_
    scores = fitted("logistic_regression", given).score(asked)
    np.testing.assert_allclose(scores, expit(log_odds), rtol=2e-6, atol=1e-12)


def test_a_stronger_penalty_gives_smaller_weights() -> None:
    matrix = Matrix.of(examples())
    strong, weak = (
        LogisticRegression(catalog_pb2.LogisticRegression(c=c)).fit_regression(
            matrix, LogScale.of(matrix)
        )
        for c in (0.001, 1.0)
    )
    assert np.abs(strong.coef_).sum() < np.abs(weak.coef_).sum() / 2


@pytest.mark.parametrize("family", TABULAR)
def test_texts_are_features_too(family: str) -> None:
    given, unseen = connections(), connections(seed=5)
    informed = roc_auc_score(unseen.positive, fitted(family, given).score(unseen.units))
    numbers = ["bytes", "answered"]
    blind = fitted(family, given.select(numbers)).score(unseen.units)
    assert informed > max(0.75, roc_auc_score(unseen.positive, blind) + 0.05)


@pytest.mark.parametrize("family", TABULAR)
def test_texts_that_training_never_saw_and_none_score_alike(family: str) -> None:
    unit = connections(1, seed=7).units
    services = pa.array(["gopher", None, "telnet", ""])
    asked = pa.concat_tables([unit] * 4).set_column(1, "service", services)
    scores = fitted(family, connections()).score(asked)
    assert np.isfinite(scores).all() and np.ptp(scores) == 0


@pytest.mark.parametrize("family", [name for name in TABULAR if not CASES[name].supervised])
def test_a_text_of_attacks_alone_is_unknown_to_unsupervised_families(family: str) -> None:
    given = connections()
    assert given.positive is not None
    service = np.where(given.positive, "irc", np.array(given.units["service"].to_pylist()))
    units = given.units.set_column(1, "service", pa.array(service))
    alone = fitted(family, Examples(units, given.positive).benign())
    assert fitted(family, Examples(units, given.positive)).export() == alone.export()
