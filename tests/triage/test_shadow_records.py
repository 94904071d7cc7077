"""What a challenger said in shadow is found beside what its champion said of the same traffic."""

from datetime import UTC, date, datetime, timedelta

import pytest
from scorer_records import NOON, a_record, checked

from triage import CaseStore

DAY = timedelta(days=1)


@pytest.fixture
def cases(case_store_url):
    store = CaseStore(case_store_url)
    yield store
    store.close()


def shadowed(alert_id: str, version: str = "3", **more):
    return a_record(alert_id, shadow=True, model_version=version, **more)


def test_only_the_same_environments_and_days_are_compared(cases: CaseStore) -> None:
    cases.take_records(
        checked(
            shadowed("a1"),
            shadowed("a2", at=NOON + DAY),
            a_record("a1"),
            a_record("a3"),
            a_record("before", at=NOON - DAY),
            a_record("after", at=NOON + 2 * DAY),
            a_record("elsewhere", environment="oslo"),
            a_record("other", detector="scan"),
        )
    )
    found = cases.shadow("brute", "3")
    assert found is not None
    assert (found.challenger, found.champion) == ({"a1", "a2"}, {"a1", "a3"})
    assert found.days == {"berlin": (NOON.date(), (NOON + DAY).date())}
    assert found.compared == 2


def test_another_version_in_shadow_and_withdrawn_alerts_do_not_count(cases: CaseStore) -> None:
    cases.take_records(
        checked(
            shadowed("a1"),
            shadowed("a2", version="2"),
            shadowed("a3", status="withdrawn", revision=2),
            a_record("a4", status="withdrawn", revision=2),
        )
    )
    found = cases.shadow("brute", "3")
    assert found is not None
    assert (found.challenger, found.champion) == ({"a1"}, frozenset())
    assert cases.shadow("brute", "9") is None


def test_a_challenger_that_raises_nothing_was_there_as_its_scorer_says(cases: CaseStore) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    cases.take_records(checked(a_record("a1", at=now - DAY)))
    serving = {"detector": "brute", "role": "challenger", "version": "3"}
    began = (datetime.now(UTC) - DAY).timestamp()
    cases.hear("berlin", "edge", {"releases": [{**serving, "published": began}]})
    found = cases.shadow("brute", "3")
    assert found is not None
    assert (found.challenger, found.champion) == (frozenset(), {"a1"})
    assert found.days["berlin"][0] == (now - DAY).date()


@pytest.mark.parametrize("published", ["soon", None, 1e300, -1e300, -1e9])
def test_a_scorer_that_tells_nonsense_of_itself_breaks_nothing(cases, published) -> None:
    serving = {"detector": "brute", "role": "challenger", "version": "3", "published": published}
    cases.hear("berlin", "edge", {"releases": [serving]})
    found = cases.shadow("brute", "3")
    assert found is not None
    assert found.days["berlin"][0] > date(2026, 1, 1)


def test_verdicts_of_somebody_who_is_not_trusted_do_not_count(cases: CaseStore) -> None:
    cases.take_records(checked(a_record("a1", status="closed"), a_record("a2", status="closed")))
    cases.give_verdict("a1", "true_positive", by="ada")
    cases.give_verdict("a1", "false_positive", by="mallory")
    cases.give_verdict("a2", "false_positive", by="mallory")
    assert [d.conflict for d in cases.decisions(["brute"])] == [True, False]
    (left,) = cases.decisions(["brute"], without={"mallory"})
    assert (left.alert.alert_id, left.value, left.by) == ("a1", "true_positive", ["ada"])
    assert cases.verdict_fingerprint(["brute"]) != cases.verdict_fingerprint(
        ["brute"], without={"mallory"}
    )


def test_the_newest_day_in_shadow_is_what_calls_for_another_look(cases: CaseStore) -> None:
    assert cases.newest_shadow_day("brute") == ""
    cases.take_records(checked(shadowed("a1"), a_record("a2", at=NOON + DAY)))
    assert cases.newest_shadow_day("brute") == NOON.date().isoformat()
    cases.take_records(checked(shadowed("a3", at=NOON + 2 * DAY)))
    assert cases.newest_shadow_day("brute") == (NOON + 2 * DAY).date().isoformat()
    assert cases.newest_shadow_day("scan") == ""
