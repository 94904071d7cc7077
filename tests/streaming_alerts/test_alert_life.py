"""An alert is opened, updated, closed or withdrawn; and nothing is said twice."""

import json
from itertools import pairwise

import numpy as np
import pytest
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
from whetstone.scoring.alerts import alert_id
from whetstone.streaming.alerting.alerts import Alerting, Limits
from whetstone.streaming.flow import Line
from whetstone.streaming.outputs.entries import Entry


def told(entries) -> list[tuple[str, int, str]]:
    return [(b["unit"], b["revision"], b["status"]) for b in bodies(entries)]


def test_the_alert_of_an_event_is_closed_with_its_first_record() -> None:
    alerting = Alerting(ENVIRONMENT)
    entries = taken(alerting, scored(model("event"), [unit(line=7), unit(score=3, line=8)]))
    assert told(entries) == [("192.0.2.1|7", 1, "closed")]
    assert alerting.open == 0


def test_an_alert_has_the_name_that_the_days_batch_gives_it() -> None:
    scorer, row = model(), unit()
    (entry,) = taken(Alerting(ENVIRONMENT), scored(scorer, [row]))
    name = alert_id(scorer.view, "guessing", row)
    assert entry.id == entry.record["event"]["id"] == bodies([entry])[0]["alert"] == name


def test_an_alert_opens_grows_and_is_closed_with_its_unit() -> None:
    scorer = model(early=True)
    alerting = Alerting(ENVIRONMENT)
    sizes = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15]
    growing = [unit(score=5 * size, events=size) for size in sizes]
    entries = taken(
        alerting,
        scored(scorer, growing, final=False),
        scored(scorer, [unit(score=90, events=17)], watermark=at(6)),
    )
    found = [(b["status"], b["revision"], b["events"], b["score"]) for b in bodies(entries)]
    assert found == [
        ("open", 1, 2, 10),
        ("updated", 2, 4, 20),
        ("updated", 3, 8, 40),
        ("closed", 4, 17, 90),
    ]
    assert len({entry.id for entry in entries}) == 1
    assert alerting.open == 0


def test_an_alert_whose_complete_unit_is_none_is_withdrawn() -> None:
    scorer = model(early=True)
    entries = taken(
        Alerting(ENVIRONMENT),
        scored(scorer, [unit(score=10)], final=False),
        scored(scorer, [unit(score=9)]),
    )
    assert told(entries) == [("192.0.2.1", 1, "open"), ("192.0.2.1", 2, "withdrawn")]


def test_a_session_keeps_its_name_while_it_grows() -> None:
    scorer = model("session", early=True)
    rows = [unit(events=n, start=at(0), minutes=n) for n in (4, 8, 16)]
    entries = taken(
        Alerting(ENVIRONMENT),
        scored(scorer, rows, final=False),
        scored(scorer, [unit(events=20, start=at(-3), minutes=25)], watermark=at(12 * 60)),
    )
    assert [status for _, _, status in told(entries)] == ["open", "updated", "updated", "closed"]
    assert len({entry.id for entry in entries}) == 1


def test_a_unit_that_was_closed_before_its_time_goes_on_under_its_name() -> None:
    scorer = model(early=True)
    alerting = Alerting(ENVIRONMENT)
    entries = taken(
        alerting,
        scored(scorer, [unit()], final=False),
        scored(scorer, [unit(events=5)], watermark=at(2)),  # evicted
        scored(scorer, [unit(events=1)], final=False, watermark=at(3)),
        scored(scorer, [unit(events=2)], watermark=at(6)),
    )
    statuses = [(revision, status) for _, revision, status in told(entries)]
    assert statuses == [(1, "open"), (2, "closed"), (3, "updated"), (4, "closed")]
    assert len({entry.id for entry in entries}) == 1
    assert alerting.open == 0


def test_an_alert_whose_unit_never_comes_back_lapses() -> None:
    scorer = model(early=True)
    alerting = Alerting(ENVIRONMENT)
    entries = taken(
        alerting,
        scored(scorer, [unit()], final=False),
        scored(scorer, [unit("192.0.2.9", 1)], watermark=at(6)),
        scored(scorer, [unit("192.0.2.9", 1, at(5))], watermark=at(11)),
    )
    assert [(b["status"], b.get("lapsed")) for b in bodies(entries)] == [
        ("open", None),
        ("closed", True),
    ]
    assert alerting.open == 0


def test_complete_units_of_one_time_may_come_in_several_tables() -> None:
    scorer = model(early=True)
    both = [unit("192.0.2.1"), unit("192.0.2.2")]
    entries = taken(
        Alerting(ENVIRONMENT),
        scored(scorer, both, final=False),
        scored(scorer, both[:1], watermark=at(6)),
        scored(scorer, both[1:], watermark=at(6)),
    )
    assert [status for _, _, status in told(entries)] == ["open", "open", "closed", "closed"]
    assert all("lapsed" not in body for body in bodies(entries))


def test_a_challengers_alert_has_a_name_and_a_life_of_its_own() -> None:
    champion, challenger = model(), model(version=2)
    entries = taken(
        Alerting(ENVIRONMENT),
        scored(champion, [unit()]),
        scored(challenger, [unit()], shadow=True),
    )
    ours, theirs = bodies(entries)
    assert ours["alert"] == theirs["alert"]
    assert [entry.id for entry in entries] == [ours["alert"], f"{ours['alert']}-shadow"]
    assert (ours["shadow"], theirs["shadow"]) == (False, True)
    assert entries[1].record["tags"] == ["shadow"]
    assert theirs["related"] == [] == theirs["context"]


def test_a_canary_is_told_of_whatever_the_limits_and_belongs_to_nothing() -> None:
    def one(row: int) -> list[Line]:
        return [Line("wire", 1, 13 if row == 2 else 14)]

    alerting = Alerting(ENVIRONMENT, Limits(alerts=1), canary=lambda line: line.hash == 13)
    rows = [unit(line=n) for n in (1, 2, 3)]
    entries = taken(alerting, scored(model("event"), rows, lines=one))
    assert [(b["unit"][-1], b["canary"]) for b in bodies(entries)] == [("1", False), ("3", True)]
    assert bodies(entries, "summary")[0]["count"] == 1
    assert entries[1].record["tags"] == ["canary"]
    assert bodies(entries)[0]["group"] != bodies(entries)[1]["group"]


def test_without_alerts_nothing_is_kept() -> None:
    alerting = Alerting(ENVIRONMENT)
    before = len(json.dumps(alerting.state()))
    for minute in range(0, 300, 5):
        quiet = [unit(f"192.0.2.{n}", 9, at(minute)) for n in range(50)]
        assert taken(alerting, scored(model(), quiet)) == []
    assert len(json.dumps(alerting.state())) < before + 1_000


def test_what_is_kept_stays_small_however_many_alerts_come() -> None:
    alerting = Alerting(ENVIRONMENT)
    sizes = []
    for minute in range(0, 12 * 60, 5):
        rows = [unit(f"10.0.{minute % 199}.{n}", 20, at(minute)) for n in range(8)]
        taken(alerting, scored(model(), rows))
        sizes.append(len(json.dumps({**alerting.state(), "related": []})))
    assert max(sizes[100:]) < 1.5 * max(sizes[:20])


# A growing unit comes at sizes that only go up, and is complete at the end.
LIVES = st.lists(
    st.tuples(
        st.integers(0, 3),  # entity
        st.lists(st.integers(5, 15), min_size=1, max_size=8),  # scores as it grows
    ),
    max_size=8,
)


@settings(max_examples=25)
@given(st.data(), LIVES)
def test_the_same_rows_give_the_same_records_however_they_are_cut_and_whenever_it_is_restarted(
    data, lives
) -> None:
    scorer = model(early=True)
    rows: list[tuple[bool, dict]] = []
    for window, (entity, scores) in enumerate(lives):
        name, start = f"192.0.2.{entity}", at(5 * (window // 3))
        for size, score in enumerate(scores, 1):
            rows.append((False, unit(name, score, start, 2**size)))
        rows.append((True, unit(name, scores[-1], start, 2 ** len(scores) + 1)))
    tables = [scored(scorer, [row], final=final, watermark=at()) for final, row in rows]
    whole = taken(Alerting(ENVIRONMENT, Limits(alerts=2)), *tables)

    cuts = sorted({0, len(rows), *data.draw(st.lists(st.integers(0, len(rows)), max_size=5))})
    alerting = Alerting(ENVIRONMENT, Limits(alerts=2))
    found = []
    for start, end in pairwise(cuts):
        for final, part in _runs(rows[start:end]):
            found += alerting.take(scored(scorer, part, final=final, watermark=at()))
        if data.draw(st.booleans()):
            state = json.loads(json.dumps(alerting.state()))
            alerting = Alerting(ENVIRONMENT, Limits(alerts=2))
            alerting.restore(state)
    assert _ordered(found) == _ordered(whole)


def _ordered(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.id, entry.revision))


def _runs(rows: list[tuple[bool, dict]]) -> list[tuple[bool, list[dict]]]:
    runs: list[tuple[bool, list[dict]]] = []
    for final, row in rows:
        if runs and runs[-1][0] == final:
            runs[-1][1].append(row)
        else:
            runs.append((final, [row]))
    return runs


@pytest.mark.parametrize("kind", ["event", "window", "session"])
def test_no_alert_of_the_batch_is_missing_and_none_is_more(kind: str) -> None:
    scorer = model(kind, early=True)
    random = np.random.default_rng(1)
    scores = random.integers(0, 20, 400).tolist()
    rows = [
        unit(
            f"192.0.2.{n % 50}",
            score,
            at(5 * (n // 50)),
            line=n + 1 if kind == "event" else None,
        )
        for n, score in enumerate(scores[: 50 if kind == "session" else 400])
    ]
    entries = taken(
        Alerting(ENVIRONMENT, Limits(alerts=None)),
        scored(scorer, rows, watermark=at(48 * 60)),
    )
    expected = {alert_id(scorer.view, "guessing", row) for row in rows if row["a"] >= 10}
    assert [e.id for e in entries] == list(dict.fromkeys(e.id for e in entries))
    assert {e.id for e in entries} == expected


def test_rarity_is_told_in_units_of_the_last_full_day() -> None:
    alerting = Alerting(ENVIRONMENT)
    day = 24 * 60

    def pass_a_day(first: int) -> None:
        for minute in range(first, first + day, 60):
            quiet = [unit(f"192.0.2.{n}", 1, at(minute)) for n in range(3)]
            taken(alerting, scored(model(), quiet))

    def rarity(minute: int) -> float | None:
        (body,) = bodies(taken(alerting, scored(model(), [unit(start=at(minute))])))
        return body["per_day"]

    share = 0.5 / 1000  # none of 999 benign units scores so high
    assert rarity(0) is None
    pass_a_day(60)
    assert rarity(day) == pytest.approx(share * 72)  # full hours, extrapolated
    pass_a_day(day + 60)
    pass_a_day(2 * day + 60)
    assert rarity(3 * day) == pytest.approx(share * 73, rel=0.02)  # the last full day


def test_rarity_of_a_session_is_told_in_sessions_of_the_day_before() -> None:
    alerting = Alerting(ENVIRONMENT)
    found = []
    for day in range(2):
        quiet = [unit(f"192.0.2.{n}", 1, at(24 * 60 * day), minutes=1) for n in range(40)]
        rows = [*quiet, unit("198.51.100.1", 20, at(24 * 60 * day), minutes=1)]
        entries = taken(alerting, scored(model("session"), rows, watermark=at(24 * 60 * (day + 1))))
        found += [body["per_day"] for body in bodies(entries)]
    assert found == [None, pytest.approx(41 * 0.5 / 1000)]


def test_a_complete_unit_may_come_long_after_its_watermark() -> None:
    scorer = model(early=True)
    rows = [unit(start=at(minute)) for minute in (0, 5, 10)]
    entries = taken(
        Alerting(ENVIRONMENT),
        scored(scorer, rows, final=False),
        *(scored(scorer, [row], watermark=at(60 + n)) for n, row in enumerate(rows)),
    )
    assert [(status, revision) for _, revision, status in told(entries)] == [
        *[("open", 1)] * 3,
        *[("closed", 2)] * 3,
    ]
