"""The ledger of notices: told once, tried again, called off when over."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from triage import CaseStore
from triage.outbox import FIRST_RETRY, GIVEN_UP_AFTER, LEASE, LONGEST_RETRY, Outbox, Standing

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DRIFT = Standing("ssh", "drift", "moved", "http://reports/x", ("team:a#0", "*#0"))
MINUTE = timedelta(minutes=1)


@pytest.fixture
def url(case_store_url: str) -> str:
    return case_store_url


@pytest.fixture
def outbox(url: str) -> Iterator[Outbox]:
    with closing(Outbox(url)) as made:
        yield made


def send_all(outbox: Outbox, now: datetime = NOW) -> list[tuple[str, str, bool]]:
    found = outbox.due(now)
    outbox.sent(found)
    return [(d.subject, d.address, d.over) for d in found]


def test_what_stands_is_told_once_to_each_address_however_long_it_stands(outbox: Outbox) -> None:
    told = []
    for hours in range(5):
        outbox.record([DRIFT], NOW + timedelta(hours=hours))
        told += send_all(outbox, NOW + timedelta(hours=hours))
    assert told == [("ssh", "team:a#0", False), ("ssh", "*#0", False)]


def test_a_restart_tells_nothing_twice(url: str) -> None:
    with closing(Outbox(url)) as first:
        first.record([DRIFT], NOW)
        assert len(send_all(first)) == 2
    with closing(Outbox(url)) as second:
        assert second.record([DRIFT], NOW + MINUTE).began == 0
        assert send_all(second, NOW + MINUTE) == []


def test_the_end_is_told_to_whom_the_beginning_was(outbox: Outbox) -> None:
    outbox.record([DRIFT], NOW)
    send_all(outbox)
    assert outbox.record([], NOW + MINUTE).ended == 1
    assert send_all(outbox, NOW + MINUTE) == [("ssh", "team:a#0", True), ("ssh", "*#0", True)]
    assert outbox.record([], NOW + 2 * MINUTE).ended == 0
    assert outbox.standing() == []


def test_what_comes_back_is_told_again(outbox: Outbox) -> None:
    for minute, standing in enumerate(([DRIFT], [], [DRIFT])):
        outbox.record(standing, NOW + minute * MINUTE)
        send_all(outbox, NOW + minute * MINUTE)
    assert outbox.counts() == {"sent": 6}


def test_what_is_over_before_anybody_heard_of_it_is_not_told(outbox: Outbox) -> None:
    outbox.record([DRIFT], NOW)
    outbox.record([], NOW + MINUTE)
    assert send_all(outbox, NOW + MINUTE) == []
    assert outbox.counts() == {"dropped": 2}


def test_what_could_not_be_sent_is_tried_again_ever_more_rarely(outbox: Outbox) -> None:
    outbox.record([Standing("ssh", "drift", "moved", "", ("*#0",))], NOW)
    at = NOW
    for times in range(12):
        (delivery,) = outbox.due(at)
        outbox.failed([delivery], at)
        pause = min(FIRST_RETRY * 2**times, LONGEST_RETRY)
        assert outbox.due(at + pause - timedelta(seconds=1)) == []
        at += pause


def test_what_cannot_be_sent_for_a_week_is_given_up(outbox: Outbox) -> None:
    outbox.record([Standing("ssh", "drift", "moved", "", ("*#0",))], NOW)
    outbox.failed(outbox.due(NOW), NOW)
    later = NOW + GIVEN_UP_AFTER + MINUTE
    outbox.failed(outbox.due(later), later)
    assert outbox.counts() == {"given up": 1}


def test_what_one_process_sends_no_other_sends_meanwhile(url: str) -> None:
    with closing(Outbox(url)) as one, closing(Outbox(url)) as other:
        one.record([DRIFT], NOW)
        assert len(one.due(NOW)) == 2
        assert other.due(NOW + MINUTE) == []
        # The first was killed in the middle: nobody knows whether it had sent.
        assert len(other.due(NOW + LEASE)) == 2


def test_an_address_that_is_gone_is_not_sent_to(outbox: Outbox) -> None:
    outbox.record([DRIFT], NOW)
    outbox.drop(outbox.due(NOW))
    assert outbox.due(NOW + 2 * LEASE) == []


def test_a_condition_that_nobody_is_told_of_stands_all_the_same(outbox: Outbox) -> None:
    outbox.record([Standing("ssh", "drift", "moved", "", ())], NOW)
    (found,) = outbox.standing()
    assert (found["subject"], found["kind"]) == ("ssh", "drift")
    assert found["began"] == NOW.replace(tzinfo=None)
    assert outbox.due(NOW) == []


def test_endless_text_is_cut(outbox: Outbox) -> None:
    outbox.record([Standing("s" * 5000, "k" * 5000, "t" * 10**6, "", ("*#0",))], NOW)
    (delivery,) = outbox.due(NOW)
    assert (len(delivery.subject), len(delivery.kind), len(delivery.text)) == (200, 64, 4000)
    assert outbox.record([Standing("s" * 5000, "k" * 5000, "t", "", ())], NOW).began == 0


def test_it_lies_beside_the_cases(url: str, outbox: Outbox) -> None:
    outbox.record([DRIFT], NOW)
    with closing(CaseStore(url)) as cases:
        assert cases.counts().open == 0
    assert len(outbox.standing()) == 1


def test_what_is_erased_is_told_nobody_any_more(outbox: Outbox) -> None:
    naming = Standing("ssh", "features", "new value mallory_1 of user", "http://x", ("*#0",))
    outbox.record([DRIFT, naming], NOW)
    assert outbox.scrub(["%", "mallory_1", ""]) == 1
    texts = {delivery.kind: delivery.text for delivery in outbox.due(NOW)}
    assert texts == {"drift": "moved", "features": "[erased]"}
    assert outbox.record([DRIFT, naming], NOW + MINUTE).began == 0, "it is not told anew"


def test_what_ends_while_it_is_on_its_way_is_called_off_once_it_is_there(outbox: Outbox) -> None:
    outbox.record([DRIFT], NOW)
    on_its_way = outbox.due(NOW)
    outbox.record([], NOW + MINUTE)
    outbox.sent(on_its_way)
    assert send_all(outbox, NOW + MINUTE) == [("ssh", "team:a#0", True), ("ssh", "*#0", True)]
    assert outbox.due(NOW + LEASE + MINUTE) == []
