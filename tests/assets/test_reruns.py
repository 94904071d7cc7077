"""After a change runs what depends on it, up to where the content comes out equal. Real runs."""

import os
import shutil

import dagster as dg
import pyarrow.parquet as pq
import pytest
from installation import DAYS, Installation

from assets.platform import definitions, plan_of
from triage.judging.receipts import Receipts
from whetstone.errors import CatalogError
from whetstone.lake import Place

NEWEST = DAYS[-1]
SSH = "ssh_bruteforce_gb"
FAILED_LOGIN = (
    "Mar 10 11:59:{:02} berlin-app2 sshd[4711]: Failed password for root from 203.0.113.99"
)


def days_of(*assets: str) -> set[str]:
    return {f"{asset}[{day}]" for asset in assets for day in DAYS}


def layers(made: set[str]) -> set[str]:
    return {place.partition("/")[0] for place in made}


def test_without_a_change_nothing_is_stale(settled: Installation):
    decided = settled.plan()
    assert decided.idle
    assert not decided.held


def test_a_new_file_runs_its_source_and_day_only(installation: Installation):
    lines = [FAILED_LOGIN.format(second) + f" port {40000 + second} ssh2\n" for second in range(40)]
    installation.land("".join(lines), "sshd")
    assert installation.settle() == {
        f"parsed/sshd[{NEWEST}]",
        f"features/sshd_source_5m[{NEWEST}]",
        f"scores/{SSH}[{NEWEST}]",
        f"drift/{SSH}[{NEWEST}]",
        f"alerts/daily[{NEWEST}]",
        f"quality/{SSH}",
        "overview/page",
    }


def test_a_file_that_lands_again_under_another_name_changes_nothing(installation: Installation):
    landed = installation.landed("sshd")
    os.utime(landed, (1, 1))
    installation.land(landed.read_text(), "sshd", name="again.log")
    assert installation.plan().idle


def test_lines_that_are_no_events_end_at_the_parser(installation: Installation):
    installation.land("not a line of sshd\n", "sshd")
    assert installation.settle() == {f"parsed/sshd[{NEWEST}]"}


def test_a_new_contribution_runs_its_detector_only(installation: Installation):
    contributions = installation.settings.contributions / "ssh_bruteforce"
    first = sorted(contributions.iterdir())[0]
    shutil.copytree(first, contributions / "0123456789abcdef")
    text = (first / "contribution.json").read_text().replace(first.name, "0123456789abcdef")
    (contributions / "0123456789abcdef" / "contribution.json").write_text(text)
    made = installation.settle()
    assert {"golden/ssh_bruteforce"} <= made
    assert not [place for place in made if "hdfs" in place or "network_scan" in place]
    assert not [place for place in made if place.startswith(("parsed", "features"))]


def test_ten_verdicts_at_once_are_one_change_and_become_golden_examples(
    installation: Installation,
):
    alerts = installation.alerts("network_scan_iforest")[:10]
    assert len(alerts) == 10
    values = dict.fromkeys((a.alert_id for a in alerts), "false_positive")
    installation.judge(values)
    finished = installation.run()
    assets = [asset for each in finished for asset in each.run.assets]
    assert assets.count("golden/network_scan") == 1
    assert assets.count("model/network_scan_iforest") == 1
    assert not [asset for asset in assets if "hdfs" in asset or "ssh" in asset]
    assert not {"parsed", "features"} & layers(set(assets))

    lake = installation.lake
    examples = pq.read_table(lake.part(Place("golden", "network_scan"))).to_pylist()
    judged = [row for row in examples if row["origin"].startswith("verdict:")]
    assert {row["contributor"] for row in judged} == {"ada"}
    assert not any(row["positive"] for row in judged)
    assert {(row["unit"], row["event_timestamp"]) for row in judged} <= {
        (alert.unit, alert.event_timestamp) for alert in alerts
    }
    trained_on = pq.read_table(lake.part(Place("training_set", "network_scan_iforest")))
    units = {row["unit"] for row in judged}
    assert units and units <= set(trained_on["unit"].to_pylist())

    # The same verdicts sent again say nothing new.
    installation.judge(values)
    assert installation.plan().idle
    receipts_tell_of_it(installation, "network_scan_iforest", "network_scan")


def receipts_tell_of_it(installation: Installation, detector: str, dataset: str) -> None:
    """The receipts of verdicts name what was made from them, up to who serves it."""
    lake = installation.lake
    golden, model, judged, release = (
        lake.manifest(Place(layer, name))
        for layer, name in (
            ("golden", dataset),
            ("model", detector),
            ("evaluation", detector),
            ("release", detector),
        )
    )
    assert golden and model and judged and release
    serves = {"detector": detector, "role": "champion", "version": release.version}
    with installation.cases() as cases:
        cases.hear("berlin", "scorer", {"releases": [serves]})
        receipts = [r for r in Receipts(cases.database).latest().receipts if r.learned]
    assert receipts
    passed = judged.facts["gate"] == "passed"
    for receipt in receipts:
        steps = {str(step.kind): step for step in receipt.steps}
        assert receipt.learned[0].dataset == dataset
        assert (steps["dataset"].version, steps["model"].version) == (golden.version, model.version)
        assert f"verdicts/{dataset}" in steps["dataset"].cause
        assert f"verdicts/{dataset}" in steps["model"].cause
        assert steps["evaluation"].detail["passed"] is passed
        assert steps["evaluation"].detail["metrics"]["average_precision"]["before"] > 0
        assert receipt.stage == ("served" if passed else "evaluation")
        if passed:
            assert steps["release"].version == steps["served"].version == release.version


def test_an_edited_feature_retrains_the_detector_that_uses_it(installation: Installation):
    view = "features/sshd_source_5m.textproto"
    installation.edit(view, '"count(DISTINCT host)"', '"1 + count(DISTINCT host)"')
    made = installation.settle()
    expected = {
        *days_of("features/sshd_source_5m"),
        "golden_features/ssh_bruteforce",
        f"training_set/{SSH}",
        f"model/{SSH}",
        f"evaluation/{SSH}",
        f"quality/{SSH}",
        "golden_report/ssh_bruteforce",
        "overview/page",
    }
    released = {f"release/{SSH}", f"scores/{SSH}[{NEWEST}]", f"drift/{SSH}[{NEWEST}]"}
    assert expected <= made
    assert made - expected <= {*released, f"alerts/daily[{NEWEST}]"}


def test_a_feature_edited_into_the_same_values_ends_at_its_rows(installation: Installation):
    view = "features/sshd_source_5m.textproto"
    definition = "epoch(max(event_time) - min(event_time))"
    installation.edit(view, definition, f"0 + {definition}")
    assert installation.settle() == {
        *days_of("features/sshd_source_5m"),
        "golden_features/ssh_bruteforce",
    }


def test_a_feature_that_no_detector_uses_retrains_none(installation: Installation):
    view = "features/sshd_source_5m.textproto"
    definition = "epoch(max(event_time) - min(event_time))"
    installation.edit(view, definition, f"60 * {definition}")
    made = installation.settle()
    assert made == {
        *days_of("features/sshd_source_5m"),
        "golden_features/ssh_bruteforce",
        "golden_report/ssh_bruteforce",
        f"training_set/{SSH}",
    }


def test_an_edited_gate_judges_anew_and_trains_nothing(installation: Installation):
    installation.edit("detectors/ssh_bruteforce_gb.textproto", "tolerance: 0.01", "tolerance: 0.02")
    made = installation.settle()
    assert f"evaluation/{SSH}" in made
    assert layers(made) <= {"evaluation", "quality", "overview"}


def test_a_drift_policy_and_a_cadence_run_nothing(installation: Installation):
    file = installation.settings.catalog / "detectors" / "ssh_bruteforce_gb.textproto"
    text = file.read_text()
    assert "\ndrift {" in text and "\ncadence {" in text
    file.write_text(text[: text.index("\ndrift {")] + "\n")
    assert installation.plan().idle


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("features/sshd_source_5m.textproto", '"Failed log-ins"', '"Log-ins that failed"'),
        ("detectors/ssh_bruteforce_gb.textproto", "# Addresses that", "# All addresses that"),
        ("sources/sshd.textproto", 'owners: "team:', '\n\n  owners: "team:new-'),
    ],
    ids=["display_name", "comment", "owners"],
)
def test_words_for_people_run_nothing(installation: Installation, file, old, new):
    installation.edit(file, old, new)
    assert installation.plan().idle


def test_a_field_that_nobody_references_retrains_none(installation: Installation):
    source = installation.settings.catalog / "sources" / "sshd.textproto"
    source.write_text(
        source.read_text()
        + 'fields { name: "nobodys" display_name: "Nobody\'s" data_type: "INTEGER"'
        ' definition: "1" }\n'
    )
    made = installation.settle()
    assert set(days_of("parsed/sshd")) <= made
    assert layers(made) <= {"parsed", "features", "golden", "golden_features", "training_set",
                            "templates", "scores", "drift", "alerts", "quality", "overview",
                            "golden_report"}  # fmt: skip
    assert not [place for place in made if "hdfs" in place]


def test_a_day_that_is_run_again_by_hand_changes_nothing_after_it(installation: Installation):
    job = definitions(installation.open()).resolve_implicit_global_asset_job_def()
    keys = [dg.AssetKey(["parsed", "sshd"]), dg.AssetKey(["rejects", "sshd"])]
    with installation.instance() as instance:
        result = job.execute_in_process(
            instance=instance, asset_selection=keys, partition_key=DAYS[1]
        )
    assert result.success
    assert installation.settle() == set()


def test_raw_files_that_were_pruned_leave_what_was_made_of_them(installation: Installation):
    shutil.rmtree(installation.settings.landing / "berlin" / "sshd" / DAYS[0])
    assert installation.plan().idle


def test_a_day_out_of_range_is_held_and_keeps_nothing_back(installation: Installation):
    factory = installation.open()
    assert factory.has_day(NEWEST)
    installation.land("x\n", "hdfs", day="2999-01-01")
    installation.land("not a line of sshd\n", "sshd")
    decided = plan_of(factory)
    assert [run.assets for run in decided.runs] == [("parsed/sshd",)]
    assert decided.held.keys() == {"landing/hdfs[2999-01-01]"}


def test_a_definition_with_an_error_is_refused_whole(installation: Installation):
    installation.edit("sources/sshd.textproto", 'name: "sshd"', 'nmae: "sshd"')
    with pytest.raises(CatalogError, match=r"sshd\.textproto"):
        installation.open()
