"""The rules that a model has to beat, and the ceiling that none can pass."""

import numpy as np
import pytest
from detector_examples import examples, matrix, rows
from sklearn.metrics import average_precision_score
from sklearn.neighbors import NearestNeighbors

from detectors.evaluation.baselines import baselines, duplicate_share, oracle_ceiling
from detectors.interface import Examples
from whetstone.errors import InputError


def units(*values: tuple[float, ...], positive: list[bool] | None = None) -> Examples:
    features = np.array(values, dtype=np.float32)
    labels = None if positive is None else np.array(positive)
    return rows(features, tuple("abc"[: features.shape[1]]), labels)


def test_a_vector_is_unseen_unless_a_benign_training_example_has_it() -> None:
    train = units((1, 2), (3, np.nan), (9, 9), positive=[False, False, True])
    test = units((1, 2), (2, 1), (3, np.nan), (9, 9))
    assert baselines(train, test)["unseen_vector"].tolist() == [0, 1, 0, 1]


def test_minus_zero_is_zero() -> None:
    assert baselines(units((0.0, 1.0)), units((-0.0, 1.0)))["unseen_vector"].tolist() == [0]


def test_the_largest_deviation_counts_standard_deviations_or_units_of_a_constant() -> None:
    train = units((0, 5), (2, 5))
    scores = baselines(train, units((1, 5), (4, 5), (1, 12)))["largest_deviation"]
    assert scores.tolist() == [0, 3, 7]


def test_the_total_is_judged_by_its_distance_from_the_usual_one() -> None:
    train = units((1, 2), (2, 1), (0, 3))
    assert baselines(train, units((2, 1), (0, 0), (4, 4)))["total"].tolist() == [0, 3, 5]


def test_the_nearest_benign_distance_is_that_of_scikit_learn() -> None:
    train, test = examples(n=300, seed=1), examples(n=700, seed=2)
    benign = matrix(train.benign()).astype(float)
    scale = np.where(benign.std(axis=0) > 0, benign.std(axis=0), 1)
    nearest = NearestNeighbors(n_neighbors=1).fit(benign / scale)
    expected = nearest.kneighbors(matrix(test) / scale)[0][:, 0]
    np.testing.assert_allclose(baselines(train, test)["nearest_benign"], expected, atol=1e-6)


def test_baselines_without_benign_examples_are_refused() -> None:
    with pytest.raises(InputError, match="benign"):
        baselines(units((1, 2), positive=[True]), units((1, 2)))


def test_no_test_examples_get_no_scores() -> None:
    empty = rows(np.empty((0, 2)), ("a", "b"), None)
    assert {len(scores) for scores in baselines(units((1, 2)), empty).values()} == {0}


def test_the_ceiling_is_what_ranking_vectors_by_their_share_of_attacks_reaches() -> None:
    given = units((1,), (1,), (1,), (2,), (3,))
    positive = np.array([True, True, False, False, True])
    ceiling = oracle_ceiling(given.units, positive)
    shares = np.array([2 / 3, 2 / 3, 2 / 3, 0, 1])
    assert ceiling.average_precision == pytest.approx(average_precision_score(positive, shares))
    assert ceiling.f1 == pytest.approx(6 / 7)
    assert ceiling.contradictions == 3


def test_nothing_contradictory_has_a_ceiling_of_one() -> None:
    given = examples()
    ceiling = oracle_ceiling(given.units, given.positive)
    assert (ceiling.f1, ceiling.auc, ceiling.contradictions) == (1, 1, 0)
    assert ceiling.average_precision == pytest.approx(1)


def test_the_duplicate_share_counts_test_rows_that_occur_in_training() -> None:
    train, test = units((1, np.nan), (2, 2)), units((1, np.nan), (1, 1), (2, 2), (2, 2))
    assert duplicate_share(train.units, test.units) == 0.75
    assert duplicate_share(train.units, test.units.slice(0, 0)) == 0
