"""What every family promises that learns from rows of numbers."""

import numpy as np
import pytest
from detector_examples import TABULAR, detector, examples, matrix, rows
from sklearn.metrics import roc_auc_score

from detectors import family_of
from detectors.interface import Examples, Model, Training


def fitted(family: str, given: Examples) -> Model:
    return family_of(detector(family)).fit(given, Training(1))


@pytest.fixture(scope="module", params=TABULAR)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


def test_missing_values_in_training_and_scoring_give_finite_scores(family: str) -> None:
    given = examples(missing=0.3)
    assert np.isfinite(fitted(family, given).score(given.units)).all()


def test_a_column_without_any_value_gives_finite_scores(family: str) -> None:
    features = matrix(examples())
    features[:, 4] = np.nan
    given = rows(features, examples().names, examples().positive)
    model = fitted(family, given)
    assert np.isfinite(model.score(given.units)).all()
    (explained,) = model.explain(given.units.slice(0, 1))
    assert all(np.isfinite(c.contribution) for c in explained)


def test_constant_columns_alone_still_give_a_model(family: str) -> None:
    given = rows(np.ones((60, 3)), ("a", "b", "c"), np.arange(60) < 20)
    assert np.ptp(fitted(family, given).score(given.units)) == 0


def test_one_feature_is_enough(family: str) -> None:
    given = examples().select(["feature_2"])
    assert roc_auc_score(given.positive, fitted(family, given).score(given.units)) > 0.9


def test_a_text_among_the_features_is_a_category(family: str) -> None:
    whole = examples()
    assert whole.positive is not None
    kinds = np.where(whole.positive, "rare", np.where(np.arange(len(whole)) % 2, "left", "right"))
    units = whole.units.select(["feature_4"]).append_column("kind", [kinds.tolist()])
    unseen = units.slice(0, 2).set_column(1, "kind", [["never seen", None]])
    model = fitted(family, Examples(units, whole.positive))
    assert np.isfinite(model.score(unseen)).all()
    assert {c.feature for c in model.explain(units.slice(0, 1))[0]} == {"feature_4", "kind"}


def test_an_explanation_says_how_each_usual_value_would_change_the_score(family: str) -> None:
    given = examples()
    model = fitted(family, given)
    attack = matrix(given)[given.positive][:1]
    usual = np.median(matrix(given.benign()), axis=0)
    (contributions,) = model.explain(rows(attack, given.names, None).units)
    assert len(contributions) == 5
    for contribution in contributions:
        at = given.names.index(contribution.feature)
        changed = attack.copy()
        changed[0, at] = usual[at]
        before, after = (
            model.score(rows(values, given.names, None).units)[0] for values in (attack, changed)
        )
        assert contribution.value == attack[0, at]
        assert contribution.contribution == pytest.approx(before - after)
