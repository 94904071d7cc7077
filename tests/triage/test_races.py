"""Transactions that decide by what they read, and meet: as if one had come after the other."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.triage.judged_alerts import group_of, some_alerts, store_alerts
from tests.triage.logged_in import PASSWORD, QUICK
from tests.triage.meeting import together
from tests.triage.postgres import emptied
from tests.triage.scorer_records import DAY, a_notice, a_record, checked, of_batch
from triage import CaseStore, schema
from triage.access import LOCAL, Permission, Principal, Role
from triage.access.api_tokens import ApiTokens
from triage.access.login_attempts import Attempt, LoginAttempts
from triage.access.people import People
from triage.access.sessions import Sessions
from triage.database import Alone, Database, alone
from triage.desk import Desk
from triage.exchange.changes import Change, ChangeKind, Changes, tell
from triage.exchange.repeated import Asked, Repeated, StillAnsweringError
from triage.intake.jobs import JobKind, Jobs, add_job
from triage.intake.uploads import Uploads
from triage.judging.judgements import Judgements
from triage.judging.progress import StepKind
from triage.judging.rules import Rules, Wanted
from triage.judging.verdicts import Said
from triage.learning import Probes, Slices
from triage.outbox import Outbox, Standing
from triage.queue import Views
from triage.queue.views import MOST_VIEWS
from triage.triggers import Trigger, TriggerKind
from whetstone.audit import AuditLog
from whetstone.errors import InputError
from whetstone.settings import Settings

NOON = datetime.fromisoformat("2026-03-02T12:00:00")
FALSE = Said.checked("false_positive")
ATTACK = Said.checked("true_positive")
EXPECTED = Wanted("berlin", "brute", None, {"src_ip": "10.1.2.3"}, "our own scan")


@pytest.fixture
def url(postgres_url: str) -> str:
    return emptied(postgres_url)


@pytest.fixture
def cases(url: str) -> Iterator[CaseStore]:
    with closing(CaseStore(url)) as cases:
        yield cases


def alike(database: Database) -> CaseStore:
    """The case store on connections of its own, like those of another process."""
    cases = object.__new__(CaseStore)
    cases.database = database
    return cases


def refused(found: list[Any]) -> list[str]:
    """What the refused ones were told; nobody else was kept from anything."""
    errors = [each for each in found if isinstance(each, Exception)]
    assert all(isinstance(error, InputError) for error in errors), errors
    return [str(error) for error in errors]


def rows(cases: CaseStore, table: Any) -> int:
    with cases.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


# --- what one is alone with


def test_only_one_is_alone_with_something_and_others_with_something_else(url: str) -> None:
    with closing(Database(url)) as here, closing(Database(url)) as there:
        with here.writing(Alone.PEOPLE), there.writing(Alone.DESK) as connection:
            waits = select(func.pg_try_advisory_xact_lock(int(Alone.PEOPLE)))
            assert connection.scalar(waits) is False
            alone(connection, Alone.VIEWS)
        with there.writing() as connection:
            assert connection.scalar(waits) is True


# --- pauses and calls for retrainings


def test_a_pause_that_two_ask_for_begins_once(url: str, cases: CaseStore) -> None:
    first, second = together(
        url, *[lambda db: alike(db).pause("brute", "ada", "audit") for _ in range(2)]
    )
    assert first == second
    assert rows(cases, schema.pauses) == 1


def test_a_pause_is_ended_by_one(url: str, cases: CaseStore) -> None:
    cases.pause("brute", "ada", "audit")
    found = together(
        url, *[lambda db, by=by: alike(db).resume("brute", by) for by in ("ada", "bob")]
    )
    assert len(refused(found)) == 1


def test_a_call_is_new_to_one(url: str, cases: CaseStore) -> None:
    calls = [
        Trigger(name, "brute", TriggerKind.CADENCE, "weekly", "cadence", NOON, NOON.date())
        for name in ("one", "two")
    ]
    found = together(
        url,
        lambda db: alike(db).add_triggers(calls),
        lambda db: alike(db).add_triggers(calls[::-1]),
    )
    assert sorted(map(len, found)) == [0, 2]
    assert len(cases.triggers()) == 2


# --- allow rules


def test_a_rule_that_is_ended_stays_ended_whoever_finds_an_attack_meanwhile(
    url: str, cases: CaseStore
) -> None:
    store_alerts(cases, some_alerts(3))
    rules = Rules(cases.database)
    rule = rules.propose(EXPECTED, "ada").rule_id
    rules.approve(rule, "bob")
    found = together(
        url,
        lambda db: Judgements(db).give("a000", ATTACK, "bob"),
        lambda db: Rules(db).end(rule, "ada", "no more"),
    )
    assert refused(found) == []
    assert rules.rule(rule).state == "ended"


def test_a_rule_that_is_ended_is_not_put_into_force_meanwhile(url: str, cases: CaseStore) -> None:
    rules = Rules(cases.database)
    rule = rules.propose(EXPECTED, "ada").rule_id
    found = together(
        url,
        lambda db: Rules(db).approve(rule, "bob"),
        lambda db: Rules(db).end(rule, "ada", "no more"),
    )
    refused(found)
    assert rules.rule(rule).state == "ended"


def test_a_proposal_that_comes_twice_is_one(url: str, cases: CaseStore) -> None:
    found = together(url, *[lambda db: Rules(db).propose(EXPECTED, "ada", "r1") for _ in range(2)])
    assert found[0] == found[1]
    assert rows(cases, schema.rules) == 1


# --- verdicts


def test_a_verdict_id_belongs_to_one_alert(url: str, cases: CaseStore) -> None:
    store_alerts(cases, some_alerts(2))
    found = together(
        url,
        *[
            lambda db, alert=alert: Judgements(db).give(alert, FALSE, "ada", "v1")
            for alert in ("a000", "a001")
        ],
    )
    assert "a new verdict needs a new id" in refused(found)[0]
    assert len(cases.verdicts()) == 1


def test_a_group_is_judged_by_one_of_two(url: str, cases: CaseStore) -> None:
    store_alerts(cases, some_alerts(5))
    group = group_of(cases, "a000")
    found = together(
        url,
        *[
            lambda db, by=by: Judgements(db).give_group(group, FALSE, by, f"b-{by}")
            for by in ("ada", "bob")
        ],
    )
    assert "nothing to judge" in refused(found)[0]
    assert len(cases.verdicts()) == 5


def test_a_batch_that_is_sent_twice_at_once_is_answered_twice_alike(
    url: str, cases: CaseStore
) -> None:
    store_alerts(cases, some_alerts(5))
    group = group_of(cases, "a000")
    found = together(
        url, *[lambda db: Judgements(db).give_group(group, FALSE, "ada", "b1") for _ in range(2)]
    )
    assert [v.verdict_id for v in found[0]] == [v.verdict_id for v in found[1]]
    assert len(cases.verdicts()) == 5


def test_a_verdict_is_taken_back_by_the_first(url: str, cases: CaseStore) -> None:
    store_alerts(cases, some_alerts(1))
    cases.give_verdict("a000", "unsure", "ada", verdict_id="v1")
    found = together(
        url,
        *[
            lambda db, by=by: Judgements(db).retract("v1", by, any_analyst=True)
            for by in ("ada", "root")
        ],
    )
    assert refused(found) == []
    assert found[0] == found[1] == Judgements(cases.database).history("a000")


def test_a_group_is_judged_while_its_alerts_come_in_again(url: str, cases: CaseStore) -> None:
    alerts = some_alerts(40)
    store_alerts(cases, alerts)
    group = group_of(cases, "a000")
    found = together(
        url,
        lambda db: Judgements(db).give_group(group, FALSE, "ada", "b1"),
        lambda db: alike(db).replace_alerts(DAY, "brute", alerts[::-1]),
        lambda db: alike(db).erase([f"a{n:03}" for n in range(39, 30, -1)]),
    )
    assert refused(found) == []


def test_a_probe_that_is_judged_is_not_forgotten_meanwhile(url: str, cases: CaseStore) -> None:
    Probes(cases.database).register(DAY, "brute", [of_batch("p", score=0.4)])
    found = together(
        url,
        lambda db: Judgements(db).give("p", ATTACK, "ada"),
        lambda db: Probes(db).register(DAY, "brute", []),
    )
    kept = refused(found) == []
    assert len(cases.verdicts()) == rows(cases, schema.alerts) == kept


# --- what scorers send


def test_a_record_belongs_to_the_environment_that_sent_it_first(url: str, cases: CaseStore) -> None:
    found = together(
        url,
        *[
            lambda db, place=place: alike(db).take_records(
                checked(a_record(environment=place, revision=len(place), shadow=True))
            )
            for place in ("berlin", "oslo")
        ],
    )
    refused(found)
    assert sum(each.taken for each in found if not isinstance(each, InputError)) == 1


def test_scorers_that_send_the_same_in_another_order_do_not_stop_each_other(
    url: str, cases: CaseStore
) -> None:
    names = [f"{n:03}" for n in range(30)]
    found = together(
        url,
        lambda db: alike(db).take_records(checked(*map(a_record, names))),
        lambda db: alike(db).take_records(checked(*map(a_record, reversed(names)))),
        lambda db: alike(db).replace_alerts(DAY, "brute", [*map(of_batch, reversed(names))]),
        lambda db: alike(db).hear("berlin", "s1", {}),
    )
    assert refused(found) == []
    assert found[0].taken + found[1].taken == 30
    assert cases.counts().open == 30


def test_what_comes_in_while_it_is_erased_is_erased(url: str, cases: CaseStore) -> None:
    cases.replace_alerts(DAY, "brute", [of_batch("aa")])
    found = together(
        url,
        lambda db: alike(db).take_records(checked(a_record("aa"))),
        lambda db: alike(db).erase(["aa"]),
    )
    assert refused(found) == []
    assert cases.record("aa") is None
    assert cases.alert("aa").entity == {}


def test_to_take_somebody_out_of_a_record_leaves_what_came_since(
    url: str, cases: CaseStore
) -> None:
    def told(revision: int) -> dict[str, Any]:
        return a_record("aa", revision=revision, context=[{"text": "from 10.9.9.9"}])

    for revision in range(1, 9, 2):
        cases.take_records(checked(told(revision)))
        newer = checked(told(revision + 1))
        found = together(
            url,
            lambda db: alike(db).scrub("berlin", {"10.9.9.9"}),
            lambda db, newer=newer: alike(db).take_records(newer),
        )
        assert refused(found) == []
        stored = cases.record("aa")
        assert stored is not None
        assert stored["whetstone"]["revision"] == revision + 1


def test_scorers_that_are_heard_at_once_forget_old_notices_together(
    url: str, cases: CaseStore
) -> None:
    cases.take_records(checked(*(a_notice(f"n{n}") for n in range(50))))
    with cases.database.writing() as connection:
        connection.execute(schema.records.update().values(received=NOON - timedelta(days=99)))
    found = together(
        url, *[lambda db, name=name: alike(db).hear("berlin", name, {}) for name in "abc"]
    )
    assert refused(found) == []
    assert cases.record_counts()["notice"] == 0


# --- what becomes of verdicts


def test_a_release_arrives_in_an_environment_once(url: str, cases: CaseStore) -> None:
    step: dict[str, Any] = {
        "kind": StepKind.RELEASE,
        "name": "brute",
        "dataset": "attacks",
        "version": "7",
        "environment": "",
        "at": NOON,
        "cause": "",
        "detail": {},
    }
    with cases.database.writing() as connection:
        connection.execute(schema.receipt_steps.insert().values(step))
    told = {"releases": [{"detector": "brute", "role": "champion", "version": "7"}]}
    found = together(
        url, *[lambda db, name=name: alike(db).hear("berlin", name, told) for name in "abc"]
    )
    assert refused(found) == []
    assert rows(cases, schema.receipt_steps) == 2


def test_slices_that_are_drawn_at_once_are_one(url: str, cases: CaseStore) -> None:
    cases.replace_alerts(DAY, "brute", [of_batch(f"{n:02}") for n in range(20)])
    found = together(url, *[lambda db: Slices(db).draw(DAY) for _ in range(3)])
    assert refused(found) == []
    assert rows(cases, schema.slice_members) == 3


def test_changes_get_one_place_each(url: str, cases: CaseStore) -> None:
    kind = ChangeKind.VERDICT_GIVEN
    with cases.database.writing() as connection:
        tell(connection, [Change(kind, "berlin", f"v{n:02}") for n in range(20)])
    found = together(url, *[lambda db: Changes(db).last() for _ in range(3)])
    assert found == [20] * 3
    places = [each.place for each in Changes(cases.database).since(0, [kind], None, 100)]
    assert places == list(range(1, 21))


# --- people


@pytest.fixture
def trail(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit.jsonl")


@pytest.fixture
def people(cases: CaseStore, trail: AuditLog) -> People:
    people = People(cases.database, trail, QUICK)
    for name in ("ada", "bob"):
        people.add(LOCAL, name, {"*": Role.ADMIN}, PASSWORD)
    return people


def who(people: People, name: str) -> Principal:
    person = people.find(name)
    assert person is not None
    return person.principal


@pytest.mark.parametrize("removes", [True, False])
def test_admins_who_turn_each_other_out_leave_one(
    url: str, people: People, trail: AuditLog, removes: bool
) -> None:
    def turn_out(database: Database, by: str, other: str) -> None:
        those = People(database, trail, QUICK)
        if removes:
            those.remove(who(people, by), other)
        else:
            those.give_role(who(people, by), other, "*", None)

    found = together(
        url, lambda db: turn_out(db, "ada", "bob"), lambda db: turn_out(db, "bob", "ada")
    )
    assert "nobody would be admin" in refused(found)[0]
    assert [person.name for person in people.all() if person.roles.get("*") == Role.ADMIN]


def test_a_name_is_given_once(url: str, people: People, trail: AuditLog) -> None:
    found = together(
        url,
        *[
            lambda db: People(db, trail, QUICK).add(LOCAL, "eve", {"oslo": Role.VIEWER}, PASSWORD)
            for _ in range(2)
        ],
    )
    assert refused(found) == ["name eve: somebody bears it already"]


def test_whom_a_provider_recognises_twice_at_once_is_one(
    url: str, people: People, trail: AuditLog
) -> None:
    found = together(
        url,
        *[
            lambda db: People(db, trail).of_provider("https://id", "s1", "eve", {"*": Role.VIEWER})
            for _ in range(3)
        ],
    )
    assert refused(found) == []
    assert {person.name for person in found} == {"eve"}


def test_who_is_removed_while_logging_in_is_not_logged_in(
    url: str, cases: CaseStore, people: People, trail: AuditLog
) -> None:
    before = Sessions(cases.database).begin("bob")
    found = together(
        url,
        lambda db: Sessions(db).begin("bob"),
        lambda db: People(db, trail, QUICK).remove(LOCAL, "bob"),
    )
    refused(found)
    assert people.find("bob") is None
    assert rows(cases, schema.sessions) == 0
    assert Sessions(cases.database).name_of(before) is None


@pytest.mark.parametrize("label", ["ci", "other"])
def test_a_label_is_borne_by_one_token_and_none_outlives_its_owner(
    url: str, cases: CaseStore, people: People, trail: AuditLog, label: str
) -> None:
    bob = who(people, "bob")

    def add(database: Database, name: str) -> str:
        tokens = ApiTokens(database, People(database, trail), trail)
        return tokens.add(bob, name, frozenset({Permission.READ}), frozenset({"oslo"}), 9)

    found = together(
        url,
        lambda db: add(db, "ci"),
        lambda db: add(db, label) if label == "ci" else People(db, trail).remove(LOCAL, "bob"),
    )
    told = refused(found)
    kept = ApiTokens(cases.database, people, trail).all()
    if label == "ci":
        assert told == ["label ci: another token bears it"]
        assert len(kept) == 1
    else:
        assert kept == []


def test_an_answer_to_a_login_counts_once(url: str, cases: CaseStore) -> None:
    LoginAttempts(cases.database).keep("state", "me", Attempt("n", "v", "/"))
    found = together(url, *[lambda db: LoginAttempts(db).take("state", "me") for _ in range(3)])
    assert len(refused(found)) == 2


# --- the rest


def test_a_view_is_kept_once_and_no_more_than_are_allowed(url: str, cases: CaseStore) -> None:
    views = Views(cases.database)
    for n in range(MOST_VIEWS - 1):
        views.save("ada", f"v{n}", "")
    found = together(
        url,
        *[
            lambda db, name=name: Views(db).save("ada", name, "")
            for name in ("new", "new", "another")
        ],
    )
    assert all("views are kept already" in told for told in refused(found))
    assert len(views.of("ada")) == MOST_VIEWS


def test_two_who_look_at_once_tell_an_owner_once(url: str, cases: CaseStore) -> None:
    drift = Standing("ssh", "drift", "moved", "http://reports/x", ("team:a#0",))
    now = datetime.now(UTC)

    def look(_database: Database) -> int:
        with closing(Outbox(url)) as outbox:
            outbox.record([drift], now)
            return len(outbox.due(now))

    assert sorted(together(url, look, look, look)) == [0, 0, 1]


def test_a_job_is_claimed_by_one(url: str, cases: CaseStore) -> None:
    with cases.database.writing() as connection:
        job = add_job(connection, JobKind.IDEA, "ada")
    found = together(url, *[lambda db: Jobs(db).claim() for _ in range(3)])
    assert sorted(found, key=str) == [(job, JobKind.IDEA), None, None]


def test_an_upload_is_accepted_or_discarded(url: str, cases: CaseStore, tmp_path: Path) -> None:
    desk = Desk(cases, Settings(home=tmp_path))
    files = (("auth.log", BytesIO(b"a line\n")), BytesIO(b"unit,label\n"))
    upload = Uploads(desk).receive("ssh_bruteforce", *files, day=DAY, note="", by="ada")
    Jobs(cases.database).end(upload, {}, None)
    found = together(
        url,
        lambda db: Uploads(replace(desk, cases=alike(db))).accept(upload).decision,
        lambda db: Uploads(replace(desk, cases=alike(db))).discard(upload).decision,
    )
    refused(found)
    decided = Uploads(desk).upload(upload)
    assert decided is not None
    contributions = [*(desk.settings.contributions / "ssh_bruteforce").glob("[!.]*")]
    assert decided.decision == ("accepted" if contributions else "discarded")
    assert decided.decision == found[1]


def test_a_request_is_worked_off_by_one(url: str, cases: CaseStore) -> None:
    asked = Asked.of("ada", "k1", "/verdicts", b"{}")
    found = together(url, *[lambda db: Repeated(db).begin(asked) for _ in range(3)])
    assert sorted(map(type, found), key=str) == [type(None), *[StillAnsweringError] * 2]


def test_who_was_too_slow_to_answer_leaves_the_answer_of_another_alone(cases: CaseStore) -> None:
    repeated = Repeated(cases.database)
    first = Asked.of("ada", "k1", "/verdicts", b"1")
    second = replace(first, digest="2")
    assert repeated.begin(first) is None
    repeated.dropped(first)
    assert repeated.begin(second) is None
    repeated.answered(first, {"of": "first"})
    repeated.answered(second, {"of": "second"})
    repeated.dropped(second)
    assert repeated.begin(second) == {"of": "second"}
