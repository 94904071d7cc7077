"""The verdict on a day, from its scores rows and the rows the detector was trained on."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from monitoring_rows import FEATURES, replaced, scored

from monitoring.drift import DriftResult, drift
from monitoring.judgement import Thresholds
from monitoring.statistics import ROW_BUDGET

DAY = "2026-11-20"
REFERENCE = scored(seed=1)


def decide(current: pa.Table, reference: pa.Table = REFERENCE, **limits: float) -> DriftResult:
    return drift("ssh_bruteforce", DAY, reference, current, FEATURES, Thresholds(**limits))


def test_a_day_like_the_training_data_is_ok() -> None:
    result = decide(scored(seed=2))
    assert result.verdict == "ok"
    assert result.reasons == ()
    assert result.share_drifted == 0


def test_one_drifted_feature_warns() -> None:
    result = decide(scored(seed=2, bytes_factor=3))
    assert result.verdict == "warn"
    assert [feature.feature for feature in result.drifted] == ["bytes_out"]
    assert result.reasons == ("1 of 5 features drifted",)


def test_the_noise_of_a_small_day_is_no_drift() -> None:
    days = [decide(scored(40, seed=seed)) for seed in range(2, 22)]
    assert max(feature.severity or 0 for day in days for feature in day.features) > 1
    assert {day.verdict for day in days} == {"ok"}


def test_many_drifted_features_are_drift_and_the_worst_comes_first() -> None:
    result = decide(scored(seed=2, bytes_factor=3, off_hours=0.1))
    assert result.verdict == "drift"
    assert [feature.feature for feature in result.features[:2]] == ["bytes_out", "off_hours"]
    assert result.share_drifted == pytest.approx(0.4)


def test_moved_scores_are_drift_whatever_the_features() -> None:
    result = decide(scored(seed=2, score_shift=2))
    assert result.verdict == "drift"
    assert not result.drifted


def test_more_alerts_alone_only_warn() -> None:
    current = scored(seed=2)
    flood = np.arange(current.num_rows) % 10 == 0
    result = decide(replaced(current, "is_alert", flood))
    assert result.verdict == "warn"
    assert result.scores.alert_rate.current == pytest.approx(0.1)
    assert result.reasons[0].startswith("alert rate ")


def test_the_reference_s_alert_rate_is_that_of_the_day_s_threshold() -> None:
    result = decide(replaced(scored(seed=2), "threshold", np.full(2_000, 0.5)))
    assert result.scores.alert_rate.reference == pytest.approx(0.5, abs=0.05)


def test_thresholds_decide_what_counts() -> None:
    current = scored(seed=2, bytes_factor=3)
    assert decide(current, psi=100).verdict == "ok"
    assert decide(current, share_drifted=0.1).verdict == "drift"


def test_a_day_without_rows_warns_and_says_so() -> None:
    result = decide(REFERENCE.slice(0, 0))
    assert result.verdict == "warn"
    assert len(result.not_computable) == 5
    assert result.share_drifted is None
    assert "scores not computable: no current values" in result.reasons


def test_a_feature_that_is_gone_warns_and_is_named() -> None:
    result = decide(scored(seed=2).drop_columns(["gap"]))
    assert result.verdict == "warn"
    assert result.not_computable[0].reason == "not computable: no column gap in the current rows"


def test_a_nested_column_or_a_null_column_does_not_hide_the_others() -> None:
    rows = scored(seed=2, bytes_factor=3)
    for odd in ([{"a": 1}] * 2_000, pa.nulls(2_000, pa.float64())):
        result = decide(replaced(rows, "gap", odd), replaced(REFERENCE, "gap", odd))
        assert result.not_computable[0].feature == "gap"
        assert [feature.feature for feature in result.drifted] == ["bytes_out"]


def test_a_reference_without_scores_says_so() -> None:
    result = decide(scored(seed=2), REFERENCE.drop_columns(["score"]))
    assert result.verdict == "warn"
    assert result.reasons[0] == "scores not computable: no column score in the reference"


def test_one_environment_s_drift_is_not_lost_among_the_others() -> None:
    calm = scored(9_500, seed=2, environments=("berlin", "paris"))
    odd = scored(500, seed=3, bytes_factor=3, off_hours=0.2, environments=("oslo",))
    reference = scored(5_000, environments=("berlin", "paris", "oslo"))
    result = decide(pa.concat_tables([calm, odd]), reference)
    assert not result.drifted
    assert result.verdict == "warn"
    assert result.reasons == ("drift in environment oslo",)
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


def test_a_large_day_is_sampled_and_its_alerts_are_all_counted() -> None:
    current = scored(ROW_BUDGET + 20_000, seed=2)
    result = decide(current)
    assert (result.current_rows, result.current_sampled) == (70_000, ROW_BUDGET)
    assert result.reference_sampled == 2_000
    alerts = current["is_alert"].to_numpy().mean()
    assert result.scores.alert_rate.current == pytest.approx(alerts, abs=1e-12)


def test_the_order_of_a_sampled_day_s_rows_does_not_matter() -> None:
    current = scored(60_000, seed=2, bytes_factor=1.3)
    shuffled = current.take(pa.array(np.random.default_rng(0).permutation(60_000)))
    assert decide(current) == decide(shuffled)


def test_deciding_does_not_import_evidently_and_switches_its_telemetry_off() -> None:
    code = (
        "import os, sys, monitoring.drift, monitoring.quality;"
        "print('evidently' in sys.modules, os.environ['DO_NOT_TRACK'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "1"]
