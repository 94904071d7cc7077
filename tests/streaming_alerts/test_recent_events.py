"""What an alert can still find of the lines and events before it."""

from datetime import datetime

import pyarrow as pa

from tests.streaming_alerts.scored_units import (
    ENVIRONMENT,
    at,
    bodies,
    micros,
    model,
    scored,
    taken,
    unit,
)
from whetstone.parsing.records import RECORD_SCHEMA
from whetstone.streaming.alerting.alerts import Alerting, Limits
from whetstone.streaming.alerting.recent import Recent

PLENTY = 1 << 30


def lines(first: int, *texts: str) -> pa.RecordBatch:
    rows = [
        {"line": text, "raw_line": number, "problem": None, "header": None}
        for number, text in enumerate(texts, first)
    ]
    return pa.RecordBatch.from_pylist(rows, RECORD_SCHEMA)


def events(*rows: tuple[int, datetime, str, str | None]) -> pa.Table:
    numbers, times, addresses, flows = zip(*rows, strict=True)
    return pa.table(
        {
            "event_time": pa.array(times, pa.timestamp("us")),
            "raw_line": pa.array(numbers, pa.int64()),
            "raw_hash": pa.array(numbers, pa.int64()),
            "src_ip": pa.array(addresses, pa.string()),
            "flow_id": pa.array(flows, pa.int64()),
        }
    )


def found(recent: Recent, most: int = 10, but=(), **entity: str) -> list[int]:
    return [e["line"] for e in recent.context(entity, micros(at()), most, but)]


def test_a_line_is_found_by_its_input_and_number() -> None:
    recent = Recent(PLENTY)
    recent.add_lines("wire", lines(1, "one", "two"))
    recent.add_lines("wire", lines(5, "five"))
    recent.add_lines("file", lines(1, "other"))
    assert [recent.text("wire", n) for n in (1, 2, 3, 5, 6)] == ["one", "two", None, "five", None]
    assert recent.text("file", 1) == "other"
    assert recent.text("nowhere", 1) is None


def test_no_more_bytes_are_kept_than_were_allowed_and_the_oldest_go_first() -> None:
    recent = Recent(20_000)
    for number in range(100):
        recent.add_lines("wire", lines(number, "x" * 1_000))
        assert recent.size <= 20_000
    assert recent.text("wire", 99) is not None
    assert recent.text("wire", 1) is None
    recent.add_lines("wire", lines(100, "x" * 50_000))
    assert recent.size == 0


def test_a_slice_counts_with_all_that_it_holds_on_to() -> None:
    recent = Recent(PLENTY)
    recent.add_lines("wire", lines(1, *["x" * 1_000] * 100).slice(0, 1))
    assert recent.size > 100_000


def test_nothing_is_kept_longer_than_it_was_allowed() -> None:
    now = 0.0
    recent = Recent(PLENTY, seconds=10, clock=lambda: now)
    recent.add_lines("wire", lines(1, "one"))
    now = 11.0
    recent.add_lines("wire", lines(2, "two"))
    assert [recent.text("wire", n) for n in (1, 2)] == [None, "two"]


def test_where_personal_data_is_treated_no_raw_line_is_shown() -> None:
    recent = Recent(PLENTY, raw=False)
    recent.add_lines("wire", lines(1, "one"))
    recent.add_events("sshd", "wire", events((1, at(), "192.0.2.1", None)))
    assert recent.text("wire", 1) is None
    assert found(recent, src_ip="192.0.2.1") == [1]


def test_the_context_is_the_latest_events_of_the_entity_from_all_sources_in_their_order() -> None:
    recent = Recent(PLENTY)
    numbers = range(1, 8)
    rows = [(n, at(seconds=n), f"192.0.2.{n % 2}", n) for n in numbers]
    recent.add_events("suricata_flow", "wire", events(*rows))
    recent.add_events("sshd", "auth", events((90, at(), "192.0.2.1", None)).drop(["flow_id"]))
    assert found(recent, src_ip="192.0.2.1") == [1, 3, 5, 7, 90]
    assert found(recent, most=2, src_ip="192.0.2.1") == [7, 90]
    assert found(recent, most=2, but=[("wire", 7)], src_ip="192.0.2.1") == [5, 90]
    # Of a flow: its own events where a source knows flows, else those of its address.
    assert found(recent, src_ip="192.0.2.1", flow_id="3", raw_line="3") == [3, 90]
    (last,) = recent.context({"src_ip": "192.0.2.1"}, micros(at()), 1)
    assert last == {
        "source": "sshd",
        "input": "auth",
        "line": 90,
        "event_time": "2026-11-21T12:00:00.000000Z",
        "fields": {"src_ip": "192.0.2.1"},
    }


def test_events_far_from_the_alert_and_those_of_nobody_are_no_context() -> None:
    recent = Recent(PLENTY, seconds=60)
    recent.add_events(
        "sshd", "wire", events((1, at(-2), "192.0.2.1", None), (2, at(1), "192.0.2.1", None))
    )
    assert found(recent, src_ip="192.0.2.1") == [2]
    assert found(recent, raw_line="2") == []
    assert found(recent, flow_id="no number") == []
    assert found(recent) == []


def test_an_alert_shows_its_lines_and_what_else_its_entity_did() -> None:
    recent = Recent(PLENTY)
    recent.add_lines("wire", lines(1, *(f"line {n} " + "x" * 100 for n in range(1, 7))))
    rows = [(n, at(seconds=n), "192.0.2.1", None) for n in range(1, 7)]
    recent.add_events("sshd", "wire", events(*rows))
    alerting = Alerting(ENVIRONMENT, Limits(text=10, context=1), recent)
    (body,) = bodies(taken(alerting, scored(model(), [unit(events=4)])))
    assert [line["text"] for line in body["lines"]] == [f"line {n} xxx" for n in (1, 2, 3, 4)]
    assert [event["line"] for event in body["context"]] == [6]
