"""Allow rules: who puts them into force, what they hide, and what ends them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from judged_alerts import DAY, NOON, a_store, copied, group_of, in_queue, some_alerts, store_alerts
from scorer_records import a_record, checked
from sqlalchemy import update

from triage import CaseStore, schema
from triage.incoming import Role
from triage.judging.judgements import Judgements
from triage.judging.matching import Rule, RuleState, checked_entity
from triage.judging.rules import Rules, Wanted, is_due
from triage.judging.verdicts import Said
from whetstone.errors import InputError

MANY = 60
ATTACK = Said.checked("true_positive")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_store(
        tmp_path_factory.mktemp("stored"),
        some_alerts(MANY),
        some_alerts(2, "o", environment="oslo"),
    )


@pytest.fixture
def cases(stored: Path, tmp_path: Path) -> Iterator[CaseStore]:
    with closing(copied(stored, tmp_path)) as store:
        yield store


@pytest.fixture
def rules(cases: CaseStore) -> Rules:
    return Rules(cases.database)


def wanted(cases: CaseStore, **entity: str) -> Wanted:
    return Wanted("berlin", "brute", cases.alert("a000").pattern, entity, "backup at night")


def in_force(
    cases: CaseStore, rules: Rules, rule_id: str = "nightly-backup", **entity: str
) -> Rule:
    # By its id checks are drawn: by this one four of a000 to a059.
    rules.propose(wanted(cases, **entity), "ada", rule_id)
    return rules.approve(rule_id, "bob")


def run_out(cases: CaseStore, rule: Rule) -> None:
    """Its time is over."""
    past = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
    with cases.database.writing() as connection:
        connection.execute(update(schema.rules).values(until=past))
    assert rule.until is not None


def test_a_proposal_hides_nothing_until_somebody_else_approves(
    cases: CaseStore, rules: Rules
) -> None:
    rule = rules.propose(wanted(cases), "ada")
    assert len(in_queue(cases)) == MANY + 2
    with pytest.raises(InputError, match="somebody else"):
        rules.approve(rule.rule_id, "ada")
    rules.approve(rule.rule_id, "bob")
    assert in_queue(cases) > {"o000", "o001"}
    hidden = rules.hidden(rule.rule_id)
    assert hidden.alerts + hidden.checks == MANY
    assert hidden.days == {DAY: hidden.alerts}


def test_one_in_twenty_is_shown_all_the_same(cases: CaseStore, rules: Rules) -> None:
    rule = in_force(cases, rules)
    shown = in_queue(cases) - {"o000", "o001"}
    assert 0 < len(shown) < MANY / 4
    assert rules.checks(shown) == dict.fromkeys(shown, rule.rule_id)
    drawn = [rule.checks(f"x{n}") for n in range(10_000)]
    assert 400 < sum(drawn) < 600


def test_what_comes_in_later_is_hidden_as_it_comes(cases: CaseStore, rules: Rules) -> None:
    rule = in_force(cases, rules, src_ip="10.1.0.0/16")
    store_alerts(cases, some_alerts(MANY), some_alerts(40, "n"), some_alerts(1, "e", "10.2.0.1"))
    fresh = {alert_id for alert_id in in_queue(cases) if alert_id[0] in "ne"}
    checks = set(rules.checks(fresh))
    assert "e000" in fresh - checks
    assert fresh - checks == {"e000"}
    assert rules.hidden(rule.rule_id).alerts > 80


def test_records_of_scorers_are_hidden_too_but_never_canaries(
    cases: CaseStore, rules: Rules
) -> None:
    store_alerts(cases, some_alerts(0))
    seen = a_record("r0")
    cases.take_records(checked(seen))
    pattern = cases.alert("r0").pattern
    rule = rules.propose(Wanted("berlin", "brute", pattern, {}, "expected"), "ada")
    rules.approve(rule.rule_id, "bob")
    cases.take_records(checked(*(a_record(f"r{n}") for n in range(1, 30))))
    cases.take_records(checked(a_record("c0", canary=True)))
    told = {a.alert_id for a in cases.alerts(limit=100) if a.rule_id == rule.rule_id}
    assert len(told) > 20
    assert len(cases.records(Role.CANARY)) == 1


def test_an_attack_among_what_it_hides_suspends_it_and_shows_it_all(
    cases: CaseStore, rules: Rules
) -> None:
    rule = in_force(cases, rules)
    hidden = next(a.alert_id for a in cases.alerts(limit=100) if a.rule_id == rule.rule_id)
    Judgements(cases.database).give(hidden, ATTACK, "cleo")
    stopped = rules.rule(rule.rule_id)
    assert (stopped.state, stopped.stopped_by) == (RuleState.SUSPENDED, "cleo")
    assert hidden in (stopped.stopped_for or "")
    assert len(in_queue(cases)) == MANY + 2 - 1
    # What comes in now is not hidden either; it takes an approval to hide anything again.
    store_alerts(cases, some_alerts(MANY), some_alerts(20, "n"))
    assert sum(alert_id.startswith("n") for alert_id in in_queue(cases)) == 20
    assert rules.approve(rule.rule_id, "bob").state is RuleState.APPROVED
    assert len(in_queue(cases)) < MANY / 4


@pytest.mark.parametrize("how", ["check", "group", "before"])
def test_every_way_to_find_an_attack_suspends_it(cases: CaseStore, rules: Rules, how: str) -> None:
    judgements = Judgements(cases.database)
    if how == "before":
        # Judged before the rule came, and thought over since.
        judgements.give("a000", Said.checked("unsure"), "cleo")
    rule = in_force(cases, rules)
    check = min(rules.checks([f"a{n:03d}" for n in range(MANY)]))
    match how:
        case "check":
            judgements.give(check, ATTACK, "cleo")
        case "group":
            judgements.give_group(group_of(cases, check), ATTACK, "cleo", "b1")
        case _:
            judgements.give("a000", ATTACK, "cleo")
    assert rules.rule(rule.rule_id).state is RuleState.SUSPENDED
    assert not [a for a in cases.alerts(limit=100) if a.rule_id]


def test_other_verdicts_leave_it_in_force_and_are_told_of(cases: CaseStore, rules: Rules) -> None:
    rule = in_force(cases, rules)
    check = min(rules.checks([f"a{n:03d}" for n in range(MANY)]))
    Judgements(cases.database).give(check, Said.checked("benign_expected"), "cleo")
    hidden = rules.hidden(rule.rule_id)
    assert (hidden.answered, hidden.benign, hidden.attacks) == (1, 1, 0)
    assert rules.rule(rule.rule_id).state is RuleState.APPROVED


def test_a_group_verdict_is_about_what_the_queue_shows(cases: CaseStore, rules: Rules) -> None:
    in_force(cases, rules)
    shown = in_queue(cases) - {"o000", "o001"}
    given = Judgements(cases.database).give_group(
        group_of(cases, "a000"), Said.checked("benign_expected"), "cleo", "b1"
    )
    assert {verdict.alert_id for verdict in given} == shown


def test_when_its_time_is_over_it_hides_nothing_new(cases: CaseStore, rules: Rules) -> None:
    rule = in_force(cases, rules)
    before = in_queue(cases)
    run_out(cases, rule)
    store_alerts(cases, some_alerts(MANY), some_alerts(20, "n"))
    assert in_queue(cases) - before == {f"n{n:03d}" for n in range(20)}
    # The day is run again: what was expected then stays hidden.
    store_alerts(cases, some_alerts(MANY), some_alerts(20, "n"))
    assert len(in_queue(cases) - before) == 20
    rules.prolong(rule.rule_id, "bob")
    assert len(in_queue(cases) - before) < 10


def test_whoever_ends_a_rule_leaves_hidden_what_it_hid(cases: CaseStore, rules: Rules) -> None:
    rule = in_force(cases, rules)
    before = in_queue(cases)
    ended = rules.end(rule.rule_id, "bob", "the server was moved")
    assert (ended.state, ended.stopped_for) == (RuleState.ENDED, "the server was moved")
    assert in_queue(cases) == before
    with pytest.raises(InputError, match="ended"):
        rules.approve(rule.rule_id, "bob")


def test_an_alert_that_looks_otherwise_now_comes_back(cases: CaseStore, rules: Rules) -> None:
    in_force(cases, rules)
    changed = [{"feature": "root_logins", "value": 1.0, "contribution": 9.0}]
    day = [replace(alert, explanation=changed) for alert in some_alerts(MANY)]
    store_alerts(cases, day)
    assert in_queue(cases) == {alert.alert_id for alert in day}


def test_a_rule_is_due_for_a_look_a_week_before_its_end(cases: CaseStore, rules: Rules) -> None:
    rule = in_force(cases, rules)
    assert rule.until is not None
    assert not is_due(rule, rule.until - timedelta(days=8))
    assert is_due(rule, rule.until - timedelta(days=6))
    assert not is_due(rule, rule.until)


def test_rules_are_no_labels(cases: CaseStore, rules: Rules) -> None:
    before = cases.verdict_fingerprint(["brute"])
    in_force(cases, rules)
    assert cases.verdict_fingerprint(["brute"]) == before
    assert cases.counts().judged == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pattern": None}, "whole detector"),
        ({"days": 0}, "days"),
        ({"days": 181}, "days"),
        ({"reason": " "}, "reason"),
        ({"entity": {"src_ip": "10.0.0.1/8"}}, "src_ip"),
        ({"entity": {"src_ip": 7}}, "entity"),
    ],
)
def test_a_proposal_that_is_too_wide_or_wrong_is_refused(
    cases: CaseStore, rules: Rules, change: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        rules.propose(replace(wanted(cases), **change), "ada")  # type: ignore[arg-type]
    assert rules.rules() == []


@pytest.mark.parametrize(
    ("condition", "value", "fits"),
    [
        ("10.1.0.0/16", "10.1.255.1", True),
        ("10.1.0.0/16", "10.2.0.1", False),
        ("2001:db8::/32", "2001:db8::7", True),
        ("10.1.0.0/16", "10.1.0.0/16", True),
        ("10.1.0.0/16", "2001:db8::7", False),
        ("/etc/passwd", "/etc/passwd", True),
        ("root", "rooty", False),
    ],
)
def test_a_condition_is_a_value_or_a_network(condition: str, value: str, fits: bool) -> None:
    entity = checked_entity({"who": condition})
    rule = Rule("r", "e", "d", None, entity, "", RuleState.APPROVED, "ada", NOON, 1)
    assert rule.about(None, {"who": value}) is fits
    assert not rule.about(None, {"else": value})


def test_a_rule_that_names_an_erased_subject_names_nobody_any_more(
    cases: CaseStore, rules: Rules
) -> None:
    rule = in_force(cases, rules, src_ip="10.1.2.3")
    other = in_force(cases, rules, "another", src_ip="10.1.0.0/16")
    cases.scrub("berlin", ["10.1.2.3"])
    forgotten = rules.rule(rule.rule_id)
    assert "10.1.2.3" not in str(forgotten)
    assert forgotten.state is RuleState.SUSPENDED
    assert not [a for a in cases.alerts(limit=100) if a.rule_id == rule.rule_id]
    assert rules.rule(other.rule_id) == other
