"""What the scorer's alerting says, on its way into the analysts' queue: nothing made by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.streaming_alerts.scored_units import ENVIRONMENT, at, model, scored, unit
from tests.triage.servers import Served, serving
from triage.incoming import Role
from triage.records import RecordStatus
from whetstone.scoring.alerts import alert_id
from whetstone.streaming.alerting.alerts import Alerting, Limits
from whetstone.streaming.flow import Line
from whetstone.streaming.outputs import open_output
from whetstone.streaming.outputs.entries import Entry


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


def deliver(served: Served, entries: list[Entry]) -> None:
    output = open_output(f"platform+{served.url}", Path("unused"))
    output.send(list(enumerate(entries, 1)))
    output.close()


def test_a_session_raises_its_alert_early_and_closes_it_under_the_id_of_the_batch(
    served: Served,
) -> None:
    scorer = model("session", early=True)
    alerting = Alerting(ENVIRONMENT)
    growing = unit(score=12, events=4)
    deliver(served, alerting.take(scored(scorer, [growing], final=False)))
    (alert,) = served.cases.alerts(state="open")
    assert (alert.score, alert.status) == (12, RecordStatus.OPEN)

    whole = unit(score=40, events=9, minutes=30)
    deliver(served, alerting.take(scored(scorer, [whole])))
    (alert,) = served.cases.alerts(state="open")
    assert (alert.score, alert.status) == (40, RecordStatus.CLOSED)
    assert alert.event_timestamp == whole["event_timestamp"]
    assert alert.alert_id == alert_id(scorer.view, "guessing", whole)
    assert alert.why(1) == "a=40"
    assert alert.per_day is None  # of a session: in units of the day before, and there was none


def test_a_session_that_ends_below_the_threshold_leaves_the_queue(served: Served) -> None:
    scorer = model("session", early=True)
    alerting = Alerting(ENVIRONMENT)
    deliver(served, alerting.take(scored(scorer, [unit(score=12)], final=False)))
    deliver(served, alerting.take(scored(scorer, [unit(score=3, minutes=30)])))
    assert served.cases.alerts(state="open") == []
    assert [alert.status for alert in served.cases.alerts()] == [RecordStatus.WITHDRAWN]


def test_what_the_challenger_the_canary_and_the_cap_made_is_kept_apart(served: Served) -> None:
    alerting = Alerting(ENVIRONMENT, Limits(alerts=2), canary=lambda line: line.number < 0)
    scorer = model("event")
    rows = [unit(f"10.0.0.{n}", 20 + n, at(0, n), line=n + 1) for n in range(5)]
    entries = alerting.take(scored(scorer, rows))
    entries += alerting.take(scored(model("event", version=2), rows[:1], shadow=True))
    canary = unit("192.0.2.9", 30, at(0, 9), line=9)
    entries += alerting.take(
        scored(scorer, [canary], lines=lambda _: [Line("wire", -1, 5)], watermark=at(1))
    )
    entries += alerting.finish()
    deliver(served, entries)

    assert {alert.unit for alert in served.cases.alerts()} == {"10.0.0.0|1", "10.0.0.1|2"}
    (shadow,) = served.cases.records(Role.CHALLENGER)
    (seen,) = served.cases.records(Role.CANARY)
    assert shadow["whetstone"]["unit"] == "10.0.0.0|1"
    assert seen["whetstone"]["unit"] == "192.0.2.9|9"
    notice = served.cases.records(Role.NOTICE)[0]["whetstone"]
    assert (notice["kind"], notice["count"], notice["status"]) == ("summary", 3, "closed")
