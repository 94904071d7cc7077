"""The rules of evaluation, from a training set to a judged model; and real HDFS sessions."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from detector_examples import detector, examples, hdfs_training_set

from detectors.interface import Training
from detectors.training import Trained, train
from whetstone.errors import InputError, TrainingError
from whetstone.scoring.onnx import OnnxScorer

NAMES = examples().names
FAMILIES = ("gradient_boosting", "pca_spe", "isolation_forest")


def training_set(n: int = 900, **columns: object) -> pa.Table:
    given = examples(n)
    splits = np.array(["train", "train", "validation", "test", "verdicts", "train"])
    table = {name: given.units.column(name) for name in NAMES}
    table |= {
        "environment": ["site"] * n,
        "unit": [f"host-{at % 97}" for at in range(n)],
        "positive": given.positive,
        "split": splits[np.arange(n) % 6],
    }
    return pa.table(table | columns)


def rows_of(table: pa.Table, *splits: str) -> pa.Table:
    return table.filter(pa.array([split in splits for split in table["split"].to_pylist()]))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_detector_is_trained_and_judged_beside_the_baselines(family: str) -> None:
    told: list[str] = []
    trained = train(detector(family, NAMES), training_set(), Training(3, say=told.append))
    assert trained.counts["train"]["n"] == 450
    assert set(trained.metrics) == {"test", "validation", "verdicts"}
    assert set(trained.baselines) == {
        "unseen_vector", "largest_deviation", "total", "nearest_benign",
    }  # fmt: skip
    assert trained.metrics["test"].average_precision > 0.8
    assert trained.metrics["test"].n == 150
    assert trained.metrics["test"].groups == 97
    assert len(told) == 3
    shown = json.loads(json.dumps(trained.to_dict(), allow_nan=False))
    assert shown["metrics"]["test"]["threshold"] == shown["threshold"] == trained.threshold


def test_the_threshold_keeps_the_budget_on_benign_validation_examples() -> None:
    trained = train(
        detector("pca_spe", NAMES, max_false_positive_rate=0.05), training_set(), Training(0)
    )
    validation = trained.metrics["validation"]
    assert 0 < validation.false_positive_rate <= 0.05


def test_the_family_s_own_threshold_is_used_where_a_significance_is_given() -> None:
    trained = train(detector("pca_spe", NAMES, significance=0.01), training_set(), Training(0))
    assert trained.threshold == trained.model.threshold(0.01)


@pytest.mark.parametrize("family", FAMILIES)
def test_test_examples_and_verdicts_change_neither_model_nor_threshold(family: str) -> None:
    whole = training_set()
    seen = train(detector(family, NAMES), whole, Training(0))
    unseen = train(detector(family, NAMES), rows_of(whole, "train", "validation"), Training(0))
    assert unseen.model.export() == seen.model.export()
    assert unseen.threshold == seen.threshold
    assert unseen.metrics["test"].undefined["auc"] == "no examples"
    assert "verdicts" not in unseen.metrics


@pytest.mark.parametrize("family", FAMILIES)
def test_validation_attacks_do_not_move_the_threshold(family: str) -> None:
    whole = training_set()
    attacks = np.array(whole["positive"]) & (np.array(whole["split"]) == "validation")
    without = train(detector(family, NAMES), whole.filter(pa.array(~attacks)), Training(0))
    assert without.threshold == train(detector(family, NAMES), whole, Training(0)).threshold


def test_equal_tables_and_seeds_give_equal_results() -> None:
    first, again = (
        train(detector("isolation_forest", NAMES), training_set(), Training(5)) for _ in "12"
    )
    assert first.model.export() == again.model.export()
    assert first.to_dict() == again.to_dict()


def test_the_graph_carries_what_explanations_compare_with() -> None:
    table = training_set()
    trained = train(detector("gradient_boosting", NAMES), table, Training(0))
    benign = rows_of(table, "train").filter(pa.compute.invert(rows_of(table, "train")["positive"]))
    medians = {name: float(np.median(benign[name])) for name in NAMES}
    assert OnnxScorer(trained.model.export()).baselines == pytest.approx(medians)


def test_no_benign_validation_examples_say_what_to_contribute() -> None:
    with pytest.raises(TrainingError, match="no benign validation examples"):
        train(detector("pca_spe", NAMES), rows_of(training_set(), "train", "test"), Training(0))


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"feature_2": [["text"]] * 900}, "feature_2 is list"),
        ({"split": ["training"] * 900}, "Unknown split training"),
        ({"positive": pa.nulls(900, pa.bool_())}, "rows without 'positive'"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(columns: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        train(detector("pca_spe", NAMES), training_set(**columns), Training(0))


def test_a_missing_feature_is_named() -> None:
    with pytest.raises(InputError, match="no feature bytes_out"):
        train(detector("pca_spe", ("feature_0", "bytes_out")), training_set(), Training(0))


@pytest.fixture(scope="module")
def hdfs(real_data: Path) -> dict[str, Trained]:
    table, names = hdfs_training_set(real_data)
    return {
        family: train(detector(family, names, max_false_positive_rate=0.005), table, Training(0))
        for family in ("pca_spe", "gradient_boosting")
    }


def test_pca_finds_anomalous_hdfs_sessions_far_beyond_chance_and_counting(
    hdfs: dict[str, Trained],
) -> None:
    # A check that nothing broke, not an estimate: the scaling was chosen on these sessions.
    test = hdfs["pca_spe"].metrics["test"]
    low, _ = test.intervals["average_precision"]
    counting = hdfs["pca_spe"].baselines["total"]
    assert low > 0.95 > counting.average_precision
    assert test.f1 > 0.9 > counting.f1
    assert test.false_positive_rate < 0.01


def test_boosting_learns_from_a_few_dozen_anomalous_hdfs_sessions(hdfs: dict[str, Trained]) -> None:
    test = hdfs["gradient_boosting"].metrics["test"]
    assert test.average_precision > 0.8
    assert hdfs["gradient_boosting"].counts["train"]["positives"] < 80
