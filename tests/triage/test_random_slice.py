"""The random slice: who is drawn, whose verdicts count, and what follows for the precision."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.triage.scorer_records import DAY, of_batch
from triage import Alert, CaseStore
from triage.judging.judgements import Judgements
from triage.judging.verdicts import store_verdict
from triage.learning import Probes, Slices
from triage.learning.precision import SlicePrecision, Stratum, slice_precision
from triage.learning.slices import DRAWN
from triage.records import Verdict, VerdictValue


@pytest.fixture
def cases(case_store_url: str) -> Iterator[CaseStore]:
    store = CaseStore(case_store_url)
    yield store
    store.close()


@pytest.fixture
def slices(cases: CaseStore) -> Slices:
    return Slices(cases.database)


def alerts(count: int, environment: str = "berlin", start: int = 0) -> list[Alert]:
    return [
        replace(of_batch(f"{environment}{number:04}"), environment=environment)
        for number in range(start, start + count)
    ]


def drawn(slices: Slices, environments: set[str] | None = None) -> list[str]:
    return [alert.alert_id for alert in slices.waiting(environments, None, 100)]


def test_a_few_alerts_of_each_environment_and_day_are_drawn(
    cases: CaseStore, slices: Slices
) -> None:
    cases.replace_alerts(DAY, "brute", [*alerts(40), *alerts(2, "oslo")])
    assert slices.draw(DAY) == 2
    assert len(drawn(slices)) == DRAWN + 2
    assert set(drawn(slices, {"oslo"})) == {"oslo0000", "oslo0001"}


def test_drawing_again_changes_nothing_until_the_alerts_are_others(
    cases: CaseStore, slices: Slices
) -> None:
    cases.replace_alerts(DAY, "brute", alerts(40))
    slices.draw(DAY)
    first = drawn(slices)
    assert slices.draw(DAY) == 0
    cases.replace_alerts(DAY, "brute", alerts(400))
    assert slices.draw(DAY) == 1
    assert len(drawn(slices)) == DRAWN
    cases.replace_alerts(DAY, "brute", alerts(40))
    slices.draw(DAY)
    assert drawn(slices) == first, "the lot of an alert stays"


def test_alerts_of_scorers_are_drawn_from_the_newest_days(cases: CaseStore, slices: Slices) -> None:
    cases.replace_alerts(DAY - timedelta(days=7), "brute", alerts(1))
    cases.replace_alerts(DAY, "brute", alerts(1, start=1))
    assert slices.draw_newest(2) == 1
    assert drawn(slices) == ["berlin0001"]


def test_no_probe_and_no_withdrawn_alert_is_drawn(cases: CaseStore, slices: Slices) -> None:
    Probes(cases.database).register(DAY, "brute", [of_batch("probe", 0.4)])
    cases.replace_alerts(DAY, "brute", alerts(2))
    cases.replace_alerts(DAY, "brute", alerts(1))
    slices.draw(DAY)
    assert drawn(slices) == ["berlin0000"]


def test_a_verdict_on_a_whole_group_is_none_on_those_that_nobody_read(
    cases: CaseStore, slices: Slices
) -> None:
    cases.replace_alerts(DAY, "brute", alerts(2))
    slices.draw(DAY)
    for number, alert_id in enumerate(drawn(slices)):
        _give_as_one(cases, alert_id, f"v{number}")
    assert len(drawn(slices)) == 2
    assert slices.precision("brute").value is None
    cases.give_verdict("berlin0000", "true_positive", by="ada")
    assert drawn(slices) == ["berlin0001"]
    assert slices.precision("brute").value == 1


def test_an_undone_verdict_and_one_that_is_unsure_say_nothing(
    cases: CaseStore, slices: Slices
) -> None:
    cases.replace_alerts(DAY, "brute", alerts(3))
    slices.draw(DAY)
    cases.give_verdict("berlin0000", "unsure", by="ada")
    given = cases.give_verdict("berlin0001", "false_positive", by="ada")
    cases.give_verdict("berlin0002", "true_positive", by="ada")
    found = slices.precision("brute")
    assert (found.value, found.judged, found.drawn, found.alerts) == (0.5, 2, 3, 3)
    _take_back(cases, given.verdict_id)
    assert (slices.precision("brute").value, slices.precision("brute").judged) == (1, 1)


def test_each_judged_alert_stands_for_those_that_were_not_drawn() -> None:
    found = slice_precision(
        [Stratum(100, 2, (True, False)), Stratum(10, 2, (True, True)), Stratum(30, 1, ())]
    )
    assert found.value == pytest.approx((50 + 10) / 110)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 60 / 110 < found.high
    assert (found.least, found.most) == pytest.approx((60 / 140, 90 / 140))


def test_without_verdicts_the_precision_is_not_known() -> None:
    assert slice_precision([]) == SlicePrecision(None, None, None, None, None, 0, 0, 0)
    assert slice_precision([Stratum(5, 3, ())]).most == 1


def test_the_estimate_is_right_where_days_with_many_alerts_have_few_attacks() -> None:
    draw = random.Random(7)  # noqa: S311
    truth: Counter[bool] = Counter()
    strata: list[Stratum] = []
    for _ in range(500):
        count = draw.randint(1, 30)
        outcomes = [draw.random() < 1 / count for _ in range(count)]
        truth.update(outcomes)
        sample = draw.sample(outcomes, min(DRAWN, count))
        strata.append(Stratum(count, len(sample), tuple(sample)))
    precision = truth[True] / truth.total()
    found = slice_precision(strata)
    assert found.value == pytest.approx(precision, abs=0.02)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= precision <= found.high
    judged = [outcome for stratum in strata for outcome in stratum.outcomes]
    assert sum(judged) / len(judged) > 1.5 * precision, "not weighted, it would be far off"


def test_every_alert_is_drawn_as_often_as_any_other(cases: CaseStore, slices: Slices) -> None:
    sites = [f"site{number}" for number in range(40)]
    cases.replace_alerts(DAY, "brute", [alert for site in sites for alert in alerts(6, site)])
    slices.draw(DAY)
    often = Counter(alert.alert_id[-1] for alert in slices.waiting(None, "brute", 1000))
    assert sum(often.values()) == 40 * DRAWN
    # Each of the six is drawn 20 times on average; one is so far off in one of 100,000 runs.
    assert all(5 <= count <= 35 for count in often.values()), often


def _give_as_one(cases: CaseStore, alert_id: str, verdict_id: str) -> None:
    wanted = Verdict(
        verdict_id,
        alert_id,
        VerdictValue.TRUE_POSITIVE,
        "ada",
        of_batch().event_timestamp,
        batch_id="all at once",
    )
    with cases.database.writing() as connection:
        store_verdict(connection, wanted)


def _take_back(cases: CaseStore, verdict_id: str) -> None:
    Judgements(cases.database).retract(verdict_id, "ada")
