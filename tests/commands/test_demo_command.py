"""`whetstone demo`: the whole loop, once, and what it promises to print."""

import signal
from pathlib import Path
from typing import Any

import pytest
from command import Command, Result, end, read_until
from conftest import ROOT, Once

DETECTORS = {
    "hdfs_block_pca",
    "hdfs_block_sequence",
    "network_scan_iforest",
    "ssh_bruteforce_gb",
}


@pytest.fixture(scope="session")
def demo(once: Once) -> dict[str, Any]:
    """The JSON of a demo of three days that was killed in the middle and then started again."""

    def make(directory: Path) -> None:
        command = Command(directory / "home", ROOT / "catalog")
        killed = command.start("demo", "--days", 3)
        read_until(killed, "parsed/")
        end(killed, signal.SIGKILL, within=30)
        result = command.run_apart("demo", "--days", 3, "--json", timeout=400)
        assert result.code == 0, result.err
        (directory / "progress").write_text(result.err)
        (directory / "result").write_text(result.out)

    directory = once("demo", make)
    return Result(0, (directory / "result").read_text(), (directory / "progress").read_text()).json


def test_the_result_has_all_that_is_promised(demo: dict[str, Any]) -> None:
    promised = {"sources", "detectors", "alerts", "reruns", "reports", "seconds"}
    assert promised <= demo.keys()
    assert demo["seconds"] > 0


def test_every_source_tells_its_lines_and_rejects(demo: dict[str, Any]) -> None:
    assert {source["name"] for source in demo["sources"]} == {"hdfs", "sshd", "suricata_flow"}
    for source in demo["sources"]:
        assert source["lines"] > source["events"] > 0
        assert 0 < source["rejects"] < source["lines"] / 100


def test_every_detector_has_a_champion_and_stands_beside_baselines(demo: dict[str, Any]) -> None:
    assert {detector["name"] for detector in demo["detectors"]} == DETECTORS
    for detector in demo["detectors"]:
        assert detector["champion"]
        assert detector["baselines"]
        for metrics in (detector["metrics"], *detector["baselines"].values()):
            assert {
                "n",
                "positives",
                "precision",
                "recall",
                "f1",
                "average_precision",
                "intervals",
            } <= (metrics.keys())
        assert detector["metrics"]["true_positives"] > 0


def test_every_environment_has_alerts(demo: dict[str, Any]) -> None:
    assert {row["environment"] for row in demo["alerts"]} == {"berlin", "lisbon", "oslo"}
    for detector in DETECTORS:
        assert sum(row[detector] for row in demo["alerts"]) > 0


def test_verdicts_cause_reruns_with_causes_and_nothing_fails(demo: dict[str, Any]) -> None:
    assert demo["verdicts"]
    assert demo["failed"] == []
    causes = {rerun["asset"]: rerun["cause"] for rerun in demo["reruns"]}
    assert all(causes.values())
    assert not any(rerun["failed"] for rerun in demo["reruns"])
    judged = {verdict["detector"] for verdict in demo["verdicts"]}
    assert "verdicts/ssh_bruteforce changed" in causes["golden/ssh_bruteforce"]
    assert {f"model/{detector}" for detector in judged} <= causes.keys()
    assert not any(asset.startswith(("parsed/", "features/")) for asset in causes)


def test_there_is_a_drift_and_a_quality_report_for_each_detector(demo: dict[str, Any]) -> None:
    reports = {(report["detector"], report["kind"]) for report in demo["reports"]}
    assert reports == {(name, kind) for name in DETECTORS for kind in ("drift", "quality")}
    for report in demo["reports"]:
        assert "<html" in Path(report["path"]).read_text(errors="replace")[:1000].lower()


def test_progress_goes_to_standard_error_without_library_noise(
    demo: dict[str, Any], once: Once
) -> None:
    progress = (once("demo", lambda _: None) / "progress").read_text()
    assert "model/ssh_bruteforce_gb" in progress
    assert "Warning" not in progress


def test_ctrl_c_ends_it_soon_and_only_one_runs_at_a_time(fresh: Command) -> None:
    running = fresh.start("demo", "--days", 3)
    read_until(running, "parsed/")
    assert "another demo is running" in fresh.refused("demo", "--days", 3)
    said = end(running, signal.SIGINT, within=50)
    assert running.returncode == 130
    assert "Traceback" not in said
    again = fresh.start("demo", "--days", 3)
    read_until(again, "demo: 3 days of logs")
    end(again, signal.SIGINT, within=50)
    assert again.returncode == 130


def test_what_is_not_a_demo_is_not_thrown_away(fresh: Command) -> None:
    precious = fresh.home / "demo-run" / "thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    assert "not a demo's directory" in fresh.refused("demo", "--days", 3)
    assert precious.read_text() == "years of work"
