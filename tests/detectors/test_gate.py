"""When a challenger replaces the champion."""

import json

import numpy as np
import pytest

from detectors.evaluation.gate import GateDecision, PairedScores, decide
from detectors.evaluation.metrics import Metrics, evaluate
from whetstone.catalog import catalog_pb2
from whetstone.errors import InputError

GATE = catalog_pb2.Gate(min_average_precision=0.3, tolerance=0.01)
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
    return decide(metrics(challenger), metrics(champion), core, verdicts, GATE)


def test_the_first_model_needs_only_the_minimum() -> None:
    passed = decide(metrics(GOOD), None, None, None, GATE)
    assert passed.passed
    assert "no champion" in passed.reasons[1]


def test_a_first_model_below_the_minimum_is_refused() -> None:
    refused = decide(metrics(RNG.permutation(GOOD)), None, None, None, GATE)
    assert not refused.passed
    assert "below the required 0.3000" in refused.reasons[0]


def test_a_model_without_average_precision_is_refused_with_the_reason() -> None:
    nothing = evaluate(np.array([1.0]), np.array([False]), threshold=0.5, seed=0)
    refused = decide(nothing, None, None, None, catalog_pb2.Gate())
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
    assert set(core) == {"average_precision", "balanced_accuracy"}
    for measure in core.values():
        assert (measure["difference"], measure["interval"]) == (0, [0, 0])


def test_a_first_model_that_finds_nothing_at_its_threshold_is_refused() -> None:
    hidden = evaluate(GOOD, POSITIVE, threshold=99.0, seed=0)
    refused = decide(hidden, None, None, None, GATE)
    assert not refused.passed
    assert f"finds none of {POSITIVE.sum()} positive examples" in refused.reasons[0]


def test_an_equal_ranking_behind_a_worse_threshold_is_refused() -> None:
    core = PairedScores(POSITIVE, GOOD, GOOD)
    nearly_hidden = evaluate(GOOD, POSITIVE, threshold=4.5, seed=0)
    assert nearly_hidden.true_positives
    refused = decide(nearly_hidden, metrics(GOOD), core, None, GATE)
    assert not refused.passed
    assert refused.numbers["core"]["average_precision"]["difference"] == 0
    assert refused.numbers["core"]["balanced_accuracy"]["interval"][1] < -GATE.tolerance
    assert any("Balanced accuracy at the threshold" in reason for reason in refused.reasons)


def test_a_threshold_that_hides_everything_is_refused_whatever_the_ranking() -> None:
    core = PairedScores(POSITIVE, GOOD, GOOD)
    hidden = evaluate(GOOD, POSITIVE, threshold=99.0, seed=0)
    refused = decide(hidden, metrics(GOOD), core, None, GATE)
    assert not refused.passed
    assert refused.numbers["core"]["balanced_accuracy"]["challenger"] == pytest.approx(0.5)


def test_a_challenger_better_than_the_champion_still_needs_the_minimum() -> None:
    strict = catalog_pb2.Gate(min_average_precision=0.999)
    core = PairedScores(POSITIVE, GOOD, BAD)
    assert not decide(metrics(GOOD), metrics(BAD), core, None, strict).passed


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
    assert set(refused.numbers["verdicts"]) == {"share_right"}
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
    wide = decide(metrics(BAD), metrics(GOOD), grouped, None, GATE).numbers["core"]
    narrow = decision(BAD, GOOD).numbers["core"]
    for measure in ("average_precision", "balanced_accuracy"):
        assert wide[measure]["interval"] != narrow[measure]["interval"]


def test_both_numbers_are_shown() -> None:
    shown = decision(BAD, GOOD)
    for model, scores in (("challenger", BAD), ("champion", GOOD)):
        measured = metrics(scores)
        assert measured.average_precision is not None
        assert measured.recall is not None
        assert measured.false_positive_rate is not None
        balanced = (measured.recall + 1 - measured.false_positive_rate) / 2
        for number, (measure, value) in enumerate(
            {"average_precision": measured.average_precision, "balanced_accuracy": balanced}.items()
        ):
            assert shown.numbers["core"][measure][model] == pytest.approx(value)
            assert f"{model} {value:.4f}" in shown.reasons[1 + number]
    json.dumps(shown.numbers, allow_nan=False)


def test_a_champion_without_scores_to_compare_by_is_refused() -> None:
    with pytest.raises(InputError, match="core test set"):
        decide(metrics(GOOD), metrics(BAD), None, None, GATE)
