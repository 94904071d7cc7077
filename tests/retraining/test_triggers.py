"""What calls for retrainings, and pauses, in the case store."""

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier

import pytest

from triage import CaseStore
from triage.triggers import Trigger, TriggerKind, person_trigger
from whetstone.errors import InputError

NOON = datetime.fromisoformat("2026-03-02T12:00:00")
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def store(case_store_url: str) -> Iterator[CaseStore]:
    store = CaseStore(case_store_url)
    yield store
    store.close()


def trigger(name: str = "cadence:brute:1", detector: str = "brute", at: datetime = NOON) -> Trigger:
    return Trigger(name, detector, TriggerKind.CADENCE, "weekly", "cadence", at, NOON.date())


def test_a_trigger_comes_back_as_it_was_given(store: CaseStore) -> None:
    assert store.add_triggers([trigger()]) == [trigger()]
    assert store.triggers() == [trigger()]


def test_a_trigger_that_is_stored_again_changes_nothing(store: CaseStore) -> None:
    store.add_triggers([trigger()])
    before = store.trigger_fingerprint(["brute"])
    again = replace(trigger(), reason="other", at=NOON + timedelta(1))
    assert store.add_triggers([again, again]) == []
    assert store.triggers() == [trigger()]
    assert store.trigger_fingerprint(["brute"]) == before


def test_the_fingerprint_changes_with_each_trigger_of_the_detectors_alone(store: CaseStore) -> None:
    empty = store.trigger_fingerprint(["brute"])
    store.add_triggers([trigger("cadence:scan:1", "scan")])
    assert store.trigger_fingerprint(["brute"]) == empty
    store.add_triggers([trigger()])
    one = store.trigger_fingerprint(["brute"])
    store.add_triggers([trigger("cadence:brute:2")])
    assert len({empty, one, store.trigger_fingerprint(["brute"])}) == 3


def test_the_newest_triggers_come_first(store: CaseStore) -> None:
    hours = [trigger(f"cadence:brute:{n}", at=NOON + timedelta(hours=n)) for n in range(4)]
    store.add_triggers(hours)
    store.add_triggers([trigger("cadence:scan:1", "scan")])
    assert store.triggers("brute", limit=2) == [hours[3], hours[2]]


def test_somebodys_call_with_one_reason_counts_once_a_day() -> None:
    first = person_trigger("brute", "ada", "new bastion", NOON)
    assert person_trigger("brute", " ada", "new bastion ", NOON + timedelta(hours=11)) == replace(
        first, at=NOON + timedelta(hours=11)
    )
    others = [
        person_trigger("brute", "ada", "new bastion", NOON + timedelta(1)),
        person_trigger("brute", "bob", "new bastion", NOON),
        person_trigger("brute", "ada", "still blunt", NOON),
        person_trigger("scan", "ada", "new bastion", NOON),
    ]
    assert len({first.trigger_id, *(other.trigger_id for other in others)}) == 5


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("ada", " "), ("ada", "a\0b")])
def test_a_call_without_a_name_or_a_reason_is_refused(by: str, reason: str) -> None:
    with pytest.raises(InputError, match=r"(by|reason): text of 1 to"):
        person_trigger("brute", by, reason)


def _add(url: str, start: Barrier) -> None:
    start.wait()
    store = CaseStore(url)
    for n in range(20):
        store.add_triggers([trigger(f"cadence:brute:{n}")])
        store.pause("brute", "ada", "audit")
    store.close()


def test_processes_that_store_the_same_at_once_double_nothing(case_store_url: str) -> None:
    url = case_store_url
    start = SPAWN.Barrier(3)
    processes = [SPAWN.Process(target=_add, args=(url, start)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 3
    store = CaseStore(url)
    assert len(store.triggers()) == 20
    assert len(store.pauses()) == 1
    store.close()


def test_a_pause_lasts_until_it_is_resumed(store: CaseStore) -> None:
    begun = store.pause("brute", "ada", "audit week")
    assert store.pauses() == [begun]
    assert begun.story == "it is paused by ada until `whetstone resume`: audit week"
    assert store.resume("brute", "bob") == begun
    assert store.pauses() == []


def test_a_pause_ends_by_itself_when_its_time_has_come(store: CaseStore) -> None:
    now = datetime.now(UTC)
    store.pause("*", "ada", "audit week", now + timedelta(hours=1))
    assert [pause.detector for pause in store.pauses(now)] == ["*"]
    assert store.pauses(now + timedelta(hours=1)) == []


def test_a_pause_takes_the_place_of_the_one_before(store: CaseStore) -> None:
    first = store.pause("brute", "ada", "audit week")
    assert store.pause("brute", "ada", "audit week") == first
    second = store.pause("brute", "bob", "longer")
    assert store.pauses() == [second]


def test_the_pause_of_all_and_of_one_are_two(store: CaseStore) -> None:
    store.pause("*", "ada", "audit week")
    store.pause("brute", "bob", "noisy")
    store.resume("*", "ada")
    assert [pause.detector for pause in store.pauses()] == ["brute"]


def test_a_pause_that_has_ended_already_and_a_resume_of_nothing_are_refused(
    store: CaseStore,
) -> None:
    with pytest.raises(InputError, match=r"has passed: name a later time"):
        store.pause("brute", "ada", "audit", datetime.now(UTC) - timedelta(minutes=1))
    store.pause("scan", "ada", "audit")
    with pytest.raises(InputError, match=r"brute is not paused; paused is: scan"):
        store.resume("brute", "ada")
