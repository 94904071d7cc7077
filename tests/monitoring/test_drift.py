"""The verdict on a day, from its scores rows and the rows the detector was trained on."""

import json
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from monitoring_rows import FEATURES, replaced, scored

from monitoring.drift import DriftResult, drift
from monitoring.drift.judgement import Thresholds
from monitoring.sketches import Day, Sketch, sketch_scores

DAY = "2026-11-20"


def sketched(rows: pa.Table) -> Sketch:
    return sketch_scores(rows, FEATURES)


REFERENCE = sketched(scored(seed=1))


def decide(
    current: pa.Table, reference: Sketch = REFERENCE, window: Sequence[Day] = (), **limits: float
) -> DriftResult:
    day = Day(DAY, sketched(current))
    return drift(
        "ssh_bruteforce", day, reference, window, FEATURES, thresholds=Thresholds(**limits)
    )


@pytest.fixture(scope="module")
def calm() -> list[Day]:
    """The fourteen days before, all alike."""
    return [Day(f"2026-11-{d:02d}", sketched(scored(seed=d))) for d in range(6, 20)]


def test_a_day_like_the_training_data_is_ok() -> None:
    result = decide(scored(seed=2))
    assert result.verdict == "ok"
    assert result.reasons == ()
    assert result.share_drifted == 0


def test_one_drifted_feature_warns() -> None:
    result = decide(scored(seed=2, off_hours=0.06))
    assert result.verdict == "warn"
    assert [feature.feature for feature in result.features.drifted] == ["off_hours"]
    assert result.reasons[0] == "features: 1 of 5 drifted: off_hours (against the reference)"


def test_one_feature_far_beyond_its_threshold_is_drift() -> None:
    assert decide(scored(seed=2, bytes_factor=3)).verdict == "drift"


def test_the_noise_of_a_small_day_is_no_drift() -> None:
    days = [decide(scored(40, seed=seed)) for seed in range(2, 22)]
    assert max(f.severity or 0 for day in days for f in day.features.ranked) > 1
    assert {day.verdict for day in days} == {"ok"}


def test_many_drifted_features_are_drift_and_the_worst_comes_first() -> None:
    result = decide(scored(seed=2, bytes_factor=3, off_hours=0.1))
    assert result.verdict == "drift"
    assert [f.feature for f in result.features.ranked[:2]] == ["bytes_out", "off_hours"]
    assert result.share_drifted == pytest.approx(0.4)


def test_moved_scores_are_drift_whatever_the_features() -> None:
    result = decide(scored(seed=2, score_shift=2))
    assert result.verdict == "drift"
    assert not result.features.drifted


def test_more_alerts_alone_only_warn() -> None:
    current = scored(seed=2)
    flood = np.arange(current.num_rows) % 10 == 0
    result = decide(replaced(current, "is_alert", flood))
    assert result.verdict == "warn"
    assert result.scores.alert_rate.current == pytest.approx(0.1)
    assert result.reasons[0].startswith("alert rate: alert rate ")


def test_an_attack_alone_is_no_drift(calm: list[Day]) -> None:
    quiet, attack = scored(seed=2), scored(800, seed=3, bytes_factor=40, off_hours=0.9)
    raised = replaced(
        replaced(attack, "is_alert", np.ones(800, bool)), "score", np.full(800, 0.999)
    )
    result = decide(pa.concat_tables([quiet, raised]), window=calm)
    assert result.verdict == "warn"
    assert result.signals["features"].verdict == "ok"
    assert result.signals["volume"].verdict == "ok"
    assert result.signals["alert_rate"].verdict == "warn"


def test_alerts_that_rise_at_most_sites_at_once_are_a_drift_of_the_alert_rate() -> None:
    sites = ("berlin", "oslo", "lima")
    current = scored(6_000, seed=2, environments=sites)
    flood = np.arange(current.num_rows) % 10 == 0
    result = decide(replaced(current, "is_alert", flood))
    assert result.signals["alert_rate"].verdict == "drift"
    assert result.verdict == "warn"


def test_the_days_before_are_compared_too_and_the_worse_verdict_counts(calm: list[Day]) -> None:
    moved = [
        Day(day.day, sketched(scored(seed=n + 50, bytes_factor=3))) for n, day in enumerate(calm)
    ]
    result = decide(scored(seed=2, bytes_factor=3), window=moved)
    features = result.signals["features"]
    assert features.reference is not None
    assert features.window is not None
    assert (features.reference.verdict, features.window.verdict) == ("drift", "ok")
    assert features.verdict == "drift"


def test_a_window_of_less_than_a_week_warns_at_most(calm: list[Day]) -> None:
    moved = scored(seed=2, bytes_factor=10)
    verdicts = [
        decide(moved, window=days).signals["features"].window
        for days in (calm[:2], calm[-5:], calm)
    ]
    assert [side.verdict for side in verdicts if side] == ["unknown", "warn", "drift"]


def test_days_that_another_model_scored_are_no_yardstick_for_scores(calm: list[Day]) -> None:
    current = replaced(scored(seed=2), "model_version", ["v2"] * 2_000)
    signals = decide(current, window=calm).signals
    for name in ("scores", "alert_rate"):
        side = signals[name].window
        assert side is not None
        assert side.detail == "not computable: 0 days before that this model scored, 3 needed"
    assert signals["features"].window is not None
    assert signals["features"].window.verdict == "ok"


def test_the_facts_are_plain_json_and_the_same_each_time(calm: list[Day]) -> None:
    rows = scored(seed=2, bytes_factor=3, environments=("berlin", "oslo"))
    shuffled = rows.take(pa.array(np.random.default_rng(0).permutation(rows.num_rows)))
    facts = json.dumps(decide(rows, window=calm).facts())
    assert json.loads(facts)["signals"]["features"]["verdict"] == "drift"
    assert facts == json.dumps(decide(shuffled, window=calm[::-1]).facts())


def test_the_reference_s_alert_rate_is_that_of_the_day_s_threshold() -> None:
    result = decide(replaced(scored(seed=2), "threshold", np.full(2_000, 0.5)))
    assert result.scores.alert_rate.reference == pytest.approx(0.5, abs=0.05)


def test_thresholds_decide_what_counts() -> None:
    assert decide(scored(seed=2, bytes_factor=3), psi=100).verdict == "ok"
    assert decide(scored(seed=2, off_hours=0.06), share_drifted=0.1).verdict == "drift"


def test_a_day_without_rows_warns_and_says_so() -> None:
    result = decide(scored().slice(0, 0))
    assert result.verdict == "warn"
    assert len(result.features.not_computable) == 5
    assert result.share_drifted is None
    assert "scores not computable: no current values" in result.reasons


def test_a_feature_that_is_gone_warns_and_is_named() -> None:
    result = decide(scored(seed=2).drop_columns(["gap"]))
    assert result.verdict == "warn"
    reason = "not computable: no column gap in the current rows"
    assert result.features.not_computable[0].reason == reason


def test_a_nested_column_or_a_null_column_does_not_hide_the_others() -> None:
    rows = scored(seed=2, bytes_factor=3)
    for odd in ([{"a": 1}] * 2_000, pa.nulls(2_000, pa.float64())):
        result = decide(replaced(rows, "gap", odd), sketched(replaced(scored(), "gap", odd)))
        assert result.features.not_computable[0].feature == "gap"
        assert [feature.feature for feature in result.features.drifted] == ["bytes_out"]


def test_a_reference_without_scores_says_so() -> None:
    result = decide(scored(seed=2), sketched(scored().drop_columns(["score"])))
    assert result.verdict == "warn"
    assert result.reasons[0] == "scores not computable: no column score in the reference"


def test_one_environment_s_drift_is_not_lost_among_the_others() -> None:
    calm = scored(9_500, seed=2, environments=("berlin", "paris"))
    odd = scored(500, seed=3, bytes_factor=3, off_hours=0.2, environments=("oslo",))
    reference = scored(5_000, environments=("berlin", "paris", "oslo"))
    result = decide(pa.concat_tables([calm, odd]), sketched(reference))
    assert not result.features.drifted
    assert result.verdict == "warn"
    assert result.reasons[0].startswith("features: 0 of 5 drifted; in oslo: bytes_out, off_hours")
    assert result.reasons[1:] == ("drift in environment oslo",)
    worst = result.environments[0]
    assert (worst.environment, worst.rows, worst.reference) == ("oslo", 500, "own")
    assert worst.worst is not None
    assert worst.worst.feature == "bytes_out"


def test_an_environment_new_to_the_detector_is_compared_with_all_rows() -> None:
    result = decide(scored(seed=2, environments=("lima",)))
    assert result.environments[0].reference == "all"


def test_rows_without_an_environment_are_an_environment() -> None:
    result = decide(replaced(scored(seed=2), "environment", pa.nulls(2_000, pa.string())))
    assert [part.environment for part in result.environments] == ["(none)"]


def test_of_very_many_environments_the_largest_are_shown_and_the_others_counted() -> None:
    names = tuple(f"site{i:02d}" for i in range(60))
    result = decide(scored(6_000, seed=2, environments=names))
    assert len(result.environments) == 50
    assert result.environments_left_out == 10


def test_deciding_does_not_import_evidently_and_switches_its_telemetry_off() -> None:
    code = (
        "import os, sys, monitoring.drift, monitoring.quality;"
        "print('evidently' in sys.modules, os.environ['DO_NOT_TRACK'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "1"]
