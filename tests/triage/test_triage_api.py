"""The platform's HTTP API over a real socket: what it takes, what it refuses, whom it serves."""

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.triage.scorer_records import NOON, a_notice, a_record, of_batch
from tests.triage.servers import PATIENCE, Served, serving
from triage.access import MOST_BODY_BYTES, Tokens
from triage.shapes import MOST_RECORDS
from whetstone.errors import InputError

BERLIN, ALL = "b" * 32, "a" * 32


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("open")) as served:
        yield served


@pytest.fixture
def api(shared: Served, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The server with nothing in its store."""
    database = shared.cases.database.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(database, timeout=PATIENCE)) as connection, connection:
        for table in ("verdicts", "alerts", "scorer_records", "scorers"):
            connection.execute(f"DELETE FROM {table}")
    return shared


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    tokens = Tokens({BERLIN: "berlin", ALL: "*"})
    with serving(tmp_path_factory.mktemp("guarded"), tokens) as served:
        yield served


def send(api: Served, *records: dict[str, Any], **headers: str) -> Any:
    return api.post("/api/alerts", {"records": list(records)}, **headers)


def test_records_are_taken_and_come_back_as_alerts(api: Served) -> None:
    answer = send(api, a_record(), a_notice(), a_record("bb", shadow=True))
    assert (answer.status, answer.json) == (200, {"taken": 3, "known": 0})
    assert send(api, a_record()).json == {"taken": 0, "known": 1}

    page = api.get("/api/alerts?environment=berlin&state=open").json
    (alert,) = page["alerts"]
    assert page["after"] is None
    assert alert["alert_id"] == "aa"
    assert alert["event_timestamp"] == "2026-03-02T12:00:00.000000Z"
    assert (alert["state"], alert["status"], alert["score"]) == ("open", "open", 0.7)
    whole = api.get("/api/alerts/aa").json
    assert whole["alert"] == alert
    assert whole["record"]["whetstone"]["lines"][0]["line"] == 7


def test_an_alert_of_the_batch_has_no_record_of_a_scorer(api: Served) -> None:
    api.cases.replace_alerts(NOON.date(), "brute", [of_batch()])
    api.cases.give_verdict("aa", "true_positive", by="ada")
    whole = api.get("/api/alerts/aa").json
    assert whole["record"] is None
    assert whole["alert"]["verdicts"][0]["value"] == "true_positive"


def test_the_queue_is_read_page_by_page(api: Served) -> None:
    send(api, *(a_record(f"{n}", score=n / 10) for n in range(5)))
    seen: list[str] = []
    path = "/api/alerts?limit=2"
    while True:
        page = api.get(path).json
        seen += [alert["alert_id"] for alert in page["alerts"]]
        if page["after"] is None:
            break
        path = f"/api/alerts?limit=2&after={page['after']}"
    assert seen == ["4", "3", "2", "1", "0"]


def test_what_challengers_say_and_notices_are_read_by_their_role(api: Served) -> None:
    send(api, a_record("bb", shadow=True), a_notice())
    assert len(api.get("/api/records/challenger?detector=brute").json["records"]) == 1
    assert api.get("/api/records/challenger?environment=oslo").json["records"] == []
    assert api.get("/api/records/notice").json["records"][0]["whetstone"]["kind"] == "release"
    assert api.get("/api/records/gossip").status == 422


def test_scorers_tell_of_themselves(api: Served) -> None:
    body = {"scorer": "box1", "environment": "berlin", "digest": {"events": 7, "odd": "\ud800\0"}}
    assert api.post("/api/scorers", body).json == {"heard": True}
    (scorer,) = api.get("/api/scorers").json["scorers"]
    assert (scorer["name"], scorer["digest"]["events"]) == ("box1", 7)


def test_hostile_text_comes_back_as_text_in_json_that_no_browser_takes_for_a_page(
    api: Served,
) -> None:
    text = "<script>alert(1)</script>\0\ud800\x1b[31m"
    part = {"feature": "path", "value": text, "contribution": 1.0}
    record = a_record(unit=text, entity={"user": text}, explanation=[part])
    assert send(api, record).status == 200
    answer = api.get("/api/alerts/aa")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    kept = "<script>alert(1)</script>\ufffd?\x1b[31m"
    assert answer.json["alert"]["unit"] == kept
    assert answer.json["alert"]["explanation"][0]["value"] == kept


WRONG: list[tuple[dict[str, Any], str]] = [
    (a_record(score="high"), "records.0.alert.whetstone.score"),  # pyright: ignore[reportArgumentType]
    (a_record(score=float("nan")), "records.0.alert.whetstone.score"),
    (a_record(revision=0), "records.0.alert.whetstone.revision"),
    (a_record(revision=1 << 40), "records.0.alert.whetstone.revision"),
    (a_record(status="gone"), "records.0.alert.whetstone.status"),
    (a_record("../../etc"[:0] + "a b"), "records.0.alert.event.id"),
    (a_record(unit_start="yesterday"), "records.0.alert.whetstone.unit_start"),
    (a_record(unit_start="0001-01-01T00:00:00+14:00"), "outside the years"),
    (a_record(explanation=[{"feature": "x"}]), "explanation.0.value"),
    (a_record(unit="x" * 10_001), "records.0.alert.whetstone.unit"),
    (a_notice(kind="A B"), "records.0.notice.whetstone.kind"),
    ({"event": {"id": "aa", "kind": "alert"}}, "records.0.alert.@timestamp"),
]


@pytest.mark.parametrize(("record", "named"), WRONG)
def test_a_wrong_record_is_named_by_its_field_and_nothing_is_stored(
    api: Served, record: dict[str, Any], named: str
) -> None:
    answer = send(api, record, a_record("good"))
    assert answer.status == 422
    assert named in answer.error
    assert len(answer.text) < 3000
    assert api.get("/api/alerts").json["alerts"] == []


def test_nesting_without_end_is_refused(api: Served) -> None:
    deep = a_record(context=json.loads("[" * 40 + "]" * 40))
    assert "nested deeper" in send(api, deep).error
    bottomless = b'{"records": ' + b"[" * 100_000
    assert api.send("POST", "/api/alerts", bottomless, {}).status in (400, 422)


def test_too_much_is_refused_before_it_is_stored(api: Served) -> None:
    many = [a_record(str(n)) for n in range(MOST_RECORDS + 1)]
    assert "at most 500 items" in send(api, *many).error
    large = send(api, a_record(lines=["x" * (1 << 20)]))
    assert (large.status, "leave context out" in large.error) == (413, True)
    assert api.get("/api/alerts").json["alerts"] == []


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_is_cut_off(api: Served, chunked: bool) -> None:
    piece = b" " * (1 << 20)
    pieces = MOST_BODY_BYTES // len(piece) + 1
    headers = {} if chunked else {"Content-Length": str(pieces * len(piece))}
    answer = api.send("POST", "/api/alerts", iter([piece] * pieces), headers)
    assert answer.status == 413
    assert "send fewer records" in answer.error


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Encoding": "gzip"}, 415),
        # What a form of another page can send without asking.
        ({"Content-Type": "text/plain"}, 422),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 422),
        # A page that bends a name of its own to this machine.
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:8080"}, 403),
    ],
)
def test_requests_of_another_kind_are_refused(
    api: Served, headers: dict[str, str], status: int
) -> None:
    body = json.dumps({"records": [a_record()]}).encode()
    answer = api.send("POST", "/api/alerts", body, headers)
    assert answer.status == status
    assert answer.error
    assert api.cases.alerts() == []


def test_an_id_of_another_detector_is_refused(api: Served) -> None:
    send(api, a_record())
    answer = send(api, a_record(detector="scan", revision=2))
    assert (answer.status, "of another environment's or detector's" in answer.error) == (422, True)


def test_unknown_things_are_answered_in_json(api: Served) -> None:
    assert api.get("/api/alerts/nobody").error == "no such alert"
    assert api.get("/nowhere").status == 404
    assert api.send("DELETE", "/api/alerts", None, {}).status == 405
    assert api.get("/api/alerts?limit=100000").status == 422
    assert "begin again" in api.get("/api/alerts?after=nobody").error


def test_it_describes_itself_and_loads_nothing_from_elsewhere(api: Served) -> None:
    described = api.get("/openapi.json").json
    assert {"/api/alerts", "/api/alerts/{alert_id}", "/api/scorers", "/health"} <= set(
        described["paths"]
    )
    assert "threshold" in json.dumps(described["components"]["schemas"]["AlertPart"])
    assert api.get("/docs").status == 404


def test_health_says_when_the_case_store_is_gone(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        assert served.get("/health").json == {"status": "ok"}
        with closing(sqlite3.connect(tmp_path / "cases.db")) as connection:
            connection.execute("DROP TABLE scorer_records")
        answer = served.get("/health")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert "send it again later" in answer.error


@pytest.mark.parametrize("sent", ["", "Bearer", f"Bearer {'c' * 32}", f"Basic {ALL}", f"{ALL}"])
def test_without_a_token_nothing_is_read_or_written(guarded: Served, sent: str) -> None:
    headers = {"Authorization": sent} if sent else {}
    for answer in (guarded.get("/api/alerts", **headers), send(guarded, a_record(), **headers)):
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert guarded.get("/openapi.json", **headers).status == 401
    assert guarded.get("/health").status == 200


def test_a_token_speaks_for_its_environment_only(guarded: Served) -> None:
    berlin, everything = {"Authorization": f"Bearer {BERLIN}"}, {"Authorization": f"Bearer {ALL}"}
    oslo = a_record("oo", environment="oslo")
    assert send(guarded, a_record(), **berlin).status == 200
    assert send(guarded, oslo, **everything).status == 200

    refusal = send(guarded, a_record("bb"), a_record("xx", environment="oslo"), **berlin)
    assert (refusal.status, "records.1" in refusal.error) == (403, True)
    beat = {"scorer": "box", "environment": "oslo", "digest": {}}
    assert guarded.post("/api/scorers", beat, **berlin).status == 403
    assert guarded.post("/api/scorers", beat, **everything).status == 200
    assert guarded.get("/api/scorers", **berlin).json["scorers"] == []

    def ids(headers: dict[str, str]) -> set[str]:
        return {a["alert_id"] for a in guarded.get("/api/alerts", **headers).json["alerts"]}

    assert (ids(berlin), ids(everything)) == ({"aa"}, {"aa", "oo"})
    assert guarded.get("/api/alerts?environment=oslo", **berlin).status == 403
    assert guarded.get("/api/alerts/oo", **berlin).status == 404
    assert guarded.get("/api/alerts/oo", **everything).status == 200
    assert guarded.get("/api/records/champion", **berlin).json["records"][0]["event"]["id"] == "aa"


@pytest.mark.parametrize(
    ("text", "mode", "named"),
    [
        ("berlin short", 0o600, ":1: write an environment"),
        (f"# comment\nberlin {BERLIN} more", 0o600, ":2: write an environment"),
        ("\n# none\n", 0o600, "has no token"),
        (f"berlin {BERLIN}", 0o640, "others may read it; run chmod 600"),
    ],
)
def test_a_wrong_token_file_is_refused_with_its_line(
    tmp_path: Path, text: str, mode: int, named: str
) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(InputError, match=named):
        Tokens.read(path)


def test_tokens_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# for the scorers\nberlin {BERLIN}\n* {ALL}\n")
    path.chmod(0o600)
    tokens = Tokens.read(path)
    found = [tokens.environment(token) for token in (BERLIN, ALL, "", "b" * 31)]
    assert found == ["berlin", "*", None, None]
    with pytest.raises(InputError, match=r"token file .*nowhere"):
        Tokens.read(tmp_path / "nowhere")


def test_clients_that_break_off_leave_the_server_well(api: Served) -> None:
    head = b"POST /api/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n\r\n{"
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", api.port)) as broken:
            broken.sendall(head)
    errors: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: errors.append(send(api, a_record(str(n))).status))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert errors == [200] * 8
    assert len(api.cases.alerts()) == 8
