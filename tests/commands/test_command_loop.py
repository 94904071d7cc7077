"""What analysts, engineers and environments do with a settled installation."""

import gzip
import shutil
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command import Command

from tests.assets.installation import DAYS, DETECTORS, Installation
from whetstone.lake import Place

HDFS = "hdfs_block_pca"
SSH = "ssh_bruteforce_gb"


def first_alert(command: Command, detector: str = SSH) -> str:
    return command.good("alerts", "--detector", detector, "--limit", 1)["alerts"][0]["alert"]


class TestEvaluate:
    @pytest.fixture(scope="class")
    def real_lines(self, real_data: Path) -> tuple[Path, Path]:
        """Real lines of HDFS with the labels of their blocks."""
        raw = real_data / "hdfs" / "raw"
        return (
            raw / "HDFS_sessions_early30pct.log.gz",
            raw / "HDFS_sessions_early30pct_labels.csv.gz",
        )

    def test_real_labelled_blocks_are_judged_by_every_measure(
        self, looking: Command, real_lines: tuple[Path, Path]
    ) -> None:
        raw, labels = real_lines
        result = looking.good("evaluate", HDFS, raw, "--labels", labels)
        with gzip.open(labels, "rt") as rows:
            given = [row.split(",")[1] for row in rows][1:]
        assert result["n"] == len(given)
        assert result["positives"] == given.count("Anomaly")
        assert result["coverage"] == 1
        assert set(result["recall_at_fpr"]) == {"0.001", "0.01", "0.05"}
        measures = ("precision", "recall", "f1", "average_precision", "auc")
        for name in measures:
            low, high = result["intervals"][name]
            assert 0 <= low <= result[name] <= high <= 1, name
        # By chance average precision would be the share of positives.
        assert result["average_precision"] > 3 * result["positives"] / result["n"]

    def test_labels_of_blocks_that_are_not_there_lower_the_coverage(
        self, looking: Command, real_lines: tuple[Path, Path], tmp_path: Path
    ) -> None:
        raw, labels = real_lines
        with gzip.open(labels, "rt") as rows:
            given = [row.rsplit(",", 1)[0] for row in rows][:201]
        some = tmp_path / "labels.csv"
        some.write_text("\n".join([*given, *(f"blk_{n},Normal" for n in range(50))]))
        result = looking.good("evaluate", HDFS, raw, "--labels", some)
        assert result["n"] == 200
        assert result["labels_without_unit"] == 50
        assert result["coverage"] == pytest.approx(0.8)

    def test_people_get_a_table_with_intervals(
        self, looking: Command, real_lines: tuple[Path, Path], tmp_path: Path
    ) -> None:
        raw, labels = real_lines
        some = tmp_path / "hdfs.log"
        with gzip.open(raw, "rt") as lines:
            some.write_text("".join(next(lines) for _ in range(5000)))
        shown = looking.run("evaluate", HDFS, some, "--labels", labels).out
        assert "average_precision" in shown
        assert "recall at 0.01 false positives" in shown
        assert " to " in shown

    def test_without_a_champion_the_command_says_what_to_do_first(
        self, fresh: Command, real_lines: tuple[Path, Path]
    ) -> None:
        raw, labels = real_lines
        assert "no champion yet" in fresh.refused("evaluate", HDFS, raw, "--labels", labels)
        assert HDFS in fresh.refused("evaluate", "abacus", raw, "--labels", labels)


class TestAlertsAndVerdicts:
    def test_the_queue_can_be_narrowed_and_explains_each_alert(self, looking: Command) -> None:
        everything = looking.good("alerts", "--limit", 10_000)
        some = looking.good("alerts", "--detector", SSH, "--environment", "berlin", "--limit", 3)
        assert len(everything["alerts"]) == everything["open"] > some["open"]
        assert len(some["alerts"]) == 3
        assert {alert["detector"] for alert in some["alerts"]} == {SSH}
        assert all("=" in alert["why"] for alert in some["alerts"])
        assert all(alert["a_day"] > 0 for alert in some["alerts"])
        assert looking.good("alerts", "--environment", "atlantis")["alerts"] == []

    def test_a_verdict_by_the_beginning_of_the_id_moves_the_alert(self, whetstone: Command) -> None:
        alert = first_alert(whetstone)
        given = whetstone.good("verdict", alert[:12], "true_positive", "--by", "ada")
        assert given["alert"] == alert
        again = whetstone.good("verdict", alert, "true_positive", "--by", "ada")
        assert again["verdict"] == given["verdict"]
        assert first_alert(whetstone) != alert
        judged = whetstone.good("alerts", "--state", "judged")["alerts"]
        assert [one["verdicts"] for one in judged] == ["true_positive by ada"]
        told = whetstone.good("receipt", given["verdict"])
        assert (told["stage"], told["detector"]) == ("stored", given["detector"])
        assert "true positive by ada was stored" in told["lines"][0]
        assert whetstone.good("verdict", alert, "--undo", "--by", "ada")["retracted"]
        assert whetstone.good("receipt", given["verdict"])["stage"] == "retracted"
        assert "nothing" in whetstone.refused("verdict", alert, "--undo", "--by", "ada")

    def test_a_verdict_that_cannot_be_is_refused(self, looking: Command) -> None:
        alert = first_alert(looking)
        assert "several alerts" in looking.refused(
            "verdict", _shared_beginning(looking), "unsure", "--by", "ada"
        )
        assert "no alert 'zz'" in looking.refused("verdict", "zz", "unsure", "--by", "ada")
        assert "false_positive" in looking.refused("verdict", alert, "perhaps", "--by", "ada")
        assert "by" in looking.refused("verdict", alert, "unsure", "--by", " ")
        assert "--state" in looking.refused("alerts", "--state", "ajar")
        assert looking.good("alerts", "--state", "judged")["alerts"] == []


class TestPull:
    def test_a_second_pull_changes_nothing(self, whetstone: Command) -> None:
        first, second = (whetstone.good("pull")["pulled"] for _ in range(2))
        assert {one["detector"] for one in first} == set(DETECTORS)
        assert all(one["changed"] for one in first)
        assert not any(one["changed"] for one in second)
        assert all(Path(one["path"]).is_file() for one in second)

    def test_a_tampered_bundle_is_refused_and_what_was_pulled_stays(
        self, installation: Installation, whetstone: Command, tmp_path: Path
    ) -> None:
        whetstone.good("pull", "--into", tmp_path / "sensor", "--detector", HDFS)
        kept = next((tmp_path / "sensor" / "bundles").glob(f"{HDFS}*")).read_bytes()
        public = Path(installation.releases.url.removeprefix("file://"))
        for bundle in public.rglob("*.tar"):
            damaged = bytearray(bundle.read_bytes())
            damaged[len(damaged) // 2] ^= 1
            bundle.write_bytes(damaged)
        said = whetstone.refused("pull", "--into", tmp_path / "sensor")
        assert "error:" in said
        held = list((tmp_path / "sensor" / "bundles").iterdir())
        assert [path.read_bytes() for path in held] == [kept]

    def test_another_platform_needs_a_root_to_trust(
        self, looking: Command, fresh: Command, settled: Installation, tmp_path: Path
    ) -> None:
        root = tmp_path / "root.json"
        root.write_bytes(settled.releases.root())
        url = settled.releases.url
        assert "root" in fresh.refused("pull", "--url", url)
        pulled = fresh.good("pull", "--url", url, "--root", root, "--detector", SSH)["pulled"]
        assert [(one["detector"], one["changed"]) for one in pulled] == [(SSH, True)]

    def test_before_the_first_release_the_command_says_so(self, fresh: Command) -> None:
        assert "nothing has been released" in fresh.refused("pull")

    def test_a_repository_that_is_not_there_is_an_error(
        self, fresh: Command, settled: Installation, tmp_path: Path
    ) -> None:
        root = tmp_path / "root.json"
        root.write_bytes(settled.releases.root())
        nowhere = (tmp_path / "nowhere").as_uri()
        assert "nowhere" in fresh.refused("pull", "--url", nowhere, "--root", root)
        assert fresh.run("pull", "--url", nowhere, "--root", tmp_path / "none.json").code == 1


class TestRollback:
    def test_scores_alerts_and_pulls_follow_a_rollback(
        self, installation: Installation, whetstone: Command
    ) -> None:
        before = installation.releases.champion(SSH)
        installation.judge({a.alert_id: "benign_expected" for a in installation.alerts(SSH)[:4]})
        installation.settle()
        after = installation.releases.champion(SSH)
        assert before != after
        assert whetstone.good("rollback", SSH) == {"detector": SSH, "champion": before}
        made = installation.settle()
        assert f"scores/{SSH}[{DAYS[-1]}]" in made
        assert not any(place.startswith("model/") for place in made)
        scores = pq.read_table(installation.lake.part(Place("scores", SSH, DAYS[-1])))
        assert set(scores["model_version"].to_pylist()) == {before}
        pulled = whetstone.good("pull", "--detector", SSH)["pulled"]
        assert [one["version"] for one in pulled] == [before]

    def test_there_must_be_something_to_go_back_to(self, looking: Command) -> None:
        assert SSH in looking.refused("rollback", SSH)
        assert "abacus" in looking.refused("rollback", "abacus")


class TestStatus:
    def test_it_tells_what_is_in_force_and_why(
        self, looking: Command, settled: Installation
    ) -> None:
        found = looking.good("status")
        assert found["settings"]["home"] == str(looking.home)
        assert {row["name"] for row in found["detectors"]} == set(DETECTORS)
        assert all(row["champion"] for row in found["detectors"])
        assert sum(row["lines"] for row in found["sources"]) > 0
        assert found["alerts"]["open"] > 0
        assert found["runs"][-1]["cause"].startswith("never made")
        assert found["stale"] == []

    def test_a_new_file_is_about_to_run_with_its_cause(
        self, installation: Installation, whetstone: Command
    ) -> None:
        installation.land("Mar 10 12:00:00 gw sshd[1]: Connection closed by 10.0.0.1\n", "sshd")
        stale = whetstone.good("status")["stale"]
        assert {"asset": "parsed/sshd", "cause": "landing/sshd changed"} in stale

    def test_people_read_it_in_lines_that_end(self, looking: Command) -> None:
        shown = looking.run("status").out
        assert "home" in shown
        for detector in DETECTORS:
            assert detector in shown

    def test_an_empty_home_is_no_error(self, fresh: Command) -> None:
        found = fresh.good("status")
        assert found["detectors"] == []
        assert set(found["waiting"]) > set(DETECTORS)
        assert found["runs"] == []
        assert found["alerts"] == {"open": 0, "judged": 0, "withdrawn": 0}

    def test_a_broken_catalog_is_an_error_with_the_place(self, whetstone: Command) -> None:
        shutil.copy(
            whetstone.catalog / "sources" / "sshd.textproto",
            whetstone.catalog / "sources" / "other.textproto",
        )
        assert "sshd" in whetstone.refused("status")


def _shared_beginning(command: Command) -> str:
    """What at least two alert ids start with."""
    ids = sorted(a["alert"] for a in command.good("alerts", "--limit", 10_000)["alerts"])
    return next(a[:1] for a, b in pairwise(ids) if a[:1] == b[:1])
