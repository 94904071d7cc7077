"""What is particular to one model family, and how families are found."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from detector_examples import FAMILIES, detector, examples, matrix, rows
from hypothesis import given
from hypothesis import strategies as st

import detectors
from detectors import code_version, family_of
from detectors.gradient_boosting import GradientBoosting
from detectors.interface import GraphModel, Training
from detectors.isolation_forest import IsolationForest
from detectors.pca_spe import PcaSpe, fit_subspace
from detectors.tabular import Matrix
from detectors.trees import floor_float32
from whetstone.catalog import catalog_pb2
from whetstone.catalog import families as catalog_families
from whetstone.errors import CatalogError, TrainingError


def correlated(n: int, seed: int) -> np.ndarray:
    """Benign units of twelve features that are driven by three causes, and a constant one."""
    mixture = np.random.default_rng(0).normal(size=(3, 12))
    rng = np.random.default_rng(seed)
    logarithms = rng.normal(size=(n, 3)) @ mixture + 0.1 * rng.normal(size=(n, 12)) + 8
    return np.column_stack([np.expm1(logarithms), np.zeros(n)]).astype(np.float32)


def fitted_pca():
    names = tuple(f"f{at}" for at in range(13))
    family = family_of(detector("pca_spe"))
    return family.fit(rows(correlated(4000, seed=1), names, None), Training(0))


def scored(model: GraphModel, features: np.ndarray) -> np.ndarray:
    """Scores of a matrix (n, d)."""
    return model.score(rows(features, model.scorer.names, None).units)


@pytest.mark.parametrize("significance", [0.05, 0.01])
def test_the_q_statistic_is_exceeded_as_often_as_its_significance_says(significance: float) -> None:
    model = fitted_pca()
    exceeded = scored(model, correlated(20_000, seed=2)) >= model.threshold(significance)
    assert exceeded.mean() == pytest.approx(significance, rel=0.35)


def test_a_stricter_significance_has_a_higher_threshold() -> None:
    model = fitted_pca()
    assert model.threshold(0.001) > model.threshold(0.01) > model.threshold(0.5)


def test_a_feature_never_seen_in_training_raises_the_pca_score() -> None:
    model = fitted_pca()
    usual = correlated(50, seed=3)
    with_new = usual.copy()
    with_new[:, 12] = 1
    np.testing.assert_allclose(
        scored(model, with_new) - scored(model, usual), np.log(2) ** 2, rtol=1e-4
    )


def test_where_benign_examples_follow_a_rule_exactly_whatever_breaks_it_is_found() -> None:
    exact = np.repeat(np.arange(40, dtype=np.float32), 2).reshape(40, 2)
    model = family_of(detector("pca_spe")).fit(rows(exact, ("a", "b"), None), Training(0))
    threshold = model.threshold(0.01)
    assert (scored(model, exact) < threshold).all()
    assert scored(model, np.array([[7, 8], [200, 199]])).min() >= threshold


@pytest.mark.parametrize("family", ["gradient_boosting", "isolation_forest"])
def test_a_family_without_a_threshold_of_its_own_says_so(family: str) -> None:
    model = family_of(detector(family)).fit(examples(), Training(0))
    with pytest.raises(TrainingError, match="max_false_positive_rate"):
        model.threshold(0.01)


def test_supervised_training_without_attacks_says_what_to_contribute() -> None:
    with pytest.raises(TrainingError, match="no positive training example: contribute"):
        family_of(detector("gradient_boosting")).fit(examples().benign(), Training(0))


@pytest.mark.parametrize("start", [0.1, 1.7e9, -3.3])
def test_trees_tell_neighbouring_float32_apart(start: float) -> None:
    values = [np.float32(start)]
    for _ in range(9):
        values.append(np.nextafter(values[-1], np.float32(np.inf)))
    features = np.repeat(np.array(values, dtype=np.float32), 40)[:, None]
    positive = np.arange(400) // 40 % 2 == 1
    family = GradientBoosting(catalog_pb2.GradientBoosting(iterations=50))
    model = family.fit(rows(features, ("f",), positive), Training(0))
    assert ((scored(model, features) > 0.5) == positive).all()


@given(st.floats(allow_nan=False), st.floats(allow_nan=False, width=32))
def test_a_lowered_threshold_decides_every_float32_as_before(threshold: float, x: float) -> None:
    lowered = floor_float32(np.array([threshold]))[0]
    assert (np.float32(x) <= lowered) == (x <= threshold)


def reference_scores(family_name: str, given: Matrix, asked: np.ndarray) -> np.ndarray:
    """Scores of the same model computed without the graph."""
    family = family_of(detector(family_name))
    if isinstance(family, GradientBoosting):
        return family.fit_classifier(given, 1).predict_proba(asked)[:, 1]
    if isinstance(family, IsolationForest):
        return -family.fit_forest(given, 1).score_samples(asked)
    assert isinstance(family, PcaSpe)
    space = fit_subspace(given, 0.95)
    logarithmic = np.sign(asked) * np.log1p(np.abs(asked, dtype=float))
    scaled = (logarithmic - space.scale.mean) / space.scale.divisor
    return ((scaled @ space.residual) ** 2).sum(axis=1)


@pytest.mark.parametrize("family", ["gradient_boosting", "isolation_forest", "pca_spe"])
def test_the_graph_scores_as_the_trained_model_does(family: str) -> None:
    asked = matrix(examples(n=2000, seed=2))
    model = family_of(detector(family)).fit(examples(), Training(1))
    expected = reference_scores(family, Matrix.of(examples()), asked)
    np.testing.assert_allclose(scored(model, asked), expected, rtol=2e-6, atol=2e-7)


def test_a_definition_without_a_family_is_refused() -> None:
    with pytest.raises(CatalogError, match="'nameless' names no model family"):
        family_of(catalog_pb2.Detector(name="nameless"))


def test_all_families_of_the_catalog_can_be_trained() -> None:
    assert set(catalog_families.FAMILIES) == set(FAMILIES)
    for family in FAMILIES:
        assert family_of(detector(family)) is not None


def test_code_versions_differ_by_family_and_load_no_training_library() -> None:
    code = (
        "import sys, detectors;"
        f"print(len({{detectors.code_version(name) for name in {FAMILIES}}}));"
        "print(sorted({'sklearn', 'onnx', 'onnxruntime', 'torch'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:2] == [str(len(FAMILIES)), "[]"]


@pytest.mark.parametrize(
    ("module", "edit", "changed"),
    [
        ("detectors/pca_spe.py", ("_ROUNDING = 1e-12", "_ROUNDING = 1e-13"), {"pca_spe"}),
        ("detectors/pca_spe.py", ("# The fewest", "# Fewest"), set()),
        ("detectors/pca_spe.py", ('"""PCA on benign', '"""It is PCA on benign'), set()),
        (
            "detectors/trees.py",
            ('"BRANCH_LEQ"', '"BRANCH_LT"'),
            {"gradient_boosting", "isolation_forest", "random_forest"},
        ),
        ("whetstone/scoring/batches.py", ("_BLOCK = 4096", "_BLOCK = 2048"), set(FAMILIES)),
        ("detectors/evaluation/metrics.py", ("RESAMPLES = 200", "RESAMPLES = 300"), set(FAMILIES)),
    ],
)
def test_a_family_has_a_new_code_version_when_code_it_uses_changes(
    tmp_path, monkeypatch: pytest.MonkeyPatch, module: str, edit: tuple[str, str], changed: set[str]
) -> None:
    root = detectors._ROOT
    before = {family: code_version(family) for family in FAMILIES}
    for folder in ("detectors", "whetstone/scoring"):
        shutil.copytree(root / folder, tmp_path / folder)
    source = (tmp_path / module).read_text()
    assert edit[0] in source
    (tmp_path / module).write_text(source.replace(*edit))
    monkeypatch.setattr(detectors, "_ROOT", tmp_path)
    assert {family for family in FAMILIES if code_version(family) != before[family]} == changed
