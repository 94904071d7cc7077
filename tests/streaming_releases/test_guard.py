"""Probations of real models: when they end, how, and what outlives the process."""

from pathlib import Path

import numpy as np
import pytest

from tests.streaming_releases.probed_models import (
    DETECTOR,
    benign,
    scored,
    scorer,
    silently,
    unfinished,
)
from whetstone.errors import ReleaseError
from whetstone.streaming.flow import Scored
from whetstone.streaming.serving.guard import Guard, Outcome

GOOD, NEW, SPOILT = scorer(1.0), scorer(2.0), scorer(1.01, threshold=-1.0)


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    return Guard(tmp_path / "guard.json")


def outcome_of(guard: Guard, *given: Scored) -> Outcome | None:
    outcomes = [outcome for one in given if (outcome := guard.take(one))]
    return outcomes[0] if outcomes else None


def test_a_good_model_stands_its_probation(guard: Guard):
    guard.begin(NEW, GOOD)
    loads = benign(5_000, seed=2)
    outcome = outcome_of(guard, silently(scored(GOOD, loads)), scored(NEW, loads))
    assert outcome is not None
    assert (outcome.detector, outcome.version, outcome.before) == (
        DETECTOR,
        NEW.version,
        GOOD.version,
    )
    assert outcome.judgement.within
    assert not guard.refused
    assert not guard.unfinished


def test_a_model_whose_alerts_pour_out_is_refused_before_the_stated_units(guard: Guard):
    guard.begin(SPOILT, GOOD)
    loads = benign(300, seed=2)
    outcome = outcome_of(guard, silently(scored(GOOD, loads)), scored(SPOILT, loads))
    assert outcome is not None
    assert not outcome.judgement.within
    assert "alerts are" in outcome.judgement.reason
    assert guard.refused == {DETECTOR: {SPOILT.version}}


def test_alerts_of_one_entity_count_once(guard: Guard):
    guard.begin(SPOILT, GOOD)
    loads = benign(300, seed=2)
    before, noisy = (scored(model, loads, entity="192.0.2.1") for model in (GOOD, SPOILT))
    assert outcome_of(guard, silently(before), noisy) is None


def test_too_few_units_are_no_reason_for_anything(guard: Guard):
    guard.begin(SPOILT, GOOD)
    assert guard.take(scored(SPOILT, benign(49, seed=2))) is None


def test_units_that_grow_and_those_of_other_models_are_not_counted(guard: Guard):
    guard.begin(SPOILT, GOOD)
    loads = benign(5_000, seed=2)
    others = [scored(scorer(3.0), loads), scored(scorer(detector="other"), loads)]
    assert outcome_of(guard, unfinished(scored(SPOILT, loads)), *others) is None


def test_units_that_the_model_before_finishes_aloud_are_not_compared(guard: Guard):
    """The alerts of an attack that ended with the swap are none that the new model had to give."""
    guard.begin(SPOILT, GOOD)
    attack = scored(GOOD, benign(300, seed=2) + 9.0)
    outcome = outcome_of(guard, attack, scored(SPOILT, benign(300, seed=2)))
    assert outcome is not None
    assert "alert_rate_before" not in outcome.judgement.numbers


def test_after_a_week_what_was_seen_suffices(guard: Guard):
    guard.begin(NEW, GOOD)
    assert guard.take(scored(NEW, benign(60, seed=2))) is None
    outcome = guard.take(scored(NEW, benign(60, seed=3), days=7.1))
    assert outcome is not None
    assert outcome.judgement.within


def test_a_quiet_week_is_no_reason_to_go_back(guard: Guard):
    guard.begin(SPOILT, GOOD)
    assert guard.take(scored(SPOILT, [0.0])) is None
    outcome = guard.take(scored(SPOILT, [0.0], days=7.1))
    assert outcome is not None
    assert "only 2 units" in outcome.judgement.reason


def test_without_a_model_before_none_is_refused(guard: Guard):
    guard.begin(SPOILT, None)
    outcome = outcome_of(guard, scored(SPOILT, benign(5_000, seed=2) + 20.0))
    assert outcome is not None
    assert not outcome.judgement.within
    assert outcome.before is None
    assert not guard.refused


def test_a_model_without_bounds_is_judged_by_the_one_before(guard: Guard):
    spoilt = scorer(1.01, threshold=-1.0, bounded=False)
    guard.begin(spoilt, GOOD)
    loads = benign(300, seed=2)
    outcome = outcome_of(guard, silently(scored(GOOD, loads)), scored(spoilt, loads))
    assert outcome is not None
    assert not outcome.judgement.within


def test_what_was_refused_and_what_is_unfinished_outlive_the_process(guard: Guard, tmp_path: Path):
    guard.begin(NEW, GOOD)
    guard.refuse("other", "0123456789ab", "because")
    again = Guard(tmp_path / "guard.json")
    assert again.refused == {"other": {"0123456789ab"}}
    assert again.unfinished == {DETECTOR: NEW.version}


def test_refusing_another_version_does_not_end_a_probation(guard: Guard):
    guard.begin(SPOILT, GOOD)
    guard.refuse(DETECTOR, NEW.version, "because")
    assert guard.take(scored(SPOILT, np.zeros(300))) is not None


def test_a_damaged_file_is_named(tmp_path: Path):
    (tmp_path / "guard.json").write_text('{"refused": []}')
    with pytest.raises(ReleaseError, match=r"guard\.json.*Remove it"):
        Guard(tmp_path / "guard.json")
