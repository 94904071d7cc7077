"""What an operator sees of scorers: in `whetstone alerts`, and in `whetstone status`."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands.command import Command
from tests.triage.scorer_records import DAY, a_notice, a_record, checked, of_batch
from triage import CaseStore
from workbench.scorers import read_scorers, show_scorers

ROOT = Path(__file__).resolve().parents[2]
DIGEST = {
    "version": "0.1",
    "events_per_second": 812.5,
    "latency_seconds": {"p50": 0.02, "p99": 0.0812},
    "lag_seconds": 0.0,
    "rejects": 3,
    "dropped": 0,
    "releases": [{"detector": "brute", "role": "champion", "version": "7", "published": 1e9}],
    "problems": [{"kind": "output", "name": "webhook", "detail": "for 90 s: refused"}],
}
HOSTILE = {
    "version": "\x1b[31m<b>" * 100,
    "events_per_second": "many",
    "latency_seconds": [1],
    "releases": [7, {"detector": ["x"]}],
    "problems": {"a": 1},
}


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[CaseStore]:
    with closing(CaseStore(f"sqlite:///{tmp_path}/cases.db")) as cases:
        yield cases


def test_alerts_lists_those_of_scorers_but_none_of_challengers_and_canaries(
    cases: CaseStore, tmp_path: Path
) -> None:
    cases.replace_alerts(DAY, "brute", [of_batch("batch")])
    cases.take_records(
        checked(a_record("live"), a_record("shadow", shadow=True), a_record("canary", canary=True))
    )
    found = Command(tmp_path, ROOT / "catalog").good("alerts")
    assert {row["alert"]: row["scorer"] for row in found["alerts"]} == {"batch": "", "live": "open"}
    assert found["open"] == 2


def test_status_tells_how_each_scorer_is(cases: CaseStore) -> None:
    cases.hear("berlin", "box1", DIGEST)
    cases.take_records(checked(a_record("shadow", shadow=True), a_notice()))
    found = read_scorers(cases)
    (scorer,) = found["scorers"]
    assert scorer.pop("heard_seconds_ago") < 60
    assert scorer == {
        "environment": "berlin",
        "name": "box1",
        "version": "0.1",
        "events_per_second": 812.5,
        "p99_ms": 81.2,
        "lag_seconds": 0.0,
        "rejects": 3,
        "dropped": 0,
        "releases": "brute 7",
        "problems": "output webhook for 90 s: refused",
    }
    assert found["scorer_records"]["challenger"] == 1
    assert found["notices"][0]["message"] == "swapped"


def test_a_digest_that_lies_harms_neither_status_nor_terminal(
    cases: CaseStore, capsys: pytest.CaptureFixture[str]
) -> None:
    cases.hear("berlin", "box1", HOSTILE)
    cases.hear("berlin", "\x1b[2J", {})
    found = read_scorers(cases)
    assert len(found["scorers"][1]["version"]) == 200
    show_scorers(found)
    assert "\x1b[2J" not in capsys.readouterr().out
