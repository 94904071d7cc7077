"""From raw lines to alerts: what a stream tells of is what the day's batch finds."""

import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming_alerts.scored_units import ENVIRONMENT, at, model
from whetstone.engine import open_engine
from whetstone.parsing.compile import parse_sql
from whetstone.parsing.records import RECORD_SCHEMA
from whetstone.scoring.alerts import alert_id
from whetstone.scoring.run import BundleScorer, alerts_of
from whetstone.streaming.alerting.alerts import Alerting, Limits
from whetstone.streaming.alerting.recent import Recent
from whetstone.streaming.engine import Bounds, Engine
from whetstone.streaming.outputs.entries import Entry
from whetstone.streaming.views import Served

INPUT = "wire"
LINES = 400
SECOND = 1_000_000


@cache
def records() -> pa.RecordBatch:
    """Two hours in which a few addresses guess passwords now and then."""
    random = Random(7)  # noqa: S311
    rows = []
    for number in range(1, LINES + 1):
        when = at(seconds=18 * number - random.randint(0, 40))
        weight = random.choice([0, 0, 1, 9, 10])
        line = f"{when.isoformat()} 192.0.2.{random.randint(1, 9)} root {weight}"
        rows.append({"line": line, "raw_line": number, "problem": None, "header": None})
    return pa.RecordBatch.from_pylist(rows, RECORD_SCHEMA)


def streamed(
    scorers: Sequence[BundleScorer],
    cuts: Sequence[int] = (),
    limits: Limits | None = None,
    restart: bool = False,
) -> list[Entry]:
    """All records of a stream that is cut into batches, and begun anew after each if need be."""
    recent = Recent(1 << 20)
    alerting = Alerting(ENVIRONMENT, limits, recent)
    entries: list[Entry] = []
    with Engine(ENVIRONMENT, {INPUT: "sshd"}, Bounds(lateness=60 * SECOND)) as engine:
        engine.serve([Served(scorer) for scorer in scorers])
        for start, end in pairwise(sorted({0, LINES, *cuts})):
            part = records().slice(start, end - start)
            recent.add_lines(INPUT, part)
            for scored in engine.work(engine.parse(INPUT, part, "2026-11-21")):
                entries += alerting.take(scored)
            if restart:
                state = json.loads(json.dumps(alerting.state()))
                alerting = Alerting(ENVIRONMENT, limits, recent)
                alerting.restore(state)
        for scored in engine.finish(INPUT):
            entries += alerting.take(scored)
    return entries + alerting.finish()


def settled(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What of the records is the same however the stream was cut, by id and revision."""
    found: list[dict[str, Any]] = []
    for entry in sorted(entries, key=lambda entry: (entry.id, entry.revision)):
        record = json.loads(json.dumps(entry.record))
        body = record["whetstone"]
        hidden = ["related", "context"]
        if body["status"] in ("open", "updated"):
            hidden += ["per_day", "group"]
        for name in hidden:
            body.pop(name, None)
        for line in body.get("lines", ()):
            line.pop("text", None)
        found.append(record)
    return found


def batch_alerts(scorer: BundleScorer) -> set[str]:
    with open_engine() as connection:
        lines = pa.table(records()).append_column("environment", pa.repeat(ENVIRONMENT, LINES))
        lines = lines.append_column("raw_file", pa.repeat(f"day/{INPUT}", LINES))
        lines = lines.append_column("time_zone", pa.repeat("UTC", LINES))
        connection.register("lines", lines)
        sql = parse_sql(scorer.source, "lines", "2026-11-21")
        connection.execute(f"CREATE TABLE events AS {sql}")
        alerts = alerts_of(scorer.score_events(connection, "events"))
    return {alert_id(scorer.view, scorer.detector.name, row) for row in alerts.to_pylist()}


@pytest.mark.parametrize("kind", ["event", "window", "session"])
@pytest.mark.parametrize("early", [False, True])
def test_what_a_stream_closes_is_what_the_batch_alerts_on(kind: str, early: bool) -> None:
    scorer = model(kind, early=early)
    entries = streamed([scorer], range(0, LINES, 7), Limits(alerts=None))
    expected = batch_alerts(scorer)
    closed = [e.id for e in entries if e.record["whetstone"]["status"] == "closed"]
    assert len(expected) > 5
    assert sorted(closed) == sorted(expected)
    last = {entry.id: entry.record["whetstone"]["status"] for entry in entries}
    assert set(last.values()) <= {"closed", "withdrawn"}
    assert {name for name, status in last.items() if status == "closed"} == expected


@settings(max_examples=5)
@given(st.lists(st.integers(1, LINES - 1), max_size=6), st.booleans(), st.booleans())
def test_a_stream_tells_the_same_however_it_is_cut_and_whenever_it_begins_anew(
    cuts: list[int], restart: bool, capped: bool
) -> None:
    scorers = [model("window", early=True), model("session", "spraying", early=True)]
    limits = Limits(alerts=1 if capped else None)
    assert settled(streamed(scorers, cuts, limits, restart)) == whole(capped)


@cache
def whole(capped: bool) -> list[dict[str, Any]]:
    scorers = [model("window", early=True), model("session", "spraying", early=True)]
    found = settled(streamed(scorers, range(0, LINES, 5), Limits(alerts=1 if capped else None)))
    assert {each["event"]["action"] for each in found} >= {"alert-opened", "alert-closed"}
    assert capped == any(each["event"]["action"] == "alerts-folded" for each in found)
    return found


def test_the_lines_of_an_alert_are_those_of_its_unit() -> None:
    texts = dict(zip(records()["raw_line"].to_pylist(), records()["line"].to_pylist(), strict=True))
    entries = streamed([model("window")])
    assert entries
    for entry in entries:
        body = entry.record["whetstone"]
        assert len(body["lines"]) == body["events"]
        for line in body["lines"]:
            assert line["text"] == texts[line["line"]]
            assert f" {body['entity']['src_ip']} " in line["text"]
