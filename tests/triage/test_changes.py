"""What happens on the desk, in one order for all who follow it: on SQLite and on Postgres."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.triage.exchange_cases import fill
from tests.triage.postgres import emptied
from tests.triage.servers import PATIENCE
from triage import CaseStore
from triage.database import Database
from triage.exchange.changes import Change, ChangeKind, Changes, tell
from triage.exchange.repeated import Asked, KeyReusedError, Repeated, StillAnsweringError
from triage.exchange.webhooks import LEASE, Webhooks

EVERY = tuple(ChangeKind)


@pytest.fixture
def database(case_store_url: str) -> Iterator[Database]:
    with closing(Database(case_store_url)) as found:
        yield found


def ended(rule_id: str) -> Change:
    return Change(ChangeKind.RULE_ENDED, "berlin", rule_id)


def told(changes: Changes, after: int = 0) -> list[str]:
    return [change.subject for change in changes.since(after, EVERY, None, 100)]


def test_what_is_told_twice_happened_once(database: Database) -> None:
    for _ in range(2):
        with database.writing() as connection:
            tell(connection, [ended("r1"), ended("r2"), ended("r1")])
    assert told(Changes(database)) == ["r1", "r2"]
    with database.writing() as connection:
        tell(connection, [Change(ChangeKind.RULE_ENDED, "berlin", "r1", occasion="again")])
    assert told(Changes(database)) == ["r1", "r2", "r1"]


def test_readers_see_their_environments_and_what_is_about_all(database: Database) -> None:
    with database.writing() as connection:
        places = ("berlin", "oslo", "*")
        tell(connection, [Change(ChangeKind.RULE_ENDED, each, each) for each in places])
    found = Changes(database).since(0, EVERY, frozenset({"oslo"}), 100)
    assert {change.environment for change in found} == {"oslo", "*"}
    assert Changes(database).since(0, EVERY, frozenset(), 100)[0].environment == "*"
    assert Changes(database).since(0, [ChangeKind.ALERT_OPENED], None, 100) == []


def test_a_transaction_that_commits_late_comes_late_and_is_not_missed(postgres_url: str) -> None:
    with closing(Database(emptied(postgres_url))) as database:
        changes = Changes(database)
        with database.writing() as late:
            tell(late, [ended("began first")])
            with database.writing() as early:
                tell(early, [ended("ended first")])
            assert told(changes) == ["ended first"]
            cursor = changes.last()
        assert told(changes, cursor) == ["began first"]


def test_many_readers_at_once_give_each_change_one_place(database: Database) -> None:
    with database.writing() as connection:
        tell(connection, [ended(f"r{n}") for n in range(50)])
    seen: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: seen.append(told(Changes(database)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(seen) == 4
    assert all(each == seen[0] for each in seen)
    places = [change.place for change in Changes(database).since(0, EVERY, None, 100)]
    assert places == list(range(1, 51))


def test_alerts_and_verdicts_are_told_on_either_database(case_store_url: str) -> None:
    with closing(CaseStore(case_store_url)) as cases:
        webhooks = Webhooks(cases.database)
        webhook = webhooks.register("*", "https://soar.example/", EVERY, "ada", "secret")
        fill(cases)
        opened = Changes(cases.database).since(0, [ChangeKind.ALERT_OPENED], None, 100)
        assert {change.subject for change in opened} == {"a1", "a2", "a3", "a4", "r1", "r2", "r3"}
        given = Changes(cases.database).since(0, [ChangeKind.VERDICT_GIVEN], None, 100)
        assert len(given) == 4
        assert webhooks.claim(webhook, webhook.created)
        assert not webhooks.claim(webhook, webhook.created)
        webhooks.passed(webhook, given[-1].place, delivered=2)
        webhooks.release(webhook, webhook.created)
        found = webhooks.find(webhook.webhook_id)
        assert found is not None
        assert (found.place, found.delivered) == (given[-1].place, 2)
        assert webhooks.claim(found, webhook.created + LEASE)
        webhooks.remove(webhook.webhook_id)
        assert webhooks.listed() == []


def test_a_request_is_worked_off_once_and_its_answer_is_kept(database: Database) -> None:
    repeated = Repeated(database)
    asked = Asked.of("ada", "k", "/verdicts", b"{}")
    assert repeated.begin(asked) is None
    with pytest.raises(StillAnsweringError):
        repeated.begin(asked)
    repeated.answered(asked, {"verdicts": []})
    assert repeated.begin(asked) == {"verdicts": []}
    with pytest.raises(KeyReusedError):
        repeated.begin(Asked.of("ada", "k", "/verdicts", b"[]"))
    with pytest.raises(KeyReusedError):
        repeated.begin(Asked.of("ada", "k", "/elsewhere", b"{}"))
    others = Asked.of("bob", "k", "/verdicts", b"{}")
    assert repeated.begin(others) is None
    repeated.dropped(others)
    assert repeated.begin(others) is None
    assert asked.id_of(0) == Asked.of("ada", "k", "/verdicts", b"{}").id_of(0) != asked.id_of(1)
