"""What the analysts and the test set say of a model."""

from datetime import timedelta

import pytest
from monitoring_rows import NOON, alerts, verdicts

from detectors.evaluation.metrics import evaluate
from monitoring.quality import QualityResult, quality

EVALUATION = {
    "n": 200,
    "positives": 20,
    "average_precision": 0.9,
    "recall": 0.8,
    "precision": 0.95,
    "f1": 0.87,
    "auc": 0.99,
    "recall_at_fpr": {"0.001": 0.5, "0.01": 0.8},
    "intervals": {"average_precision": [0.85, 0.94], "recall_at_fpr_0.01": [0.7, 0.9]},
    "undefined": {},
    "baselines": {"unseen_vector": {"average_precision": 0.6, "intervals": {}}},
}
TWO = alerts(("a", "berlin", 0), ("b", "paris", 0))


def report(given=verdicts(), raised=TWO, evaluation=EVALUATION) -> QualityResult:  # noqa: B008
    return quality("ssh_bruteforce", "v1", evaluation, given, raised, NOON + timedelta(days=3))


def test_precision_counts_attacks_among_the_alerts_with_a_verdict() -> None:
    given = verdicts(
        ("a", "ana", "true_positive", 1),
        ("b", "ana", "false_positive", 1),
        ("c", "ana", "benign_expected", 1),
        ("d", "ana", "true_positive", 1),
    )
    precision = report(given).precision
    assert precision.value == 0.5
    assert (precision.low, precision.high) == pytest.approx((0.15, 0.85), abs=0.01)


def test_unsure_is_no_label() -> None:
    result = report(verdicts(("a", "ana", "unsure", 1)))
    assert result.labelled_share.value == 0
    assert result.precision.reason == "not computable: no alert with an undisputed verdict"
    assert result.verdict_counts == {"unsure": 1}


def test_analysts_who_disagree_are_a_conflict_and_no_part_of_precision() -> None:
    given = verdicts(
        ("a", "ana", "true_positive", 1),
        ("a", "bo", "false_positive", 2),
        ("b", "ana", "true_positive", 1),
    )
    result = report(given)
    (conflict,) = result.conflicts
    assert conflict.alert_id == "a"
    assert conflict.verdicts == (("ana", "true_positive"), ("bo", "false_positive"))
    assert result.precision.value == 1
    assert result.labelled_share.value == 1
    assert result.verdict == "warn"


def test_an_analyst_who_changes_their_mind_is_no_conflict() -> None:
    given = verdicts(("a", "ana", "true_positive", 1), ("a", "ana", "false_positive", 2))
    result = report(given)
    assert result.conflicts == ()
    assert result.precision.value == 0


def test_two_reasons_why_it_is_no_attack_are_no_conflict() -> None:
    given = verdicts(("a", "ana", "benign_expected", 1), ("a", "bo", "false_positive", 2))
    assert report(given).conflicts == ()


def test_the_label_delay_is_the_median_to_the_first_decisive_verdict() -> None:
    given = verdicts(
        ("a", "ana", "unsure", 1),
        ("a", "ana", "true_positive", 4),
        ("a", "bo", "true_positive", 90),
        ("b", "ana", "true_positive", 6),
    )
    assert report(given).label_delay_hours == 5


def test_precision_and_labels_are_told_by_environment() -> None:
    given = verdicts(("a", "ana", "true_positive", 1))
    berlin, paris = report(given).environments
    assert (berlin.environment, berlin.alerts, berlin.labelled) == ("berlin", 1, 1)
    assert berlin.precision.value == 1
    assert paris.precision.reason.startswith("not computable")


def test_young_alerts_without_a_verdict_are_told_from_old_ones() -> None:
    raised = alerts(("a", "berlin", 0), ("b", "berlin", 71))
    by_age = report(verdicts(("a", "ana", "true_positive", 1)), raised).labelled_by_age
    assert by_age["up to a week"].value == 1
    assert by_age["up to a day"].value == 0
    assert by_age["older"].reason == "not computable: no alerts"


def test_days_without_alerts_count_in_the_alerts_a_day() -> None:
    result = report(raised=alerts(("a", "berlin", 0), ("b", "berlin", 1), ("c", "berlin", 72)))
    assert list(result.alerts_by_day.values()) == [2, 0, 0, 1]
    assert result.alerts_per_day == 0.75


def test_held_out_measures_stand_beside_the_baselines() -> None:
    result = report()
    ranking = result.held_out[0]
    assert (ranking.model.value, ranking.model.low, ranking.model.high) == (0.9, 0.85, 0.94)
    assert ranking.baselines["unseen_vector"].value == 0.6
    assert result.recall_at_fpr[0.01].low == 0.7


def test_a_model_no_better_than_a_baseline_warns() -> None:
    result = report(evaluation=EVALUATION | {"average_precision": 0.6})
    assert "no better than the baseline unseen_vector in average precision" in result.reasons


def test_a_test_set_without_positives_is_not_computable_and_not_a_pass() -> None:
    import numpy as np

    metrics = evaluate(np.linspace(0, 1, 50), np.zeros(50, dtype=bool), 0.5, seed=0).to_dict()
    result = report(evaluation=metrics)
    assert result.held_out[0].model.reason == "not computable: no positive examples"
    assert result.recall_at_fpr[0.001].reason == "not computable: no positive examples"
    assert result.verdict == "warn"


def test_no_evaluation_no_alerts_and_no_verdicts_are_said_so() -> None:
    result = report(raised=alerts(), evaluation={})
    assert result.reasons == (
        "held-out measures not computable: no evaluation",
        "precision not computable: no alert with an undisputed verdict",
        "labelled share not computable: no alerts",
    )
    assert result.alerts_per_day is None
