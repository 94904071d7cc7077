"""Alerts of scorers beside those of the day's batch, one sentence a test."""

import itertools
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.triage.scorer_records import DAY, NOON, a_notice, a_record, checked, of_batch
from triage import CaseStore, scorers
from triage.incoming import Role
from triage.records import RecordStatus
from triage.scorers import Taken
from whetstone.errors import InputError


@pytest.fixture
def store(case_store_url: str) -> Iterator[CaseStore]:
    store = CaseStore(case_store_url)
    yield store
    store.close()


def states(store: CaseStore) -> dict[str, str]:
    return {alert.alert_id: alert.state for alert in store.alerts()}


def test_an_alert_of_a_scorer_stands_in_the_queue_with_what_it_found(store: CaseStore) -> None:
    assert store.take_records(checked(a_record())) == Taken(1, 0)
    (alert,) = store.alerts(environment="berlin", detector="brute", state="open")
    assert (alert.score, alert.model_version, alert.status) == (0.7, "2", RecordStatus.OPEN)
    assert (alert.unit_start, alert.event_timestamp) == (NOON - timedelta(minutes=5), NOON)
    assert alert.why() == "failures=31"
    record = store.record("aa")
    assert record is not None
    assert record["whetstone"]["lines"][0]["text"] == "Failed password"
    assert record["@timestamp"] == "2026-03-02T12:00:00.000000Z"
    assert record["source"] == {"ip": "203.0.113.7"}


def test_what_was_sent_before_changes_nothing(store: CaseStore) -> None:
    sent = checked(a_record(), a_record("bb"), a_notice())
    assert store.take_records(sent) == Taken(3, 0)
    before = store.alerts()
    assert store.take_records(sent) == Taken(0, 3)
    assert store.alerts() == before


def test_when_an_alert_came_first_is_kept_whatever_comes_later(
    store: CaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([NOON, NOON, NOON + timedelta(hours=2), NOON + timedelta(hours=2)])
    monkeypatch.setattr(scorers, "now", lambda: next(clock))
    store.take_records(checked(a_record(revision=1)))
    store.take_records(checked(a_record(revision=2, status="closed")))
    shadow = a_record("bb", shadow=True)
    monkeypatch.undo()
    store.take_records(checked(shadow, a_notice()))
    assert store.raised("brute") == {"aa": NOON}
    assert store.raised("other") == {}


REVISIONS = [
    a_record(revision=1, status="open", score=0.6),
    a_record(revision=2, status="updated", score=0.8),
    a_record(revision=3, status="closed", score=0.7),
]


@pytest.mark.parametrize("order", list(itertools.permutations(REVISIONS)))
def test_the_highest_revision_is_true_whatever_the_order(
    store: CaseStore, order: tuple[dict[str, Any], ...]
) -> None:
    for record in order:
        store.take_records(checked(record))
    (alert,) = store.alerts()
    assert (alert.score, alert.status, alert.state) == (0.7, RecordStatus.CLOSED, "open")


def test_revisions_may_come_in_one_request(store: CaseStore) -> None:
    assert store.take_records(checked(*reversed(REVISIONS))) == Taken(1, 2)
    assert store.alerts()[0].status == RecordStatus.CLOSED


def test_an_alert_that_its_scorer_withdraws_leaves_the_queue(store: CaseStore) -> None:
    store.take_records(checked(a_record()))
    store.take_records(checked(a_record(revision=2, status="withdrawn", score=0.1)))
    assert states(store) == {"aa": "withdrawn"}
    assert store.counts().withdrawn == 1


@pytest.mark.parametrize("batch_first", [True, False])
def test_found_by_both_it_is_one_alert_with_the_word_of_the_batch(
    store: CaseStore, batch_first: bool
) -> None:
    steps = [
        lambda: store.replace_alerts(DAY, "brute", [of_batch(score=0.9)]),
        lambda: store.take_records(checked(a_record(status="closed", score=0.7))),
    ]
    for step in steps if batch_first else steps[::-1]:
        step()
    (alert,) = store.alerts()
    assert (alert.score, alert.model_version) == (0.9, "1")
    assert (alert.status, alert.state) == (RecordStatus.CLOSED, "open")


def test_a_batch_that_finds_nothing_withdraws_no_alert_of_a_scorer(store: CaseStore) -> None:
    store.take_records(checked(a_record()))
    store.replace_alerts(DAY, "brute", [])
    assert states(store) == {"aa": "open"}


def test_a_scorer_withdraws_no_alert_of_the_batch(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [of_batch()])
    store.take_records(checked(a_record(status="withdrawn")))
    assert states(store) == {"aa": "open"}
    store.replace_alerts(DAY, "brute", [])
    assert states(store) == {"aa": "withdrawn"}


def test_when_the_batch_no_longer_finds_it_the_scorers_word_stands(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [of_batch(score=0.9)])
    store.take_records(checked(a_record(status="closed", score=0.7)))
    store.replace_alerts(DAY, "brute", [])
    (alert,) = store.alerts()
    assert (alert.score, alert.model_version, alert.state) == (0.7, "2", "open")


@settings(max_examples=15)
@given(
    st.permutations(
        [*REVISIONS, a_record(revision=4, status="withdrawn"), "batch 1", "batch 2", "none"]
    ),
    st.randoms(use_true_random=False),
)
def test_the_row_follows_from_the_last_batch_and_the_highest_revision_alone(
    order: list[Any], luck: random.Random
) -> None:
    with closing(CaseStore("sqlite://")) as store:
        last = None
        for step in order:
            if isinstance(step, dict):
                store.take_records(checked(step, luck.choice(REVISIONS)))
            else:
                last = step
                found = [] if step == "none" else [of_batch(score=float(step[-1]))]
                store.replace_alerts(DAY, "brute", found)
        (alert,) = store.alerts()
    score = 0.7 if last == "none" else float(str(last)[-1])
    state = "withdrawn" if last == "none" else "open"
    assert (alert.score, alert.state, alert.status) == (score, state, RecordStatus.WITHDRAWN)


def test_shadow_alerts_canaries_and_notices_are_never_in_the_queue(store: CaseStore) -> None:
    store.take_records(
        checked(
            a_record("bb", shadow=True),
            a_record("cc", canary=True),
            a_record("dd", canary=True, shadow=True),
            a_notice(),
        )
    )
    assert store.alerts() == []
    assert (store.counts().open, store.counts().withdrawn) == (0, 0)
    assert store.record_counts() == {"champion": 0, "challenger": 1, "canary": 2, "notice": 1}
    (shadow,) = store.records(Role.CHALLENGER, "berlin", "brute")
    assert shadow["whetstone"]["alert"] == "bb"
    assert store.records(Role.CHALLENGER, "oslo") == []
    assert store.records(Role.NOTICE)[0]["whetstone"]["message"] == "swapped"


def test_what_a_challenger_finds_changes_nothing_about_the_champions_alert(
    store: CaseStore,
) -> None:
    store.take_records(checked(a_record(score=0.6)))
    store.take_records(checked(a_record(revision=9, status="withdrawn", shadow=True)))
    (alert,) = store.alerts()
    assert (alert.score, alert.state) == (0.6, "open")


@pytest.mark.parametrize("other", [{"environment": "oslo"}, {"detector": "scan"}])
def test_nobody_overwrites_what_is_of_another_environment_or_detector(
    store: CaseStore, other: dict[str, Any]
) -> None:
    store.take_records(checked(a_record()))
    store.replace_alerts(DAY, "brute", [of_batch("bb")])
    for alert_id in ("aa", "bb"):
        with pytest.raises(InputError, match=f"{alert_id}: the id is of another"):
            store.take_records(checked(a_record("zz", **other), a_record(alert_id, 5, **other)))
    assert {alert.alert_id for alert in store.alerts()} == {"aa", "bb"}


def test_nor_what_no_analyst_sees(store: CaseStore) -> None:
    store.take_records(checked(a_record(shadow=True), a_notice()))
    for wrong in (
        a_record(revision=2, shadow=True, environment="oslo"),
        a_notice(revision=2, environment="oslo"),
    ):
        with pytest.raises(InputError, match="the id is of another"):
            store.take_records(checked(wrong))


def test_a_verdict_on_a_growing_unit_teaches_when_the_unit_is_complete(store: CaseStore) -> None:
    store.take_records(checked(a_record()))
    store.give_verdict("aa", "true_positive", by="ada")
    nothing = store.verdict_fingerprint(["other"])
    assert store.decisions(["brute"]) == []
    assert store.verdict_fingerprint(["brute"]) == nothing
    later = NOON + timedelta(minutes=3)
    store.take_records(checked(a_record(revision=2, status="closed", at=later)))
    (decision,) = store.decisions(["brute"])
    assert decision.alert.event_timestamp == later
    assert store.verdict_fingerprint(["brute"]) != nothing


def test_a_verdict_stays_when_the_scorer_withdraws(store: CaseStore) -> None:
    store.take_records(checked(a_record()))
    store.give_verdict("aa", "false_positive", by="ada")
    store.take_records(checked(a_record(revision=2, status="withdrawn")))
    assert states(store) == {"aa": "judged"}
    assert len(store.decisions(["brute"])) == 1


def test_what_was_erased_is_not_brought_back_by_what_is_sent_again(store: CaseStore) -> None:
    store.take_records(checked(a_record(), a_record("bb", shadow=True)))
    store.replace_alerts(DAY, "brute", [of_batch("cc")])
    found = store.find_subject("berlin", ["203.0.113.7"])
    assert [alert.alert_id for alert in found] == ["aa", "cc", "bb"]
    store.erase([alert.alert_id for alert in found])
    again = [a_record("cc"), a_record(revision=2), a_record("bb", revision=2, shadow=True)]
    assert store.take_records(checked(*again, a_record("cc", shadow=True))) == Taken(0, 4)
    assert {alert.unit for alert in store.alerts()} == {"[erased]"}
    assert store.record("aa") is None
    assert store.records(Role.CHALLENGER) == []
    assert store.find_subject("berlin", ["203.0.113.7"]) == []


def test_a_subject_is_found_in_the_words_of_a_record_but_not_in_longer_words(
    store: CaseStore,
) -> None:
    part = {"feature": "message", "value": 'user "ada lovelace" failed', "contribution": 1.0}
    store.take_records(checked(a_record(explanation=[part])))
    for value, found in (
        ("ada lovelace", 1),
        ("203.0.113.7", 1),
        ("ada", 1),
        ("ada love", 0),
        ("203.0.113", 0),
        ("03.0.113.7", 0),
    ):
        assert len(store.find_subject("berlin", [value])) == found, value
    assert store.find_subject("oslo", ["ada"]) == []


def test_a_subject_beside_others_is_taken_out_and_their_alerts_stay(store: CaseStore) -> None:
    lines = [{"input": "auth", "line": 1, "hash": "1", "text": "from 198.51.100.9"}, "odd"]
    context = [{"source": "sshd", "fields": {"src_ip": "198.51.100.9"}}]
    summary = a_notice(kind="summary", worst=[{"unit": "198.51.100.9|7"}])
    store.take_records(checked(a_record(lines=lines, context=context), a_record("bb"), summary))
    assert store.find_subject("berlin", ["198.51.100.9"]) == []
    assert store.scrub("berlin", ["198.51.100.9"]) == 2
    assert store.scrub("berlin", ["198.51.100.9"]) == 0
    record = store.record("aa")
    assert record is not None
    assert record["whetstone"]["lines"] == [{"input": "auth", "line": 1, "hash": "1"}]
    assert store.records(Role.NOTICE) == []
    assert states(store) == {"aa": "open", "bb": "open"}


def test_scorers_are_known_by_environment_and_name_as_last_heard_of(store: CaseStore) -> None:
    store.hear("berlin", "box1", {"events": 1})
    store.hear("berlin", "box2", {"events": 2})
    store.hear("berlin", "box1", {"events": 3})
    heard = [(s.environment, s.name, s.digest) for s in store.scorers()]
    assert heard == [("berlin", "box1", {"events": 3}), ("berlin", "box2", {"events": 2})]


def test_canaries_and_notices_are_not_kept_for_ever(store: CaseStore) -> None:
    store.take_records(checked(a_record(), a_record("cc", canary=True), a_notice()))
    with store.database.writing() as connection:
        connection.execute(
            text("UPDATE scorer_records SET received = '2020-01-01 00:00:00.000000'")
        )
    store.hear("berlin", "box1", {})
    assert store.record_counts() == {"champion": 1, "challenger": 0, "canary": 0, "notice": 0}


def test_pages_of_the_queue_follow_each_other_without_gap_or_repetition(store: CaseStore) -> None:
    sent = [
        a_record(f"{n:02d}", score=(n % 3) / 10, at=NOON + timedelta(days=n % 2, seconds=n % 4))
        for n in range(24)
    ]
    store.take_records(checked(*sent))
    whole = [alert.alert_id for alert in store.alerts()]
    paged: list[str] = []
    after = None
    while page := [a.alert_id for a in store.alerts(limit=5, after=after)]:
        paged += page
        after = page[-1]
    assert paged == whole
    with pytest.raises(InputError, match="no such alert; begin again"):
        store.alerts(after="nobody")


BEFORE = """
CREATE TABLE alerts (alert_id VARCHAR(128) NOT NULL PRIMARY KEY, day DATE NOT NULL,
 detector VARCHAR(200) NOT NULL, model_version VARCHAR(200) NOT NULL,
 environment VARCHAR(200) NOT NULL, source VARCHAR(200) NOT NULL, unit TEXT NOT NULL,
 entity JSON NOT NULL, unit_start DATETIME NOT NULL, event_timestamp DATETIME NOT NULL,
 score FLOAT NOT NULL, threshold FLOAT NOT NULL, explanation JSON NOT NULL, per_day FLOAT,
 firing BOOLEAN NOT NULL);
CREATE TABLE verdicts (seq INTEGER PRIMARY KEY, verdict_id VARCHAR(200) NOT NULL UNIQUE,
 alert_id VARCHAR NOT NULL REFERENCES alerts (alert_id), value VARCHAR(32) NOT NULL,
 by VARCHAR(200) NOT NULL, at DATETIME NOT NULL, note TEXT NOT NULL);
INSERT INTO alerts VALUES
 ('aa', '2026-03-02', 'brute', '1', 'berlin', 'sshd', '203.0.113.7', '{}',
  '2026-03-02 11:55:00.000000', '2026-03-02 12:00:00.000000', 0.9, 0.5, '[]', NULL, 1),
 ('bb', '2026-03-02', 'brute', '1', 'berlin', 'sshd', '203.0.113.7', '{}',
  '2026-03-02 11:55:00.000000', '2026-03-02 12:00:00.000000', 0.9, 0.5, '[]', NULL, 0),
 ('cc', '2026-03-02', 'brute', '1', 'berlin', 'sshd', '203.0.113.7', '{}',
  '2026-03-02 11:55:00.000000', '2026-03-02 12:00:00.000000', 0.9, 0.5, '[]', NULL, 1);
INSERT INTO verdicts VALUES (1, 'v1', 'cc', 'true_positive', 'ada', '2026-03-03', '');
"""


def test_a_store_of_the_version_before_goes_on_as_it_was(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "cases.db")) as database:
        database.executescript(BEFORE)
    with closing(CaseStore(f"sqlite:///{tmp_path}/cases.db")) as store:
        assert states(store) == {"aa": "open", "bb": "withdrawn", "cc": "judged"}
        assert len(store.decisions(["brute"])) == 1
        store.take_records(checked(a_record("bb", status="closed")))
        assert states(store) == {"aa": "open", "bb": "open", "cc": "judged"}
        store.replace_alerts(DAY, "brute", [])
        assert states(store) == {"aa": "withdrawn", "bb": "open", "cc": "judged"}
