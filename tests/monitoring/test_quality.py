"""What the analysts and the test set say of a model."""

from datetime import timedelta

import pyarrow as pa
import pytest
from monitoring_rows import NOON, alerts, verdicts

from detectors.evaluation.metrics import evaluate
from monitoring.quality import Evidence, QualityResult, facts_of, quality
from monitoring.quality.blindness import Blindness, Loss
from monitoring.quality.figures import Estimate
from monitoring.quality.retrainings import Published
from whetstone.canaries import CanaryResult

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


def report(given=verdicts(), raised=TWO, evaluation=EVALUATION, **more) -> QualityResult:  # noqa: B008
    evidence = Evidence(evaluation, given, raised, technique="T1110", **more)
    return quality("ssh_bruteforce", "v1", evidence, NOON + timedelta(days=3))


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


def canary(name: str, found: bool, technique: str = "T1110.001") -> CanaryResult:
    return CanaryResult(name, technique, found, 0.2, 0.5, "" if found else "the score is 0.2")


def a_release(version: str, recall: float, n: int = 200, **more) -> Published:
    metrics = {"n": n, "recall": recall, "intervals": {"recall": [recall - 0.05, recall + 0.05]}}
    return Published(version, NOON, more.get("withdrawn", False), metrics)


def blind(share: float, environment: str = "berlin", lines: float = 100) -> Blindness:
    losses = {name: Loss(None, "not known") for name in ("rejected", "silent", "dropped", "late")}
    return Blindness(environment, "2026-11-20", lines, {**losses, "silent": Loss(share, "hours")})


GOOD = verdicts(*[(str(n), "ana", "true_positive", 1) for n in range(20)])


def test_a_missed_canary_is_bad_and_named_with_the_reason() -> None:
    result = report(GOOD, canaries=[canary("spraying", True), canary("guessing", False)])
    assert result.verdict == "bad"
    assert result.reasons[0] == "1 of 2 canaries are missed (guessing: the score is 0.2)"
    assert result.missed_canaries == ("guessing",)


@pytest.mark.parametrize(
    ("parts", "verdict", "share"),
    [
        ([blind(0.1)], "ok", 0.1),
        ([blind(0.3)], "bad", 0.3),
        ([blind(0.9), blind(0.0, "oslo", 1_900)], "warn", 0.045),
        ([Blindness("berlin", "2026-11-20", 9, {"late": Loss(None, "")})], "ok", None),
    ],
)
def test_a_fifth_of_the_traffic_unseen_is_bad_and_a_blind_site_is_a_warning(
    parts: list[Blindness], verdict: str, share: float | None
) -> None:
    result = report(GOOD, blindness=parts)
    assert (result.verdict, result.blind_share) == (verdict, pytest.approx(share))


def test_precision_that_verdicts_rule_out_is_bad_and_one_that_they_do_not_is_not() -> None:
    wrong = verdicts(*[(str(n), "ana", "false_positive", 1) for n in range(60)])
    few = verdicts(("a", "ana", "false_positive", 1))
    assert report(wrong, floor=0.1).verdict == "bad"
    assert report(few, floor=0.1).verdict == "ok"
    assert report(wrong).verdict == "ok"


def test_a_random_slice_that_rules_the_precision_out_is_bad_whatever_the_queue_says() -> None:
    attacks = verdicts(*[(str(n), "ana", "true_positive", 1) for n in range(60)])
    result = report(attacks, sampled=Estimate(0.02, 0.0, 0.08), floor=0.1)
    assert result.verdict == "bad"
    assert result.reasons[0] == (
        "precision by the random slice is 0.020, at most 0.080: below the 0.1 that is asked for"
    )
    assert facts_of(result)["sampled_precision"] == {"value": 0.02, "low": 0.0, "high": 0.08}


@pytest.mark.parametrize(
    ("releases", "verdict"),
    [
        ([a_release("v0", 0.9), a_release("v1", 0.8)], "bad"),
        ([a_release("v0", 0.9), a_release("v1", 0.86)], "ok"),
        ([a_release("v0", 0.9, n=100), a_release("v1", 0.8)], "ok"),
        ([a_release("v0", 0.9, withdrawn=True), a_release("v1", 0.8)], "ok"),
        ([a_release("v1", 0.8), a_release("v2", 0.9, withdrawn=True)], "ok"),
    ],
)
def test_core_recall_that_fell_beyond_its_interval_is_bad(
    releases: list[Published], verdict: str
) -> None:
    assert report(GOOD, published=releases).verdict == verdict


def test_recall_is_told_by_technique_and_by_class() -> None:
    planted = [canary("a", True), canary("b", False), canary("c", True, "T1110.003")]
    classes = {"guessing": (8, 10), "stuffing": (1, 4)}
    found = report(GOOD, canaries=planted, classes=classes).techniques
    assert [(t.technique, t.what, t.examples, t.recall.value) for t in found] == [
        ("T1110", "core test set", 20, 0.8),
        ("T1110", "class guessing, validation", 10, 0.8),
        ("T1110", "class stuffing, validation", 4, 0.25),
        ("T1110.001", "canaries", 2, 0.5),
        ("T1110.003", "canaries", 1, 1.0),
    ]


def raised(*rows: tuple[str, str, float | None, str]) -> pa.Table:
    """Alerts of (id, way, seconds from the unit's start to the alert, model version)."""
    return pa.Table.from_pylist(
        [
            {
                "alert_id": name,
                "environment": "berlin",
                "event_timestamp": NOON,
                "unit_start": NOON,
                "raised": None if seconds is None else NOON + timedelta(seconds=seconds),
                "way": way,
                "live": way == "live",
                "model_version": version,
            }
            for name, way, seconds, version in rows
        ]
    )


def test_time_to_detect_is_that_of_attacks_and_live_apart_from_batch() -> None:
    rows = raised(
        ("a", "live", 10, "v1"),
        ("b", "live", 30, "v1"),
        ("c", "live", 9_000, "v1"),
        ("d", "batch", 86_400, "v1"),
        ("e", "batch", None, "v1"),
    )
    given = verdicts(
        *((name, "ana", "true_positive", 1) for name in "ab"), ("c", "ana", "false_positive", 1)
    )
    live, batch = report(given, rows).time_to_detect
    assert (live.way, live.alerts, live.attacks, live.median_seconds) == ("live", 2, True, 20)
    assert (batch.way, batch.alerts, batch.attacks) == ("batch", 1, False)


def test_each_release_has_the_verdicts_on_its_own_alerts() -> None:
    rows = raised(("a", "batch", 1, "v0"), ("b", "batch", 1, "v1"), ("c", "batch", 1, "v1"))
    given = verdicts(("a", "ana", "false_positive", 1), ("b", "ana", "true_positive", 1))
    before, now = report(
        given, rows, published=[a_release("v0", 0.7), a_release("v1", 0.8)]
    ).retrainings
    assert (before.alerts, before.precision.value, before.recall.value) == (1, 0, 0.7)
    assert (now.alerts, now.labelled.value, now.precision.value) == (2, 0.5, 1)


def test_a_challenger_in_shadow_is_compared_on_the_stream_that_both_saw() -> None:
    rows = raised(("both", "live", 1, "v1"), ("ours", "live", 1, "v1"), ("batch", "batch", 1, "v1"))
    records = [
        {"alert_id": name, "environment": "berlin", "event_timestamp": NOON, "model_version": "v2"}
        for name in ("both", "theirs")
    ]
    given = verdicts(("both", "ana", "true_positive", 1), ("ours", "ana", "false_positive", 1))
    told = report(given, rows, shadow=records).shadow
    assert told is not None
    assert (told.version, told.both, told.champion, told.challenger) == ("v2", 1, 1, 1)
    assert (told.precision_both.value, told.precision_champion.value) == (1, 0)


def test_the_gate_s_pairs_are_read_and_other_numbers_left_out() -> None:
    pair = {"challenger": 0.9, "champion": 0.8, "difference": 0.1, "interval": [0.05, 0.15]}
    numbers = {"tolerance": 0.01, "core": {"average_precision": pair, "decisions": {"all": {}}}}
    (told,) = report(gate=numbers).gate
    assert (told.examples, told.measure) == ("core", "average_precision")
    assert (told.difference.value, told.difference.low) == (pytest.approx(0.1), 0.05)


def test_the_facts_hold_what_others_read() -> None:
    estimated = {"confidence": Estimate(None, reason="few"), "tail": Estimate(0.6, 0.4, 0.8)}
    facts = facts_of(report(GOOD, estimated=estimated, canaries=[canary("guessing", False)]))
    assert facts["verdict"] == "bad"
    assert facts["precision"]["value"] == 1
    assert facts["estimated_precision"] == {"value": 0.6, "low": 0.4, "high": 0.8}
    assert facts["estimated_by"] == "tail"
    assert facts["core_recall"]["value"] == 0.8
    assert facts["canaries"] == {"planted": 1, "found": 0, "missed": ["guessing"]}
    assert facts["time_to_detect_seconds"] is None
