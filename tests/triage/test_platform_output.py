"""The scorer's side of the platform's API, against the real server."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.triage.scorer_records import a_notice, a_record
from tests.triage.servers import PATIENCE, Served, serving
from triage.access import Tokens
from whetstone.errors import InputError
from whetstone.streaming.health.heartbeat import Heartbeats
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.outputs import OutputError, Refused, open_output
from whetstone.streaming.outputs.output import Entry
from whetstone.streaming.outputs.platform import MOST_REQUEST_BYTES, Platform

TOKEN = "t" * 32


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


def an_entry(record: dict[str, Any]) -> Entry:
    return Entry(record["event"]["id"], record["whetstone"].get("revision", 1), record)


def numbered(*records: dict[str, Any]) -> list[tuple[int, Entry]]:
    return list(enumerate(map(an_entry, records), 1))


def platform(served: Served, options: str = "", port: int | None = None) -> Platform:
    url = f"http://127.0.0.1:{port or served.port}"
    output = open_output(f"platform+{url}/{options}", Path("unused"))
    assert isinstance(output, Platform)
    return output


def test_everything_a_scorer_says_goes_to_the_platform(served: Served) -> None:
    output = platform(served)
    records = [a_record(), a_record("bb", shadow=True), a_record("cc", canary=True), a_notice()]
    assert all(output.wants(an_entry(record)) for record in records)
    output.send(numbered(*records))
    output.send(numbered(*records))
    assert [alert.alert_id for alert in served.cases.alerts()] == ["aa"]
    assert list(served.cases.record_counts().values()) == [1, 1, 1, 1]
    record = served.cases.record("aa")
    assert record is not None
    assert record["event"]["sequence"] == 1


def test_what_is_too_much_for_one_request_goes_in_several(served: Served) -> None:
    many = [a_record(f"{n:03d}", lines=["x" * 100_000]) for n in range(90)]
    assert sum(len(str(record)) for record in many) > 2 * MOST_REQUEST_BYTES
    platform(served).send(numbered(*many))
    assert len(served.cases.alerts(limit=1000)) == 90


def test_an_alert_with_too_much_context_is_sent_without_it(served: Served) -> None:
    context = [{"fields": {"message": "x" * 10_000}}] * 200
    platform(served).send(numbered(a_record(context=context)))
    record = served.cases.record("aa")
    assert record is not None
    assert record["whetstone"]["left_out"] == ["context"]
    assert record["whetstone"]["lines"][0]["line"] == 7


def test_a_record_that_the_platform_never_takes_is_refused_with_its_reason(served: Served) -> None:
    with pytest.raises(Refused, match=r"answers 422: records\.0\.alert\.whetstone\.status"):
        platform(served).send(numbered(a_record(status="gone")))


def test_a_platform_that_is_away_is_tried_again(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    away = platform(served, port=port)
    with pytest.raises(OutputError, match="check that the platform runs") as raised:
        away.send(numbered(a_record()))
    assert not isinstance(raised.value, Refused)


def test_a_token_comes_from_a_file_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with serving(tmp_path, Tokens({TOKEN: "berlin"})) as served:
        platform(served, f"?token={tmp_path}/token").send(numbered(a_record()))
        assert [alert.alert_id for alert in served.cases.alerts()] == ["aa"]
        (tmp_path / "wrong").write_text("w" * 32)
        for without in (platform(served), platform(served, f"?token={tmp_path}/wrong")):
            with pytest.raises(OutputError, match=r"401.*\?token=") as raised:
                without.send(numbered(a_record("bb")))
            # An operator can mend it: nothing is given up.
            assert not isinstance(raised.value, Refused)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("platform+http://platform.example?token={here}", r"platform\+https://"),
        ("platform+https://?token={here}", "name the platform"),
        ("platform+https://platform.example?tokn={here}", "did you mean token"),
        ("platform+https://platform.example?token=/nowhere", "/nowhere cannot be read"),
        ("platform+https://platform.example?token={here}", "more than one word"),
    ],
)
def test_a_wrong_url_is_refused_with_the_remedy(url: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        open_output(url.format(here=__file__), Path("unused"))


def test_a_scorer_is_heard_of_while_it_runs(served: Served) -> None:
    metrics = Metrics("berlin", "0.1")
    metrics.parsed("sshd", 7, {"no_match": 2})
    metrics.serving("brute", False, "3")
    beats = Heartbeats([platform(served)], metrics, "box1", interval=0.01)
    beats.start()
    deadline = time.monotonic() + PATIENCE
    while not (seen := served.cases.scorers()) and time.monotonic() < deadline:
        time.sleep(0.01)
    first = seen[0].heard
    while served.cases.scorers()[0].heard == first and time.monotonic() < deadline:
        time.sleep(0.01)
    beats.stop()
    (scorer,) = served.cases.scorers()
    assert (scorer.environment, scorer.name, beats.error) == ("berlin", "box1", "")
    assert scorer.heard > first
    assert (scorer.digest["events"], scorer.digest["rejects"]) == (7, 2)
    assert scorer.digest["releases"][0]["version"] == "3"


def test_a_heartbeat_that_nobody_hears_is_said_and_harms_nothing(served: Served) -> None:
    nobody = platform(served, port=1)
    beats = Heartbeats([nobody], Metrics("berlin"), "box1")
    beats.beat()
    assert "check that the platform runs" in beats.error
