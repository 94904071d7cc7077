"""A flood of alerts becomes a few records and a count, and nobody's end goes untold."""

import json
from datetime import timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming_alerts.scored_units import (
    ENVIRONMENT,
    at,
    bodies,
    model,
    scored,
    taken,
    unit,
)
from whetstone.streaming.alerting.alerts import Alerting, Limits
from whetstone.streaming.alerting.folding import Span
from whetstone.streaming.outputs.entries import Entry

LATENESS = timedelta(minutes=1)


def flood(count: int, entities: int | None = None, minute: float = 0, score=lambda n: 20):
    return [
        unit(f"10.0.0.{n % (entities or count)}", score(n), at(minute, n % 60), line=n + 1)
        for n in range(count)
    ]


def test_what_is_beyond_the_limit_is_folded_into_one_record_with_its_count_and_its_worst() -> None:
    alerting = Alerting(ENVIRONMENT, Limits(alerts=3))
    entries = taken(alerting, scored(model("event"), flood(12, score=lambda n: 20 + n)))
    assert [body["unit"] for body in bodies(entries)] == [
        "10.0.0.0|1",
        "10.0.0.1|2",
        "10.0.0.2|3",
    ]
    entries += alerting.finish()
    summary = bodies(entries, "summary")[-1]
    assert (summary["count"], summary["status"]) == (9, "closed")
    assert [each["score"] for each in summary["worst"]] == [31, 30, 29, 28, 27]
    assert summary["worst"][0]["unit"] == "10.0.0.11|12"
    assert "9 more alerts of guessing within 60 s" in summary["message"]
    assert alerting.folded == {("guessing", False): 9}


def test_a_summary_is_told_of_at_once_and_again_when_it_has_grown_tenfold() -> None:
    alerting = Alerting(ENVIRONMENT, Limits(alerts=1))
    entries = taken(
        alerting,
        scored(model("event"), flood(150), watermark=at()),
        scored(model("event"), flood(1, minute=1), watermark=at(2)),
        scored(model("event"), flood(1, minute=3), watermark=at(4)),
    )
    found = [(s["revision"], s["status"], s["count"]) for s in bodies(entries, "summary")]
    assert found == [
        (1, "open", 1),
        (2, "updated", 10),
        (3, "updated", 100),
        (4, "closed", 149),
    ]
    ids = {e.id for e in entries if e.record["whetstone"]["kind"] == "summary"}
    assert len(ids) == 1


def test_each_minute_has_its_own_allowance_and_so_has_each_detector() -> None:
    alerting = Alerting(ENVIRONMENT, Limits(alerts=2))
    entries = []
    for name in ("guessing", "other"):
        for minute in (0, 1):
            entries += taken(alerting, scored(model("event", name), flood(5, minute=minute)))
    assert len(bodies(entries)) == 8


def test_a_window_has_the_allowance_of_its_minutes() -> None:
    rows = [unit(f"10.0.0.{n}") for n in range(100)]
    entries = taken(Alerting(ENVIRONMENT, Limits(alerts=3)), scored(model(), rows))
    assert len(bodies(entries)) == 15


def test_one_busy_entity_leaves_room_for_the_first_word_on_others() -> None:
    busy = [unit("10.0.0.1", line=n + 1) for n in range(50)]
    others = [unit(f"10.0.1.{n}", line=100 + n) for n in range(50)]
    entries = taken(
        Alerting(ENVIRONMENT, Limits(alerts=10)), scored(model("event"), [*busy, *others])
    )
    told = [body["unit"].split("|")[0] for body in bodies(entries)]
    assert told.count("10.0.0.1") == 6  # the first, and half of the allowance
    assert len(set(told)) == 5
    assert len(told) == 10


def test_the_end_of_an_alert_that_was_told_of_is_never_folded() -> None:
    scorer = model(early=True)
    rows = [unit(f"10.0.0.{n}") for n in range(20)]
    entries = taken(
        Alerting(ENVIRONMENT, Limits(alerts=1)),
        scored(scorer, rows, final=False),
        scored(scorer, rows, watermark=at(6)),
    )
    alerts = bodies(entries)
    opened = {body["alert"] for body in alerts if body["status"] == "open"}
    assert len(opened) == 5
    assert {body["alert"] for body in alerts if body["status"] == "closed"} == opened


def test_a_growing_unit_is_folded_once_and_taken_back_if_it_was_none() -> None:
    scorer = model(early=True)
    alerting = Alerting(ENVIRONMENT, Limits(alerts=0))
    rows = [unit(f"10.0.0.{n}", 20 + n) for n in range(2)]
    more = [unit(f"10.0.0.{n}", 30 + n, events=40) for n in range(2)]
    entries = taken(
        alerting,
        scored(scorer, rows, final=False),
        scored(scorer, more, final=False),
        scored(scorer, [unit("10.0.0.0", 3), unit("10.0.0.1", 40)], watermark=at(6)),
        scored(scorer, [unit(score=1, start=at(5))], watermark=at(11)),
    )
    assert bodies(entries) == []
    summary = bodies(entries, "summary")[-1]
    assert (summary["count"], summary["withdrawn"]) == (2, 1)
    assert [each["unit"] for each in summary["worst"]] == ["10.0.0.1"]


def test_open_alerts_have_a_limit_too() -> None:
    alerting = Alerting(ENVIRONMENT, Limits(alerts=None, open=3))
    rows = [unit(f"10.0.0.{n}") for n in range(10)]
    taken(alerting, scored(model(early=True), rows, final=False))
    assert alerting.open == 3
    assert alerting.folded == {("guessing", False): 7}


def test_the_same_event_twice_is_one_alert() -> None:
    alerting = Alerting(ENVIRONMENT)
    entries = taken(
        alerting,
        scored(model("event"), [unit(line=1), unit(line=1)], watermark=at()),
        scored(model("event"), [unit(line=1)], watermark=at()),
    )
    assert len(entries) == 1


def test_a_challengers_alerts_take_no_room_from_the_champions() -> None:
    alerting = Alerting(ENVIRONMENT, Limits(alerts=2))
    taken(alerting, scored(model("event"), flood(5), shadow=True))
    entries = taken(alerting, scored(model("event"), flood(5)))
    assert len(bodies(entries)) == 2


@settings(max_examples=60)
@given(st.data(), st.integers(0, 4), st.integers(1, 5))
def test_events_give_the_same_records_however_they_are_cut_and_however_late_they_come(
    data, limit: int, entities: int
) -> None:
    late = st.sampled_from([0, 0, 0, 1, 20, 400, 3_000])  # minutes
    rows = [
        unit(f"10.0.0.{n % entities}", 7 + (7 * n) % 13, at(4 * n - behind, n % 60), line=n + 1)
        for n, behind in enumerate(data.draw(st.lists(late, max_size=60)))
    ]
    cuts = sorted({0, len(rows), *data.draw(st.lists(st.integers(0, len(rows)), max_size=6))})

    def streamed(bounds: list[int]) -> list[Entry]:
        alerting = Alerting(ENVIRONMENT, Limits(alerts=limit))
        newest, entries = at(-60), []
        for start, end in pairwise(bounds):
            part = rows[start:end]
            entries += alerting.take(scored(model("event"), part, watermark=newest - LATENESS))
            newest = max([newest, *(row["event_timestamp"] for row in part)])
        return sorted([*entries, *alerting.finish()], key=lambda e: (e.id, e.revision))

    assert streamed(cuts) == streamed([*range(len(rows)), len(rows)])


@given(st.lists(st.lists(st.integers(0, 50), max_size=40), max_size=6))
def test_a_span_counts_and_ranks_all_that_is_folded_into_it(parts: list[list[int]]) -> None:
    span, said = Span(0, 60, 60), []
    for part in parts:
        said += span.fold(
            np.array(part, dtype=float),
            lambda at, part=part: {"alert": "", "score": float(part[at])},
        )
    scores = sorted((score for part in parts for score in part), reverse=True)
    said += span.close()
    if scores:
        assert said[-1].count == len(scores)
        assert [each["score"] for each in said[-1].worst] == scores[:5]
        assert [summary.revision for summary in said] == list(range(1, len(said) + 1))
    else:
        assert said == []
    assert json.loads(json.dumps(span.state())) == Span.restored(span.state()).state()
