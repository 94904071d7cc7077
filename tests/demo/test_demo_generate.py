"""The generator of the demo's logs, as the workbench uses it."""

import csv
import fcntl
import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from demo.generate import BROKEN_SHARE, generate
from demo.truth import GroundTruth
from whetstone.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
UNTIL = date(2026, 3, 15)
ENVIRONMENTS = ["berlin", "lisbon", "oslo"]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> GroundTruth:
    """Ten days at full volume: three before and seven after things change."""
    return generate(tmp_path_factory.mktemp("demo") / "week", days=10, until=UNTIL)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def small(out: Path, **changes: object) -> GroundTruth:
    arguments = {"days": 2, "until": UNTIL, "environments": ["oslo"], "scale": 0.1} | changes
    return generate(out, **arguments)  # pyright: ignore[reportArgumentType]


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8", "surrogateescape").splitlines()


def flow_events(week: GroundTruth, pattern: str) -> list[dict]:
    events = []
    for path in week.out.glob(pattern):
        for line in path.read_bytes().split(b"\n"):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and event.get("event_type") == "flow":
                events.append(event)
    return events


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = small(tmp_path / "a"), small(tmp_path / "b")
    assert contents(first.out) == contents(second.out)
    assert first.rows == second.rows


def test_another_seed_gives_other_logs(tmp_path: Path) -> None:
    first, second = contents(small(tmp_path / "a").out), contents(small(tmp_path / "b", seed=8).out)
    logs = [name for name in first if name.endswith((".log", "eve.json"))]
    assert logs
    assert all(first[name] != second[name] for name in logs)


def test_a_day_does_not_depend_on_days_or_on_other_environments(tmp_path: Path) -> None:
    few = contents(small(tmp_path / "few", days=1).out / "production")
    many = small(tmp_path / "many", days=8, environments=["berlin", "oslo"]).out / "production"
    assert few.items() <= contents(many).items()


def test_contributions_do_not_depend_on_when_the_demo_runs(tmp_path: Path) -> None:
    today = small(tmp_path / "a").out / "contributions"
    later = small(tmp_path / "b", until=UNTIL + timedelta(days=30)).out / "contributions"
    assert contents(today) == contents(later)


def test_complete_output_with_the_same_parameters_is_used_as_it_is(tmp_path: Path) -> None:
    first = small(tmp_path / "a")
    inode = first.out.stat().st_ino
    assert small(tmp_path / "a").rows == first.rows
    assert first.out.stat().st_ino == inode


def test_other_parameters_replace_the_output(tmp_path: Path) -> None:
    small(tmp_path / "a", days=3)
    replaced = small(tmp_path / "a", days=1)
    assert contents(replaced.out) == contents(small(tmp_path / "b", days=1).out)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"a", "b"}


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="something else"):
        small(tmp_path / "a")
    assert (tmp_path / "a" / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize(
    "wrong", [{"days": 0}, {"scale": 0}, {"environments": []}, {"environments": ["../oslo"]}]
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        small(tmp_path / "a", **wrong)


def test_generation_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    program = (
        "from datetime import date; from pathlib import Path; from demo.generate import generate;"
        f"generate(Path({str(tmp_path / 'a')!r}), days=2, until=date({UNTIL:%Y, %-m, %-d}),"
        "environments=['oslo'] + [f'site{n}' for n in range(400)], scale=0.1)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    begun = tmp_path / ".a.partial" / "production" / "oslo" / "hdfs"
    deadline = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < deadline:
        assert process.poll() is None
    process.kill()
    process.wait()
    assert begun.exists()
    assert not (tmp_path / "a").exists()
    assert contents(small(tmp_path / "a").out) == contents(small(tmp_path / "b").out)
    assert not (tmp_path / ".a.partial").exists()


def test_a_second_process_waits_for_the_first_and_uses_its_output(tmp_path: Path) -> None:
    program = (
        "from datetime import date; from pathlib import Path; from demo.generate import generate;"
        f"generate(Path({str(tmp_path / 'a')!r}), days=2, until=date({UNTIL:%Y, %-m, %-d}),"
        "environments=['oslo'], scale=0.1)"
    )
    with (tmp_path / ".a.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        both = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert contents(tmp_path / "a") == contents(small(tmp_path / "b").out)


def test_every_source_has_the_volume_that_the_demo_counts_on(week: GroundTruth) -> None:
    for source, file, least, most in (
        ("sshd", "auth.log", 600, 1900),
        ("suricata_flow", "eve.json", 1500, 2500),
        ("hdfs", "hdfs.log", 2400, 4200),
    ):
        counts = [
            path.read_bytes().count(b"\n")
            for path in week.out.glob(f"production/*/{source}/*/{file}")
        ]
        assert len(counts) == 30
        assert least <= min(counts)
        assert max(counts) <= most


def test_labels_name_units_that_occur_in_the_contribution(week: GroundTruth) -> None:
    folders = list((week.out / "contributions").glob("*/*"))
    assert Counter(folder.parent.name for folder in folders) == {
        "ssh_bruteforce": 3,
        "network_scan": 2,
        "hdfs_blocks": 3,
    }
    for folder in folders:
        [log] = [path for path in folder.iterdir() if path.name not in _NOT_LOGS]
        text = log.read_text()
        with (folder / "labels.csv").open() as file:
            rows = list(csv.DictReader(file))
        named, rest = rows[:-1], rows[-1]
        assert rest["unit"] == "*"
        assert rest["label"] in ("benign", "Normal")
        assert len(named) >= 8
        assert {row["label"] for row in named} <= {"attack", "scan", "Anomaly"}
        assert all(row["unit"] in text for row in named)
        for row in named:
            if row["start"]:
                start, end = map(datetime.fromisoformat, (row["start"], row["end"]))
                assert start < end


_NOT_LOGS = ("labels.csv", "contribution.json")


def test_contributions_say_who_made_them_for_what(week: GroundTruth) -> None:
    people = set()
    for path in week.out.glob("contributions/*/*/contribution.json"):
        facts = json.loads(path.read_text())
        assert facts["dataset"] == path.parent.parent.name
        assert set(facts) == {"dataset", "source", "contributor", "note", "day"}
        date.fromisoformat(facts["day"])
        people.add(facts["contributor"])
    assert len(people) == 8


def test_no_unit_of_a_contribution_occurs_in_production(week: GroundTruth) -> None:
    named = set()
    for path in week.out.glob("contributions/*/*/labels.csv"):
        with path.open() as file:
            named |= {row["unit"] for row in csv.DictReader(file)}
    assert not named & {row.unit for row in week.rows}


def test_the_truth_names_units_of_that_day(week: GroundTruth) -> None:
    assert week.rows
    files = {"sshd": "auth.log", "suricata_flow": "eve.json", "hdfs": "hdfs.log"}
    logs: dict[Path, str] = {}
    for row in week.rows:
        folder = week.out / "production" / row.environment / row.source / row.day.isoformat()
        path = folder / files[row.source]
        if path not in logs:
            logs[path] = path.read_text("utf-8", "surrogateescape")
        assert row.unit in logs[path]
        assert row.start.date() == row.end.date() == row.day


def test_every_attack_and_every_lookalike_happens(week: GroundTruth) -> None:
    assert {(row.source, row.attack) for row in week.rows} == {
        ("sshd", "brute_force"),
        ("sshd", "password_spraying"),
        ("sshd", "credential_stuffing"),
        ("sshd", "mistyped_password"),
        ("sshd", "expired_password"),
        ("sshd", "monitoring"),
        ("sshd", "vulnerability_scanner"),
        ("suricata_flow", "sweep"),
        ("suricata_flow", "vertical_scan"),
        ("suricata_flow", "slow_scan"),
        ("suricata_flow", "udp_scan"),
        ("suricata_flow", "connect_scan"),
        ("suricata_flow", "vulnerability_scanner"),
        ("hdfs", "hot_block"),
        ("hdfs", "never_written"),
        ("hdfs", "write_failed"),
        ("hdfs", "stored_after_delete"),
        ("hdfs", "deleted_unknown"),
        ("hdfs", "replica_missing"),
        ("hdfs", "redundant_store"),
        ("hdfs", "empty_packet"),
    }


def test_the_vulnerability_scanner_runs_in_oslo_from_the_second_week_on(week: GroundTruth) -> None:
    scans = [row for row in week.rows if row.attack == "vulnerability_scanner"]
    assert {row.environment for row in scans} == {"oslo"}
    assert {row.day for row in scans} == {UNTIL - timedelta(days=ago) for ago in range(7)}


def test_new_software_in_lisbon_shifts_flow_sizes_in_the_second_week(week: GroundTruth) -> None:
    def received(environment: str, day: date) -> float:
        sizes = sorted(
            event["flow"]["bytes_toclient"]
            for event in flow_events(week, f"production/{environment}/*/{day}/eve.json")
            if event.get("dest_port") == 443 and event["flow"]["pkts_toclient"] > 2
        )
        return sizes[len(sizes) // 2]

    before, after = UNTIL - timedelta(days=9), UNTIL - timedelta(days=2)
    assert received("lisbon", after) > 1.4 * received("lisbon", before)
    assert 0.8 < received("berlin", after) / received("berlin", before) < 1.25


def test_an_analyst_knows_what_a_unit_was_when(week: GroundTruth) -> None:
    for row in week.rows:
        verdict = week.verdict(row.environment, row.source, row.unit, row.start, row.end)
        if row.label in ("attack", "scan", "Anomaly"):
            assert verdict == "true_positive"
        elif row.label == "benign_expected":
            assert verdict == "benign_expected"
    spray = next(row for row in week.rows if row.attack == "brute_force")
    before = spray.start - timedelta(hours=9)
    assert week.verdict("berlin", "sshd", "no one", before, before) == "false_positive"
    calm = week.verdict(spray.environment, "sshd", spray.unit, before, before)
    assert calm == "false_positive"


def test_about_one_line_in_a_thousand_is_broken(week: GroundTruth) -> None:
    events = broken = 0
    for path in week.out.glob("production/*/suricata_flow/*/eve.json"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            events += 1
            try:
                json.loads(line)
            except ValueError:
                broken += 1
    assert 0.5 * BROKEN_SHARE < broken / events < 2 * BROKEN_SHARE


def test_weekends_are_quieter_than_workdays(week: GroundTruth) -> None:
    def logins(day: date) -> int:
        paths = week.out.glob(f"production/*/sshd/{day}/auth.log")
        return sum(line.count("Accepted password") for path in paths for line in lines(path))

    sunday, friday = UNTIL, UNTIL - timedelta(days=2)
    assert logins(sunday) < 0.6 * logins(friday)


def test_a_log_is_in_the_order_of_time_and_of_one_day(week: GroundTruth) -> None:
    day = UNTIL - timedelta(days=1)
    for path in week.out.glob(f"production/*/sshd/{day}/auth.log"):
        clocks = [line[:15] for line in lines(path) if "sshd[" in line[:50]]
        assert clocks == sorted(clocks)
        assert {clock[:6] for clock in clocks} == {"Mar 14"}
    for path in week.out.glob(f"production/*/hdfs/{day}/hdfs.log"):
        clocks = [line[:13] for line in lines(path) if line.startswith("2603") and len(line) > 24]
        assert clocks == sorted(clocks)
        assert {clock[:6] for clock in clocks} == {"260314"}
