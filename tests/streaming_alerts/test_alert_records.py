"""Alerts in the words of ECS, which other people's tools read."""

import json

import pytest

from tests.streaming_alerts.scored_units import (
    ENVIRONMENT,
    at,
    bodies,
    model,
    scored,
    taken,
    unit,
)
from whetstone.catalog.catalog_pb2 import ADDRESS, HOST, USER, Source
from whetstone.scoring.alerts import MOST_TEXT
from whetstone.streaming.alerting.alerts import Alerting, Limits
from whetstone.streaming.alerting.ecs import alert_document, names_of


def record(**changes) -> dict:
    (entry,) = taken(Alerting(ENVIRONMENT, version="1.2"), scored(model(), [unit(**changes)]))
    return entry.record


def document(entity: dict[str, str], **fields: int) -> dict:
    """The record of an entity of a source with such fields."""
    scorer = model()
    source = Source(name="any")
    for name, personal in fields.items():
        source.fields.add(name=name, personal_data=personal)

    class Scorer:
        detector, dataset = scorer.detector, scorer.dataset

    Scorer.source = source
    body = record()["whetstone"] | {"entity": entity}
    return alert_document(Scorer, body, "2026-11-21T12:00:00.000000Z", "")  # type: ignore


def test_an_alert_says_what_when_and_by_which_rule() -> None:
    alert = record(score=25)
    assert alert["@timestamp"] == "2026-11-21T12:05:00.000000Z"
    event = alert["event"]
    assert (event["kind"], event["category"], event["action"]) == (
        "alert",
        ["intrusion_detection"],
        "alert-closed",
    )
    assert (event["start"], event["end"]) == (
        "2026-11-21T12:00:00.000000Z",
        "2026-11-21T12:05:00.000000Z",
    )
    assert event["risk_score"] == 25
    assert event["reason"] == "a=25, b=root"
    assert alert["message"] == "Guessed passwords: 192.0.2.1 (a=25, b=root)"
    assert alert["rule"] == {
        "id": "guessing",
        "name": "Guessed passwords",
        "version": model().version,
    }
    assert alert["observer"]["version"] == "1.2"
    assert alert["labels"] == {"environment": ENVIRONMENT}
    technique = alert["threat"]["technique"]
    assert (technique["id"], technique["subtechnique"]["id"]) == (["T1568"], ["T1568.002"])


def test_an_open_alert_happened_when_its_newest_event_did() -> None:
    (entry,) = taken(
        Alerting(ENVIRONMENT), scored(model(early=True), [unit(events=9)], final=False)
    )
    assert entry.record["@timestamp"] == "2026-11-21T12:00:09.000000Z"
    assert entry.record["event"]["action"] == "alert-opened"


def test_the_entity_is_where_ecs_has_it() -> None:
    found = document(
        {"src_ip": "192.0.2.1", "dest_port": "22", "user": "root", "host": "srv1", "trace": "9"},
        src_ip=ADDRESS,
        user=USER,
        host=HOST,
    )
    assert found["source"] == {"address": "192.0.2.1", "ip": "192.0.2.1"}
    assert found["destination"] == {"port": 22}
    assert found["user"] == {"name": "root"}
    assert found["host"] == {"name": "srv1"}
    assert found["related"] == {"ip": ["192.0.2.1"], "user": ["root"], "hosts": ["srv1"]}


def test_a_network_is_an_address_and_no_ip() -> None:
    found = document({"src_ip": "192.0.2.0/24"}, src_ip=ADDRESS)
    assert found["source"] == {"address": "192.0.2.0/24"}


def test_a_domain_is_that_of_a_url_or_that_of_a_query() -> None:
    assert document({"domain": "example.org"}, url=0)["url"] == {"domain": "example.org"}
    assert document({"domain": "example.org"})["dns"] == {"question": {"name": "example.org"}}


def test_numbers_of_lines_and_flows_name_nobody() -> None:
    source = model("event").source
    assert names_of({"src_ip": "192.0.2.1", "raw_line": "3", "flow_id": "4"}, source) == [
        ("ip", "192.0.2.1")
    ]


def test_text_of_logs_is_cut_and_stays_what_it_was() -> None:
    hostile = "<script>\x1b[2J\u202e" + "x" * 5_000
    alert = record(user=hostile)
    (shown,) = [e for e in alert["whetstone"]["explanation"] if e["feature"] == "b"]
    assert shown["value"] == hostile[:MOST_TEXT]
    assert len(json.dumps(alert)) < 10_000


def test_lines_are_the_first_and_the_latest_with_hashes_that_every_reader_keeps() -> None:
    scorer = model(early=True)
    entries = taken(
        Alerting(ENVIRONMENT, Limits(lines=4)),
        scored(scorer, [unit(events=3)], final=False),
        scored(scorer, [unit(events=100)], watermark=at(6)),
    )
    first, last = bodies(entries)
    assert [line["line"] for line in first["lines"]] == [1, 2, 3]
    assert [line["line"] for line in last["lines"]] == [1, 2, 99, 100]
    assert last["lines"][0] == {"input": "wire", "line": 1, "hash": str(2**62 + 1)}


@pytest.mark.parametrize("kind", ["window", "event"])
def test_a_record_is_json_and_holds_what_the_platform_reads(kind: str) -> None:
    row = unit(line=3) if kind == "event" else unit()
    (entry,) = taken(Alerting(ENVIRONMENT), scored(model(kind), [row]))
    body = json.loads(json.dumps(entry.record, allow_nan=False))["whetstone"]
    wanted = (
        "kind id alert status revision detector model_version environment source unit entity"
        " unit_start unit_end event_timestamp events score threshold per_day explanation lines"
        " group related context shadow canary"
    )
    assert set(body) == set(wanted.split())
    assert (entry.id, entry.revision) == (body["id"], body["revision"])
