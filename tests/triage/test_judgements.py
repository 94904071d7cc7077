"""Verdicts: what they say, for one alert or many, and how they are taken back."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from judged_alerts import a_store, copied, group_of, some_alerts, store_alerts, values

from triage import CaseStore
from triage.judging.judgements import Judgements
from triage.judging.verdicts import Said
from triage.records import REASONS, VerdictValue
from whetstone.errors import InputError

FALSE = Said.checked("false_positive", "ordinary", "she tests", {"line": 0, "start": 2, "end": 9})
ATTACK = Said.checked("true_positive")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_store(
        tmp_path_factory.mktemp("stored"),
        some_alerts(3),
        some_alerts(2, "b", subject="10.9.9.9"),
        some_alerts(1, "o", environment="oslo"),
    )


@pytest.fixture
def cases(stored: Path, tmp_path: Path) -> Iterator[CaseStore]:
    with closing(copied(stored, tmp_path)) as store:
        yield store


@pytest.fixture
def judgements(cases: CaseStore) -> Judgements:
    return Judgements(cases.database)


def test_reason_note_and_span_come_back_as_they_were_given(
    cases: CaseStore, judgements: Judgements
) -> None:
    given = judgements.give("a000", FALSE, "ada", "v1")
    assert cases.alert("a000").verdicts == (given,)
    assert (given.reason, given.note) == ("ordinary", "she tests")
    assert given.span == {"line": 0, "start": 2, "end": 9}
    assert given.batch_id is None


@pytest.mark.parametrize("value", list(VerdictValue))
def test_every_reason_belongs_to_its_verdict_only(value: VerdictValue) -> None:
    for word in REASONS[value]:
        assert Said.checked(value, word).reason == word
    other = "maintenance" if value is not VerdictValue.BENIGN_EXPECTED else "ordinary"
    with pytest.raises(InputError, match="reason"):
        Said.checked(value, other)


@pytest.mark.parametrize(
    "span",
    [
        "[]",
        "{",
        '{"line": 1, "start": 4, "end": 4}',
        '{"line": -1, "start": 0, "end": 4}',
        '{"line": 1, "start": 0, "end": 4, "more": 1}',
        {"line": True, "start": 0, "end": 4},
        {"line": 0, "start": 0, "end": 10**10},
    ],
)
def test_a_span_that_marks_nothing_is_refused(span: object) -> None:
    with pytest.raises(InputError, match="span"):
        Said.checked("unsure", span=span)


def test_the_same_verdict_with_a_reason_beside_it_is_new(judgements: Judgements) -> None:
    first = judgements.give("a000", Said.checked("false_positive"), "ada")
    second = judgements.give("a000", FALSE, "ada")
    assert second != first
    assert judgements.give("a000", Said.checked("false_positive"), "ada") == second


def test_what_is_taken_back_counts_nowhere(cases: CaseStore, judgements: Judgements) -> None:
    before = cases.verdict_fingerprint(["brute"])
    given = judgements.give("a000", ATTACK, "ada", "v1")
    assert cases.verdict_fingerprint(["brute"]) != before
    (taken,) = judgements.retract("v1", "ada")
    assert (taken.verdict_id, taken.retracted_by) == ("v1", "ada")
    assert cases.alert("a000").state == "open"
    assert cases.alert("a000").verdicts == ()
    assert cases.decisions(["brute"]) == []
    assert cases.verdict_fingerprint(["brute"]) == before
    assert cases.verdicts() == []
    assert cases.counts().judged == 0
    assert not any(cases.counts().verdicts.values())
    assert judgements.history("a000") == [taken]
    assert taken.at == given.at


def test_what_one_said_before_stands_again(cases: CaseStore, judgements: Judgements) -> None:
    judgements.give("a000", ATTACK, "ada", "v1")
    judgements.give("a000", FALSE, "ada", "v2")
    judgements.retract("v2", "ada")
    assert values(cases)["a000"] == ["true_positive"]


def test_a_request_that_comes_again_after_undo_brings_nothing_back(
    cases: CaseStore, judgements: Judgements
) -> None:
    judgements.give("a000", ATTACK, "ada", "v1")
    judgements.retract("v1", "ada")
    assert judgements.give("a000", ATTACK, "ada", "v1").retracted is not None
    assert judgements.retract("v1", "ada") == judgements.of("v1")
    assert values(cases)["a000"] == []
    assert judgements.give("a000", ATTACK, "ada", "v2").retracted is None


def test_another_one_s_verdict_is_taken_back_only_by_who_may(
    cases: CaseStore, judgements: Judgements
) -> None:
    judgements.give("a000", ATTACK, "ada", "v1")
    with pytest.raises(InputError, match="ada"):
        judgements.retract("v1", "bob")
    assert values(cases)["a000"] == ["true_positive"]
    (taken,) = judgements.retract("v1", "bob", any_analyst=True)
    assert (taken.by, taken.retracted_by) == ("ada", "bob")
    with pytest.raises(InputError, match="never stored"):
        judgements.retract("v9", "bob")


def test_a_group_is_judged_and_taken_back_as_one(cases: CaseStore, judgements: Judgements) -> None:
    given = judgements.give_group(group_of(cases, "a000"), FALSE, "ada", "b1")
    assert [verdict.alert_id for verdict in given] == ["a000", "a001", "a002"]
    assert {(v.batch_id, v.reason) for v in given} == {("b1", "ordinary")}
    assert len({verdict.verdict_id for verdict in given}) == 3
    assert cases.counts(environment="berlin").judged == 3
    assert len(judgements.retract("b1", "ada")) == 3
    assert cases.counts(environment="berlin").judged == 0


def test_a_repeated_batch_changes_nothing_even_if_the_group_has_grown(
    cases: CaseStore, judgements: Judgements
) -> None:
    group = group_of(cases, "a000")
    given = judgements.give_group(group, FALSE, "ada", "b1")
    store_alerts(cases, some_alerts(5))
    assert judgements.give_group(group, FALSE, "ada", "b1") == given
    assert cases.counts(environment="berlin").judged == 3
    with pytest.raises(InputError, match="batch_id"):
        judgements.give_group(group, ATTACK, "ada", "b1")


def test_a_pattern_is_judged_across_groups_of_one_environment(
    cases: CaseStore, judgements: Judgements
) -> None:
    pattern = cases.alert("a000").pattern
    assert pattern is not None
    given = judgements.give_pattern("berlin", pattern, FALSE, "ada", "b1")
    assert {verdict.alert_id for verdict in given} == {"a000", "a001", "a002", "b000", "b001"}
    assert values(cases, environment="oslo") == {"o000": []}


def test_a_group_leaves_alone_what_others_have_judged(
    cases: CaseStore, judgements: Judgements
) -> None:
    judgements.give("a001", ATTACK, "bob")
    group = group_of(cases, "a000")
    assert len(judgements.give_group(group, FALSE, "ada", "b1")) == 2
    assert values(cases)["a001"] == ["true_positive"]
    # Nothing is open any more: whoever judged it may think again.
    assert len(judgements.give_group(group, ATTACK, "ada", "b2")) == 2
    with pytest.raises(InputError, match="nothing to judge"):
        judgements.give_group(group, ATTACK, "cleo", "b3")


def test_many_verdicts_are_stored_all_or_none(cases: CaseStore, judgements: Judgements) -> None:
    good = FALSE.on("a000", "ada", "v1", None)
    with pytest.raises(InputError, match="zz"):
        judgements.store([good, FALSE.on("zz", "ada", "v2", None)])
    assert cases.verdicts() == []
    assert judgements.store([FALSE.on("b000", "ada", "v3", None), good])[1] == good


def test_a_look_at_one_alert_is_stored_over_a_verdict_on_many(
    cases: CaseStore, judgements: Judgements
) -> None:
    many = judgements.give_group(group_of(cases, "a000"), FALSE, "ada", "b1")[0]
    looked = judgements.give("a000", Said.checked("false_positive"), "ada")
    assert (many.batch_id, looked.batch_id) == ("b1", None)
    assert cases.alert("a000").verdicts == (looked,)


def test_disagreement_is_undone_with_the_verdict_that_made_it(
    cases: CaseStore, judgements: Judgements
) -> None:
    judgements.give("a000", ATTACK, "ada")
    judgements.give("a000", FALSE, "bob", "v2")
    assert [decision.conflict for decision in cases.decisions(["brute"])] == [True]
    judgements.retract("v2", "bob")
    assert [decision.conflict for decision in cases.decisions(["brute"])] == [False]
