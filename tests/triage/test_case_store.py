"""What the case store promises, one sentence a test."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest

from triage import Alert, CaseStore, VerdictValue
from whetstone.errors import InputError

DAY = date(2026, 3, 2)
NOON = datetime.fromisoformat("2026-03-02T12:00:00")


@pytest.fixture
def store(case_store_url: str) -> Iterator[CaseStore]:
    store = CaseStore(case_store_url)
    yield store
    store.close()


def an_alert(
    alert_id: str,
    detector: str = "brute",
    environment: str = "berlin",
    score: float = 0.9,
    at: datetime = NOON,
) -> Alert:
    return Alert(
        alert_id=alert_id,
        detector=detector,
        model_version="1",
        environment=environment,
        source="sshd",
        unit="203.0.113.7",
        entity={"src_ip": "203.0.113.7"},
        unit_start=at - timedelta(minutes=5),
        event_timestamp=at,
        score=score,
        threshold=0.5,
        explanation=[{"feature": "failures", "value": 31.0, "contribution": 0.4}],
    )


def states(store: CaseStore) -> dict[str, str]:
    return {alert.alert_id: alert.state for alert in store.alerts()}


def test_an_alert_comes_back_as_it_was_given(store: CaseStore) -> None:
    alert = an_alert("aa")
    store.replace_alerts(DAY, "brute", [alert])
    assert store.alert("aa") == alert


def test_numbers_of_numpy_and_no_numbers_become_json(store: CaseStore) -> None:
    odd = [{"feature": "f", "value": math.nan, "contribution": np.float32(0.5)}]
    alert = replace(an_alert("aa"), explanation=odd, entity={"port": np.int64(22), "at": NOON})
    store.replace_alerts(DAY, "brute", [alert])
    stored = store.alert("aa")
    assert stored.explanation == [{"feature": "f", "value": None, "contribution": 0.5}]
    assert stored.entity == {"port": 22, "at": str(NOON)}


def test_what_an_explanation_says_of_texts_and_sequences_is_kept_as_text(store: CaseStore) -> None:
    parts = [
        {"feature": "keys", "value": "<script>", "contribution": 2.0, "position": 4},
        {"feature": "gap", "value": 0.25, "contribution": 1.0},
        {"feature": "user", "value": None, "contribution": 0.5},
    ]
    store.replace_alerts(DAY, "brute", [replace(an_alert("aa"), explanation=parts, per_day=0.5)])
    stored = store.alert("aa")
    assert (stored.explanation, stored.per_day) == (parts, 0.5)
    assert stored.why() == "keys[4]=<script>, gap=0.25, user=none"
    assert stored.why(1) == "keys[4]=<script>"


def test_instants_with_a_zone_are_stored_in_utc(store: CaseStore) -> None:
    local = NOON.replace(tzinfo=timezone(timedelta(hours=2)))
    store.replace_alerts(DAY, "brute", [replace(an_alert("aa"), event_timestamp=local)])
    assert store.alert("aa").event_timestamp == NOON - timedelta(hours=2)


def test_running_a_day_again_changes_nothing(store: CaseStore) -> None:
    alerts = [an_alert("aa"), an_alert("bb")]
    store.replace_alerts(DAY, "brute", alerts)
    store.give_verdict("aa", "true_positive", by="ada")
    before = store.alerts()
    store.replace_alerts(DAY, "brute", alerts)
    assert store.alerts() == before


def test_an_alert_that_no_longer_fires_is_withdrawn_and_may_come_back(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    store.replace_alerts(DAY, "brute", [])
    assert states(store) == {"aa": "withdrawn"}
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    assert states(store) == {"aa": "open"}


def test_an_alert_with_a_verdict_stays_when_it_no_longer_fires(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    store.give_verdict("aa", "false_positive", by="ada")
    store.replace_alerts(DAY, "brute", [])
    assert states(store) == {"aa": "judged"}
    assert len(store.decisions(["brute"])) == 1


def test_other_days_and_detectors_keep_their_alerts(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    store.replace_alerts(DAY, "scan", [an_alert("bb", detector="scan")])
    store.replace_alerts(DAY + timedelta(days=1), "brute", [])
    store.replace_alerts(DAY, "scan", [])
    assert states(store) == {"aa": "open", "bb": "withdrawn"}


def test_nothing_of_a_day_is_stored_if_one_alert_is_wrong(store: CaseStore) -> None:
    for wrong in (
        an_alert("bb", detector="scan"),
        an_alert("bb", score=math.nan),
        an_alert("aa", score=0.8),
    ):
        with pytest.raises(InputError):
            store.replace_alerts(DAY, "brute", [an_alert("aa"), wrong])
    assert store.alerts() == []


def test_the_queue_shows_the_newest_day_and_then_the_highest_score_first(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("old", score=0.99)])
    new = [an_alert("low", score=0.6), an_alert("high", score=0.8)]
    store.replace_alerts(DAY + timedelta(days=1), "brute", new)
    assert [alert.alert_id for alert in store.alerts()] == ["high", "low", "old"]
    assert [alert.alert_id for alert in store.alerts(limit=2)] == ["high", "low"]


def test_the_queue_can_be_narrowed(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa"), an_alert("bb", environment="oslo")])
    store.replace_alerts(DAY, "scan", [an_alert("cc", detector="scan")])
    store.give_verdict("cc", "unsure", by="ada")
    assert {a.alert_id for a in store.alerts(environment="oslo")} == {"bb"}
    assert {a.alert_id for a in store.alerts(detector="scan")} == {"cc"}
    assert {a.alert_id for a in store.alerts(state="judged")} == {"cc"}
    assert {a.alert_id for a in store.alerts(state="open")} == {"aa", "bb"}
    with pytest.raises(InputError, match="withdrawn"):
        store.alerts(state="closed")  # pyright: ignore[reportArgumentType]


def test_a_unique_prefix_names_an_alert(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("3fa9"), an_alert("3fb0"), an_alert("3f")])
    assert store.alert("3fa").alert_id == "3fa9"
    assert store.alert("3f").alert_id == "3f"


def test_an_ambiguous_or_unknown_prefix_names_candidates(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("3fa9"), an_alert("3fb0")])
    with pytest.raises(InputError, match=r"several.*3fa9.*3fb0"):
        store.alert("3f")
    for unknown in ("4", "", "%", "3_a"):
        with pytest.raises(InputError, match=r"no alert.*3fa9"):
            store.alert(unknown)


def test_the_same_request_twice_counts_once(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    first = store.give_verdict("aa", "true_positive", by="ada", note="seen", verdict_id="v1")
    again = store.give_verdict("aa", "true_positive", by="ada", verdict_id="v1")
    assert again == first
    assert store.verdicts() == [first]


def test_an_analyst_who_repeats_herself_counts_once(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    first = store.give_verdict("aa", "true_positive", by="ada")
    assert store.give_verdict("aa", "true_positive", by=" ada ") == first
    assert store.verdicts() == [first]


def test_an_analyst_may_change_their_mind_and_back(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    for value in ("true_positive", "false_positive", "true_positive"):
        last = store.give_verdict("aa", value, by="ada")
    assert len(store.verdicts()) == 3
    assert store.alert("aa").verdicts == (last,)
    assert [d.verdict_ids for d in store.decisions(["brute"])] == [[last.verdict_id]]


def test_a_verdict_id_is_not_reused_for_another_verdict(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa"), an_alert("bb")])
    store.give_verdict("aa", "true_positive", by="ada", verdict_id="v1")
    for alert_id, value, by in (
        ("bb", "true_positive", "ada"),
        ("aa", "unsure", "ada"),
        ("aa", "true_positive", "bob"),
    ):
        with pytest.raises(InputError, match="new id"):
            store.give_verdict(alert_id, value, by=by, verdict_id="v1")


@pytest.mark.parametrize(
    ("alert_id", "value", "by"),
    [
        ("zz", "unsure", "ada"),
        ("a", "unsure", "ada"),
        ("aa", "maybe", "ada"),
        ("aa", "unsure", " "),
        ("aa", "unsure", "a\0"),
        ("aa", "unsure", "a" * 201),
    ],
)
def test_a_verdict_needs_an_alert_a_value_and_an_analyst(
    store: CaseStore, alert_id: str, value: str, by: str
) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    with pytest.raises(InputError):
        store.give_verdict(alert_id, value, by=by)
    assert store.verdicts() == []


def test_verdicts_are_told_apart_by_detector_and_time(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    store.replace_alerts(DAY, "scan", [an_alert("bb", detector="scan")])
    first = store.give_verdict("aa", "unsure", by="ada")
    second = store.give_verdict("bb", "unsure", by="ada")
    assert store.verdicts(detector="scan") == [second]
    assert store.verdicts(since=first.at.replace(tzinfo=UTC)) == [first, second]
    assert store.verdicts(since=second.at + timedelta(microseconds=1)) == []


def test_conflicting_analysts_give_no_label(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    store.give_verdict("aa", "true_positive", by="ada")
    store.give_verdict("aa", "benign_expected", by="bob")
    [decision] = store.decisions(["brute"])
    assert (decision.conflict, decision.value, decision.by) == (True, None, ["ada", "bob"])
    store.give_verdict("aa", "benign_expected", by="ada")
    [decision] = store.decisions(["brute"])
    assert (decision.conflict, decision.value) == (False, VerdictValue.BENIGN_EXPECTED)
    assert decision.by == ["bob", "ada"]


def test_who_is_unsure_decides_nothing(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa"), an_alert("bb")])
    store.give_verdict("aa", "unsure", by="ada")
    store.give_verdict("bb", "true_positive", by="ada")
    store.give_verdict("bb", "unsure", by="bob")
    assert [(d.alert.alert_id, d.by) for d in store.decisions(["brute"])] == [("bb", ["ada"])]


def test_two_ways_to_say_no_attack_do_not_conflict(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa")])
    store.give_verdict("aa", "benign_expected", by="ada")
    store.give_verdict("aa", "false_positive", by="bob")
    [decision] = store.decisions(["brute"])
    assert (decision.conflict, decision.value) == (False, VerdictValue.FALSE_POSITIVE)


def test_the_fingerprint_changes_only_with_what_training_would_learn(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa"), an_alert("bb")])
    store.replace_alerts(DAY, "scan", [an_alert("cc", detector="scan")])
    empty = store.verdict_fingerprint(["brute"])
    store.give_verdict("bb", "unsure", by="ada")
    store.give_verdict("cc", "true_positive", by="ada")
    assert store.verdict_fingerprint(["brute"]) == empty
    store.give_verdict("aa", "true_positive", by="ada")
    learnt = store.verdict_fingerprint(["brute"])
    assert learnt != empty
    store.give_verdict("aa", "true_positive", by="bob")
    store.replace_alerts(DAY, "brute", [])
    assert store.verdict_fingerprint(["brute", "brute"]) == learnt
    assert store.verdict_fingerprint(["scan", "brute"]) not in (learnt, empty)
    store.give_verdict("aa", "false_positive", by="bob")
    assert store.verdict_fingerprint(["brute"]) == empty


def test_counts_tell_states_and_current_verdicts(store: CaseStore) -> None:
    store.replace_alerts(DAY, "brute", [an_alert("aa"), an_alert("bb", environment="oslo")])
    store.replace_alerts(DAY, "brute", [an_alert("bb", environment="oslo")])
    store.give_verdict("bb", "true_positive", by="ada")
    store.give_verdict("bb", "unsure", by="ada")
    counts = store.counts()
    assert (counts.open, counts.judged, counts.withdrawn) == (0, 1, 1)
    assert {v: n for v, n in counts.verdicts.items() if n} == {VerdictValue.UNSURE: 1}
    assert store.counts(environment="oslo").withdrawn == 0
    assert store.counts(detector="scan").judged == 0


@pytest.mark.parametrize("url", ["", "mysql+pymysql://host/db", "nothing://", "cases.db"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        CaseStore(url)
