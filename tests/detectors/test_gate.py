"""When a challenger replaces the champion."""

import json

import numpy as np
import pytest

from detectors.evaluation.comparison import PairedScores
from detectors.evaluation.gate import CanaryFindings, Evidence, GateDecision, Rules, decide
from detectors.evaluation.metrics import Metrics, evaluate
from detectors.evaluation.shadow import ShadowAlerts
from whetstone.catalog import catalog_pb2
from whetstone.errors import InputError

GATE = catalog_pb2.Gate(min_average_precision=0.3, tolerance=0.01)
RULES = Rules(GATE, budget=0.1)
NOTHING = Evidence()
RNG = np.random.default_rng(0)
POSITIVE = RNG.random(1500) < 0.15
GOOD = RNG.normal(size=1500) + 2.5 * POSITIVE
NEARLY = GOOD + 0.02 * RNG.normal(size=1500)
BAD = RNG.normal(size=1500) + 1.2 * POSITIVE


def metrics(scores: np.ndarray) -> Metrics:
    return evaluate(scores, POSITIVE, threshold=1.5, seed=0)


def decision(
    challenger: np.ndarray, champion: np.ndarray, verdicts: PairedScores | None = None
) -> GateDecision:
    core = PairedScores(POSITIVE, challenger, champion)
    evidence = Evidence(core=core, verdicts=verdicts)
    return decide(metrics(challenger), metrics(champion), evidence, RULES)


def test_the_first_model_needs_only_the_minimum() -> None:
    passed = decide(metrics(GOOD), None, NOTHING, RULES)
    assert passed.passed
    assert "no champion" in passed.reasons[-1]
    assert passed.refusals == []


def test_a_first_model_below_the_minimum_is_refused() -> None:
    refused = decide(metrics(RNG.permutation(GOOD)), None, NOTHING, RULES)
    assert not refused.passed
    assert "below the required 0.3000" in refused.reasons[0]


def test_a_model_without_average_precision_is_refused_with_the_reason() -> None:
    nothing = evaluate(np.array([1.0]), np.array([False]), threshold=0.5, seed=0)
    refused = decide(nothing, None, NOTHING, Rules(catalog_pb2.Gate(), 0.1))
    assert not refused.passed
    assert "no positive examples" in refused.reasons[0]


def test_a_better_challenger_passes_and_a_worse_one_does_not() -> None:
    assert decision(GOOD, BAD).passed
    refused = decision(BAD, GOOD)
    assert not refused.passed
    lost = refused.numbers["core"]["average_precision"]
    assert lost["difference"] < 0
    assert lost["interval"][1] < -GATE.tolerance


def test_a_loss_within_the_interval_passes() -> None:
    for challenger, champion in ((NEARLY, GOOD), (GOOD, NEARLY)):
        assert decision(challenger, champion).passed


def test_an_equal_challenger_differs_by_exactly_nothing() -> None:
    core = decision(GOOD, GOOD).numbers["core"]
    for measure in ("average_precision", "balanced_accuracy"):
        assert (core[measure]["difference"], core[measure]["interval"]) == (0, [0, 0])
    for test in core["decisions"].values():
        assert (test["b"], test["c"], test["p"], test["lost"]) == (0, 0, 1, 0)


def test_a_first_model_that_finds_nothing_at_its_threshold_is_refused() -> None:
    hidden = evaluate(GOOD, POSITIVE, threshold=99.0, seed=0)
    refused = decide(hidden, None, NOTHING, RULES)
    assert not refused.passed
    assert f"finds none of {POSITIVE.sum()} positive examples" in refused.reasons[0]


def test_an_equal_ranking_behind_a_worse_threshold_is_refused() -> None:
    core = PairedScores(POSITIVE, GOOD, GOOD)
    nearly_hidden = evaluate(GOOD, POSITIVE, threshold=4.5, seed=0)
    assert nearly_hidden.true_positives
    refused = decide(nearly_hidden, metrics(GOOD), Evidence(core=core), RULES)
    assert not refused.passed
    assert refused.numbers["core"]["average_precision"]["difference"] == 0
    assert refused.numbers["core"]["balanced_accuracy"]["interval"][1] < -GATE.tolerance
    assert any("Balanced accuracy at the threshold" in reason for reason in refused.reasons)


def test_a_threshold_that_hides_everything_is_refused_whatever_the_ranking() -> None:
    core = PairedScores(POSITIVE, GOOD, GOOD)
    hidden = evaluate(GOOD, POSITIVE, threshold=99.0, seed=0)
    refused = decide(hidden, metrics(GOOD), Evidence(core=core), RULES)
    assert not refused.passed
    assert refused.numbers["core"]["balanced_accuracy"]["challenger"] == pytest.approx(0.5)


def test_a_challenger_better_than_the_champion_still_needs_the_minimum() -> None:
    strict = Rules(catalog_pb2.Gate(min_average_precision=0.999), budget=0.1)
    core = PairedScores(POSITIVE, GOOD, BAD)
    assert not decide(metrics(GOOD), metrics(BAD), Evidence(core=core), strict).passed


def test_a_challenger_that_is_worse_on_recent_verdicts_is_refused() -> None:
    verdicts = PairedScores(POSITIVE, BAD, GOOD)
    refused = decision(GOOD, BAD, verdicts)
    assert refused.numbers["core"]["average_precision"]["difference"] > 0
    assert not refused.passed
    assert refused.numbers["verdicts"]["average_precision"]["interval"][1] < -GATE.tolerance
    assert any("recent verdicts" in reason for reason in refused.reasons)


def test_verdicts_of_one_class_are_compared_by_the_share_judged_rightly() -> None:
    benign = np.zeros(200, dtype=bool)
    quiet, loud = np.zeros(200), np.full(200, 5.0)
    refused = decision(GOOD, GOOD, PairedScores(benign, loud, quiet))
    assert set(refused.numbers["verdicts"]) == {"share_right", "decisions"}
    assert refused.numbers["verdicts"]["share_right"]["difference"] == -1
    assert not refused.passed
    assert decision(GOOD, GOOD, PairedScores(benign, quiet, loud)).passed


def test_no_verdicts_are_said_so_and_hold_nothing_back() -> None:
    empty = PairedScores(np.zeros(0, dtype=bool), np.zeros(0), np.zeros(0))
    for verdicts in (None, empty):
        passed = decision(GOOD, GOOD, verdicts)
        assert passed.passed
        assert "verdicts" not in passed.numbers
        assert "no recent verdicts" in passed.reasons[-1]


def test_dependent_examples_make_the_gate_less_sure() -> None:
    groups = np.repeat(np.arange(15), 100)
    grouped = PairedScores(POSITIVE, BAD, GOOD, groups)
    wide = decide(metrics(BAD), metrics(GOOD), Evidence(core=grouped), RULES).numbers["core"]
    narrow = decision(BAD, GOOD).numbers["core"]
    for measure in ("average_precision", "balanced_accuracy"):
        assert wide[measure]["interval"] != narrow[measure]["interval"]


def test_both_numbers_are_shown() -> None:
    shown = decision(BAD, GOOD)
    told = " ".join(shown.reasons)
    for model, scores in (("challenger", BAD), ("champion", GOOD)):
        measured = metrics(scores)
        assert measured.average_precision is not None
        assert measured.recall is not None
        assert measured.false_positive_rate is not None
        balanced = (measured.recall + 1 - measured.false_positive_rate) / 2
        for measure, value in {
            "average_precision": measured.average_precision,
            "balanced_accuracy": balanced,
        }.items():
            assert shown.numbers["core"][measure][model] == pytest.approx(value)
            assert f"{model} {value:.4f}" in told
    json.dumps(shown.numbers, allow_nan=False)


def test_a_champion_without_scores_to_compare_by_is_refused() -> None:
    with pytest.raises(InputError, match="core test set"):
        decide(metrics(GOOD), metrics(BAD), NOTHING, RULES)


def test_few_attacks_that_are_lost_for_certain_refuse_although_benign_examples_drown_them() -> None:
    positive = np.arange(5000) < 20
    champion = np.where(positive, 5.0, 0.0)
    challenger = np.where(positive & (np.arange(5000) >= 8), 5.0, 0.0)
    pair = PairedScores(positive, challenger, champion)
    refused = decided(pair)
    assert not refused.passed
    tests = refused.numbers["core"]["decisions"]
    assert (tests["attacks"]["b"], tests["attacks"]["c"]) == (8, 0)
    assert tests["attacks"]["p"] == pytest.approx(2 * 0.5**8)
    assert tests["attacks"]["lost"] == pytest.approx(0.4)
    assert tests["all"]["lost"] < GATE.tolerance


def test_a_kind_of_attack_that_is_found_no_more_refuses_by_name_whatever_the_average_says() -> None:
    positive = np.arange(4000) < 2000
    labels = np.where(np.arange(4000) < 30, "rare", np.where(positive, "common", "benign"))
    champion = np.where(positive & (np.arange(4000) % 4 > 0), 5.0, 0.0)
    # It finds many more of the common ones, and none of the rare ones.
    challenger = np.where(positive & (np.arange(4000) >= 30), 5.0, 0.0)
    pair = PairedScores(positive, challenger, champion, labels=labels)
    refused = decided(pair)
    assert refused.numbers["core"]["balanced_accuracy"]["difference"] > 0
    assert not refused.passed
    assert any("label rare" in reason for reason in refused.refusals)
    assert decided(pair.where(labels != "rare")).passed


def test_what_one_class_loses_the_other_may_outweigh() -> None:
    positive = np.arange(2000) < 1000
    place = np.arange(2000) % 1000
    champion = np.where(place < 900, 5.0, 0.0)  # finds 900, and 900 are false alarms
    wanted = np.where(positive, place < 850, place < 100)
    pair = PairedScores(positive, np.where(wanted, 5.0, 0.0), champion)
    traded = decided(pair)
    assert traded.numbers["core"]["decisions"]["attacks"]["lost"] == pytest.approx(0.05)
    assert traded.numbers["core"]["decisions"]["attacks"]["p"] < 0.05
    assert any("outweighed" in reason for reason in traded.reasons)
    assert "core" not in " ".join(traded.refusals)


def test_what_was_added_to_the_core_test_set_hides_no_loss_on_what_was_there_before() -> None:
    older = PairedScores(POSITIVE, BAD, GOOD)
    core = PairedScores(POSITIVE, GOOD, BAD)
    refused = decide(metrics(GOOD), metrics(BAD), Evidence(core=core, established=older), RULES)
    assert not refused.passed
    assert any("held before" in reason for reason in refused.refusals)


def test_a_budget_that_does_not_hold_on_the_test_refuses_a_first_model() -> None:
    noisy = evaluate(GOOD, POSITIVE, threshold=0.0, seed=0)
    refused = decide(noisy, None, NOTHING, Rules(GATE, budget=0.01))
    assert not refused.passed
    budget = refused.numbers["budget"]
    assert budget["low"] > budget["limit"] == pytest.approx(0.02)
    assert "contribute benign activity" in refused.refusals[0]
    assert decide(noisy, None, NOTHING, Rules(GATE, budget=0.5)).passed


def test_a_budget_that_the_champion_misses_as_well_does_not_keep_the_champion() -> None:
    core = PairedScores(POSITIVE, GOOD, GOOD)
    noisy, noisier = (evaluate(GOOD, POSITIVE, threshold=t, seed=0) for t in (0.5, 0.0))
    rules = Rules(catalog_pb2.Gate(tolerance=0.01), budget=0.01)
    assert decide(noisy, noisier, Evidence(core=core), rules).passed
    assert not decide(noisier, noisy, Evidence(core=core), rules).passed


CANARIES = ("dump", "spray")


@pytest.mark.parametrize(
    ("challenger", "champion", "passes"),
    [
        (CANARIES, None, True),
        (("dump",), None, False),
        (CANARIES, CANARIES, True),
        (("dump",), CANARIES, False),
        (("dump",), ("dump",), True),
        (("dump",), ("spray",), False),
        (CANARIES, (), True),
    ],
)
def test_a_canary_that_was_found_has_to_be_found(challenger, champion, passes) -> None:
    found = CanaryFindings(
        CANARIES, frozenset(challenger), None if champion is None else frozenset(champion)
    )
    core = PairedScores(POSITIVE, GOOD, GOOD)
    before = None if champion is None else metrics(GOOD)
    decided = decide(metrics(GOOD), before, Evidence(core=core, canaries=found), RULES)
    assert decided.passed == passes
    missed = [name for name in CANARIES if name not in challenger]
    assert decided.numbers["canaries"]["missed"] == missed
    for name in missed if not passes else ():
        assert name in decided.refusals[0]


def shadow(challenger: range, champion: range, verdicts: dict[int, bool] | None = None):
    return ShadowAlerts(
        frozenset(map(str, challenger)),
        frozenset(map(str, champion)),
        {str(alert): attack for alert, attack in (verdicts or {}).items()},
        ("oslo",),
        3,
    )


@pytest.mark.parametrize(
    ("alerts", "passes"),
    [
        (shadow(range(30), range(30)), True),
        (shadow(range(80), range(30)), True),
        (shadow(range(160), range(30)), False),
        (shadow(range(4), range(1)), True),
        (shadow(range(160), range(30), dict.fromkeys(range(160), True)), True),
        (shadow(range(10), range(30), dict.fromkeys(range(30), True)), False),
        (shadow(range(10), range(30), dict.fromkeys(range(30), False)), True),
        (shadow(range(0), range(0)), True),
    ],
    ids=[
        "equal",
        "not yet three times",
        "five times",
        "too few to tell",
        "many, and right",
        "misses what was right",
        "silent where it was wrong",
        "nothing",
    ],
)
def test_what_a_challenger_said_in_shadow_counts(alerts: ShadowAlerts, passes: bool) -> None:
    core = PairedScores(POSITIVE, GOOD, GOOD)
    decided = decide(metrics(GOOD), metrics(GOOD), Evidence(core=core, shadow=alerts), RULES)
    assert decided.passed == passes
    assert decided.numbers["shadow"]["alerts"]["challenger"] == len(alerts.challenger)
    assert any("In shadow in oslo (3 days" in reason for reason in decided.reasons)
    json.dumps(decided.numbers, allow_nan=False)


def decided(pair: PairedScores) -> GateDecision:
    both = (
        evaluate(scores, pair.positive, threshold=1.5, seed=0)
        for scores in (pair.challenger, pair.champion)
    )
    return decide(*both, Evidence(core=pair), RULES)
