"""The quality of detectors in a settled installation: facts, report, checks."""

import dagster as dg
import pyarrow.parquet as pq
from installation import DAYS, DETECTORS, Installation

from monitoring.quality.estimate_series import from_table
from triage.learning import Asking, Slices
from whetstone.lake import Place

CHECKS = ("canaries_found", "sees_its_traffic", "quality_floor")


def test_every_detector_s_quality_is_told_in_facts_that_others_read(settled: Installation) -> None:
    for name in DETECTORS:
        made = settled.lake.manifest(Place("quality", name))
        assert made is not None
        facts = made.facts
        assert facts["verdict"] in ("ok", "warn", "bad")
        assert facts["canaries"]["planted"] > 0
        assert facts["core_recall"]["low"] <= facts["core_recall"]["value"]
        assert 0 <= facts["blind_share"] < 0.2
        with settled.cases() as cases:
            counts = cases.counts(detector=name)
        assert facts["alerts"] == counts.open + counts.judged > 0
        assert facts["time_to_detect_way"] == "batch"


def test_the_report_is_named_by_the_newest_day_of_the_data(settled: Installation) -> None:
    for name in DETECTORS:
        (report,) = (settled.settings.reports / name).glob(f"{name}_quality_*.html")
        assert report.name == f"{name}_quality_{DAYS[-1]}.html"


def test_estimates_are_kept_as_they_were_made(settled: Installation) -> None:
    place = Place("quality", "network_scan_iforest")
    series = from_table(pq.read_table(settled.lake.directory(place) / "part.parquet"))
    assert {each.day for each in series} <= set(DAYS)
    assert {each.method for each in series} == {"confidence", "tail"}
    assert all(0 <= each.low <= each.value <= each.high <= 1 for each in series)


def test_the_checks_carry_the_numbers(settled: Installation) -> None:
    key = dg.AssetKey(["quality", "ssh_bruteforce_gb"])
    with settled.instance() as instance:
        for name in CHECKS:
            (check,) = instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(key, name), limit=1
            )
            assert check.event is not None
            told = check.event.asset_check_evaluation
            assert told is not None
            assert told.metadata, f"{name} says nothing"


def test_the_batch_asks_about_units_near_the_threshold_and_draws_a_random_slice(
    settled: Installation,
) -> None:
    with settled.cases() as cases:
        asked = Asking(cases.database).next(None, "ssh_bruteforce_gb", most=40)
        drawn = Slices(cases.database)
        members = drawn.waiting(None, "ssh_bruteforce_gb", 1000)
        counts = cases.counts(detector="ssh_bruteforce_gb")
        precision = drawn.precision("ssh_bruteforce_gb")
    probes = [each.alert for each in asked if each.alert.probe]
    assert probes
    assert all(probe.score < probe.threshold and probe.explanation for probe in probes)
    assert {probe.day.isoformat() for probe in probes if probe.day} <= set(DAYS)
    assert 0 < len(members) <= counts.open
    assert precision.alerts == counts.open + counts.judged
