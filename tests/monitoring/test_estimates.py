"""Precision without labels: right where its assumption holds, silent where it knows nothing."""

import numpy as np
import pytest

from monitoring.quality.estimate_series import (
    DayEstimate,
    carried_on,
    checked,
    from_table,
    to_table,
    track_records,
)
from monitoring.quality.estimates import (
    Confirmation,
    Labelled,
    from_agreement,
    from_confidence,
    from_tail,
)
from monitoring.quality.verdicts import Judged
from tests.monitoring.monitoring_rows import NOON
from whetstone.scoring.calibration import Expected

THRESHOLD = 2.0


def drawn(n: int, share: float, seed: int) -> Labelled:
    """Units at a share of attacks: benign scores around 0, attacks around 2.5."""
    random = np.random.default_rng(seed)
    positive = random.random(n) < share
    return Labelled(random.normal(np.where(positive, 2.5, 0.0), 1.0), positive)


def test_the_tail_counts_what_comes_beyond_the_expected_false_alerts() -> None:
    found = from_tail(200, Expected(30, 50, 75))
    assert found.value == 0.75
    assert found.low is not None
    assert found.high is not None
    assert 0.5 < found.low < 0.75 < found.high < 0.95


def test_more_false_alerts_than_alerts_are_no_negative_precision() -> None:
    found = from_tail(20, Expected(30, 50, 75))
    assert (found.value, found.low) == (0, 0)


@pytest.mark.parametrize("share", [0.002, 0.02, 0.2])
def test_confidence_follows_how_rare_attacks_have_become(share: float) -> None:
    labelled, day = drawn(4_000, 0.2, seed=1), drawn(60_000, share, seed=2)
    raised = day.scores >= THRESHOLD
    truth = day.positive[raised].mean()
    found = from_confidence(day.scores[raised], day.scores, labelled)
    assert found.value == pytest.approx(truth, abs=0.1)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= truth <= found.high


def test_a_score_that_no_benign_example_has_reached_is_not_certain() -> None:
    scores = np.concatenate([np.linspace(0, 1, 60), np.linspace(2, 3, 20)])
    labelled = Labelled(scores, scores > 1.5)
    day = np.concatenate([np.linspace(0, 1, 5_000), np.linspace(2, 3, 15)])
    found = from_confidence(day[day > 1.5], day, labelled)
    # 60 benign examples do not rule out that one in 300 scores as high: all 15 might be benign.
    assert found.low == pytest.approx(0, abs=0.01)
    many = Labelled(
        np.append(scores, np.linspace(0, 1, 60_000)), np.append(scores > 1.5, [False] * 60_000)
    )
    surer = from_confidence(day[day > 1.5], day, many)
    assert surer.low is not None
    assert surer.low > 0.9


def test_agreement_needs_no_independence() -> None:
    """The other detector confirms half of the false alerts, and nine in ten of the true ones."""
    known = Confirmation(true_both=180, true=200, false_both=100, false=200)
    # 600 true and 400 false alerts: 540 + 200 of them are confirmed.
    found = from_agreement(1_000, 740, known)
    assert found.value == pytest.approx(0.6, abs=0.03)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.6 < found.high


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (Confirmation(97, 100, 92, 100), "which tells too little"),
        (Confirmation(20, 20, 0, 2), "20 true and 2 false alerts are labelled"),
    ],
)
def test_another_detector_that_says_nothing_is_not_asked(known: Confirmation, why: str) -> None:
    found = from_agreement(1_000, 900, known)
    assert found.value is None
    assert why in found.reason


def test_few_alerts_and_few_labels_are_no_estimate() -> None:
    assert from_tail(3, Expected(0, 1, 2)).reason.startswith("not computable: 3 alerts")
    labelled = drawn(200, 0.02, seed=1)
    found = from_confidence(np.full(20, 3.0), np.full(50, 1.0), labelled)
    assert found.value is None
    assert "labelled attacks" in found.reason


def an_estimate(day: str, value: float, method: str = "tail", made_on: str = "") -> DayEstimate:
    return DayEstimate(day, "v1", method, 12, value, value - 0.1, value + 0.1, made_on or day)


def test_an_estimate_stays_as_it_was_made() -> None:
    before = [an_estimate("2026-11-20", 0.9)]
    now = [an_estimate("2026-11-20", 0.2, made_on="2026-11-22"), an_estimate("2026-11-21", 0.5)]
    assert carried_on(before, now) == (before[0], now[1])
    assert from_table(to_table(now)) == now


def test_verdicts_that_come_later_show_how_far_it_was_off() -> None:
    raised = {
        name: {"event_timestamp": NOON, "day": day, "model_version": "v1"}
        for name, day in (("a", "2026-11-20"), ("b", "2026-11-20"), ("c", "2026-11-21"))
    }
    judged = Judged(
        {"alert_id": alert, "verdict": verdict, "by": "ana", "at": NOON, "environment": "berlin",
         "event_timestamp": NOON}
        for alert, verdict in (("a", "true_positive"), ("b", "false_positive"))
    )  # fmt: skip
    series = [an_estimate("2026-11-20", 0.9), an_estimate("2026-11-21", 0.9)]
    first, second = checked(series, raised, judged)
    assert first.off == pytest.approx(0.4)
    assert (first.labelled, first.held) == (2, True)
    assert (second.off, second.held) == (None, None)
    (record,) = track_records([first, second])
    assert (record.method, record.days, record.bias) == ("tail", 1, pytest.approx(0.4))
