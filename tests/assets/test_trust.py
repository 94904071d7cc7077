"""What people rely on: the gate, the same scores everywhere, recovery, the records in Dagster."""

import os
import signal
import subprocess
import sys
import textwrap

import dagster as dg
import duckdb
import numpy as np
import pyarrow.parquet as pq
from conftest import ROOT
from installation import DAYS, DETECTORS, UNTIL, Installation

from assets.automation import CAUSE_TAG, sensor
from assets.liveness import bury_the_dead
from assets.platform import stores
from benchmarks.graph import printed_by
from whetstone.lake import Place
from whetstone.releases import Client
from whetstone.scoring.run import BundleScorer, alerts_of

SCANS, SSH = "network_scan_iforest", "ssh_bruteforce_gb"
SCAN = "detectors/network_scan_iforest.textproto"
# A little more is allowed: the model is trained anew, and judged like the one before.
RETRAINED = ("max_false_positive_rate: 0.05", "max_false_positive_rate: 0.051")
LOOP = """
    import sys
    from pathlib import Path
    from installation import Installation
    finished = Installation(Path(sys.argv[1])).run()
    print("failed:", [asset for each in finished for asset in each.failed])
"""


def loop_process(installation: Installation) -> subprocess.Popen[str]:
    """`whetstone demo` does the same: carry out what is stale, in a process of its own."""
    here = f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'assets'}"
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(LOOP), str(installation.directory)],
        env={**os.environ, "PYTHONPATH": here},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def wait_for(installation: Installation, asset: str, process: subprocess.Popen[str]) -> None:
    """Until a process has begun to make an asset."""
    attempt = installation.settings.lake / asset / "attempt.json"
    while not attempt.exists():
        assert process.poll() is None, "the process ended before"


def test_a_failed_gate_holds_the_release_and_the_champion_stays(installation: Installation):
    champion = installation.releases.champion(SCANS)
    installation.edit(SCAN, "min_average_precision: 0.3", "min_average_precision: 0.999")
    installation.run()
    decided = installation.plan()
    assert decided.idle
    assert decided.held == {f"release/{SCANS}": f"the gate of evaluation/{SCANS} failed"}
    assert installation.releases.champion(SCANS) == champion

    # The champion goes on scoring what arrives, while its challenger is held.
    day = (UNTIL.replace(day=UNTIL.day + 1)).isoformat()
    text = installation.landed("suricata_flow").read_text(errors="replace")
    installation.land(text.replace("2026-03-10T", "2026-03-11T"), "suricata_flow", day=day)
    assert f"scores/{SCANS}[{day}]" in installation.settle()
    scored = pq.read_table(installation.lake.part(Place("scores", SCANS, day)))
    assert set(scored["model_version"].to_pylist()) == {champion}

    with installation.instance() as instance:
        check = dg.AssetCheckKey(dg.AssetKey(["evaluation", SCANS]), "champion_gate")
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
        evaluation = latest.event.dagster_event.asset_check_evaluation_data
    assert not evaluation.passed
    assert "0.9990" in evaluation.metadata["reasons"].value


def test_a_score_is_the_same_number_in_training_batch_and_environment(
    settled: Installation, tmp_path
):
    client = Client(settled.releases.url, tmp_path, settled.releases.root())
    pulled = {each.detector for each in client.pull("stable")}
    assert pulled == set(DETECTORS)
    lake = settled.lake
    for detector in DETECTORS:
        scorer = BundleScorer(client.load(detector))
        for day in DAYS:
            batch = pq.read_table(lake.part(Place("scores", detector, day)))
            events = lake.part(Place("parsed", scorer.source.name, day))
            with duckdb.connect() as connection:
                again = scorer.score_events(connection, f"read_parquet('{events}')")
            assert again["unit"].to_pylist() == batch["unit"].to_pylist()
            same = np.array_equal(again["score"].to_numpy(), batch["score"].to_numpy())
            assert same, f"{detector} on {day}"
        # What training recorded as its reference, scored in the process that trained.
        reference = pq.read_table(lake.part(Place("release", detector)))
        assert np.array_equal(scorer.score_features(reference), reference["score"].to_numpy())


def test_alerts_of_the_day_are_the_queue_of_the_analysts(settled: Installation):
    for detector in DETECTORS:
        found = {
            (row["unit"], row["event_timestamp"])
            for day in DAYS
            for row in alerts_of(
                pq.read_table(settled.lake.part(Place("scores", detector, day)))
            ).to_pylist()
        }
        with settled.cases() as cases:
            queue = cases.alerts(detector=detector, limit=10_000)
        assert {(alert.unit, alert.event_timestamp) for alert in queue} == found
        assert found


def test_a_loop_killed_in_the_middle_of_training_loses_nothing(installation: Installation):
    installation.edit(SCAN, *RETRAINED)
    before = installation.made()
    process = loop_process(installation)
    wait_for(installation, f"model/{SCANS}", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert installation.made()[f"model/{SCANS}"] == before[f"model/{SCANS}"]

    # Dagster still believes that the run goes on; nobody waits for it.
    with installation.instance() as instance:
        started = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        assert [run.run_id for run in started] == bury_the_dead(
            installation.settings.home, instance
        )
        assert not instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    assert f"model/{SCANS}" in installation.settle()
    assert installation.plan().idle
    hidden = [path.name for path in installation.settings.lake.rglob("attempt.json")]
    assert not hidden


def test_two_loops_on_one_home_end_with_everything_made_once_and_right(
    installation: Installation,
):
    installation.edit("detectors/ssh_bruteforce_gb.textproto", "iterations: 100", "iterations: 90")
    loops = [loop_process(installation) for _ in range(2)]
    assert [loop.communicate()[0].strip() for loop in loops] == ["failed: []"] * 2
    assert [loop.returncode for loop in loops] == [0, 0]
    assert installation.plan().idle
    lake, releases = installation.lake, installation.releases
    champion = releases.champion(SSH)
    assert lake.manifest(Place("model", SSH)).version == champion
    assert lake.manifest(Place("release", SSH)).version == champion
    assert [r.version for r in releases.history(SSH)].count(champion) == 1


def test_a_failure_is_told_tried_once_and_keeps_no_one_else_back(installation: Installation):
    installation.edit(
        "features/sshd_source_5m.textproto",
        'definition: "count(DISTINCT host)"',
        "definition: \"sum(CAST('x' || host AS INTEGER))\"",
    )
    installation.edit(SCAN, *RETRAINED)
    finished = installation.run()
    failed = [asset for each in finished for asset in each.failed]
    assert sorted(failed) == ["features/sshd_source_5m", "golden_features/ssh_bruteforce"]
    assert f"model/{SCANS}" in {a for each in finished for a in each.run.assets}
    decided = installation.plan()
    assert decided.idle
    # Nothing is trained on the old values of a feature and released with its new definition.
    model = decided.held.pop(f"model/{SSH}")
    assert model == f"training_set/{SSH} is out of date and cannot be made"
    assert decided.held.keys() == {
        *(f"features/sshd_source_5m[{day}]" for day in DAYS),
        "golden_features/ssh_bruteforce",
    }
    for reason in decided.held.values():
        assert reason.startswith("failed: ") and "Could not convert" in reason
    assert installation.run() == []

    # Mended, it runs at once.
    installation.edit(
        "features/sshd_source_5m.textproto",
        "definition: \"sum(CAST('x' || host AS INTEGER))\"",
        'definition: "count(DISTINCT host)"',
    )
    assert installation.settle() == set()
    assert not installation.plan().held


def test_dagster_has_a_record_of_every_day_and_check(settled: Installation):
    with settled.instance() as instance:
        for asset in ("parsed/sshd", "rejects/sshd", "scores/ssh_bruteforce_gb", "alerts/daily"):
            key = dg.AssetKey(asset.split("/"))
            assert instance.get_materialized_partitions(key) == set(DAYS)
            records = instance.fetch_materializations(key, limit=10).records
            for record in records:
                metadata = record.asset_materialization.metadata
                assert "dagster/row_count" in metadata, f"{asset} of {record.partition_key}"
        checks = {
            dg.AssetCheckKey(dg.AssetKey(asset.split("/")), check)
            for asset, check in [
                ("parsed/sshd", "reject_rate"),
                ("golden/ssh_bruteforce", "label_conflicts"),
                ("evaluation/ssh_bruteforce_gb", "champion_gate"),
                ("drift/ssh_bruteforce_gb", "no_drift"),
            ]
        }
        recorded = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
        assert recorded.keys() == checks


def test_the_sensor_starts_what_is_stale_and_says_why(installation: Installation):
    assert "up to date" in tick(installation).skip_message
    installation.land("not a line of sshd\n", "sshd")
    installation.edit(SCAN, *RETRAINED)
    (request,) = tick(installation).run_requests
    assert {"/".join(key.path) for key in request.asset_selection} == {
        "parsed/sshd",
        "rejects/sshd",
        f"model/{SCANS}",
    }
    assert request.tags[CAUSE_TAG] == (
        "landing/sshd changed (parsed/sshd); its definitions changed (model/network_scan_iforest)"
    )
    assert request.tags["dagster/asset_partition_range_start"] == DAYS[-1]
    assert request.tags["dagster/asset_partition_range_end"] == DAYS[-1]


def test_the_sensor_does_not_start_what_is_being_made(installation: Installation):
    installation.land("not a line of sshd\n", "sshd")
    (request,) = tick(installation).run_requests
    with installation.instance() as instance:
        instance.run_storage.add_run(
            dg.DagsterRun(
                job_name="__ASSET_JOB",
                asset_selection=frozenset(request.asset_selection),
                status=dg.DagsterRunStatus.STARTED,
                tags=request.tags,
            )
        )
    assert "wait" in tick(installation).skip_message


def tick(installation: Installation):
    """One evaluation of the sensor, as the daemon does it."""
    factory = installation.open()
    with installation.instance() as instance:
        context = dg.build_sensor_context(
            instance=instance, resources=vars(stores(factory.settings))
        )
        return sensor(factory).evaluate_tick(context)


def test_loading_the_definitions_imports_no_heavy_library(installation: Installation):
    heavy = ("torch", "feast", "evidently", "sklearn", "skl2onnx")
    program = f"import definitions, sys; print([m for m in {heavy} if m in sys.modules])"
    assert printed_by(program, installation.settings).strip() == "[]"
