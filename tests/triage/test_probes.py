"""Probes: units below the threshold that analysts are asked about, and what becomes of them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.triage.scorer_records import DAY, of_batch
from triage import Alert, CaseStore
from triage.learning import Asked, Asking, Probes, probes_among
from triage.learning.probes import KEPT


@pytest.fixture
def cases(case_store_url: str) -> Iterator[CaseStore]:
    store = CaseStore(case_store_url)
    yield store
    store.close()


def looking(alert_id: str, feature: str, score: float = 0.4, **more: Any) -> Alert:
    explanation = [{"feature": feature, "value": 3.0, "contribution": 0.4}]
    return replace(of_batch(alert_id, score), explanation=explanation, **more)


def asked(cases: CaseStore, **more: Any) -> list[Asked]:
    return Asking(cases.database).next(None, **more)


def names(found: list[Asked]) -> list[str]:
    return [each.alert.alert_id for each in found]


def test_probes_are_near_the_threshold_and_unlike_each_other() -> None:
    near = [looking(f"a{n}", "failures", 0.49 - n / 100) for n in range(9)]
    chosen = probes_among([*near, looking("b", "path", 0.2)], most=5)
    assert [probe.alert_id for probe in chosen] == ["a0", "b"]
    assert all(probe.probe for probe in chosen)
    assert probes_among([]) == []


def test_a_probe_is_asked_about_and_is_no_open_alert(cases: CaseStore) -> None:
    Probes(cases.database).register(DAY, "brute", [looking("p", "path")])
    assert names(asked(cases)) == ["p"]
    assert asked(cases)[0].alert.probe
    assert cases.alerts(state="open") == []
    assert cases.counts().open == 0


def test_a_verdict_on_a_probe_becomes_a_decision_and_it_is_asked_no_more(
    cases: CaseStore,
) -> None:
    Probes(cases.database).register(DAY, "brute", [looking("p", "path")])
    cases.give_verdict("p", "true_positive", by="ada")
    (decision,) = cases.decisions(["brute"])
    assert decision.alert.probe
    assert decision.value == "true_positive"
    assert asked(cases) == []


def test_a_day_that_is_scored_again_has_other_probes_but_keeps_judged_ones(
    cases: CaseStore,
) -> None:
    probes = Probes(cases.database)
    probes.register(DAY, "brute", [looking("p", "path"), looking("q", "users")])
    cases.give_verdict("p", "false_positive", by="ada")
    probes.register(DAY, "brute", [looking("r", "port")])
    assert names(asked(cases)) == ["r"]
    assert cases.alert("p").verdicts


def test_probes_without_a_verdict_are_forgotten_in_time(cases: CaseStore) -> None:
    probes = Probes(cases.database)
    probes.register(DAY, "brute", [looking("p", "path")])
    probes.register(DAY + KEPT + timedelta(days=1), "brute", [])
    assert asked(cases) == []


def test_a_probe_that_reaches_the_threshold_later_is_an_alert(cases: CaseStore) -> None:
    Probes(cases.database).register(DAY, "brute", [looking("p", "path")])
    cases.replace_alerts(DAY, "brute", [looking("p", "path", 0.9)])
    (alert,) = cases.alerts(state="open")
    assert not alert.probe


def test_an_alert_never_becomes_a_probe(cases: CaseStore) -> None:
    cases.replace_alerts(DAY, "brute", [looking("a", "path", 0.9)])
    Probes(cases.database).register(DAY, "brute", [looking("a", "path", 0.4)])
    (alert,) = cases.alerts()
    assert (alert.score, alert.probe, alert.state) == (0.9, False, "open")


def test_what_is_nearest_and_unlike_what_was_judged_is_asked_first(cases: CaseStore) -> None:
    sure, unsure = looking("sure", "path", 0.9), looking("unsure", "users", 0.51)
    known = looking("known", "failures", 0.6)
    cases.replace_alerts(DAY, "brute", [sure, unsure, known, replace(known, alert_id="alike")])
    cases.give_verdict("known", "false_positive", by="ada")
    found = asked(cases)
    assert names(found) == ["unsure", "sure"]
    assert found[0].worth == pytest.approx(
        found[0].closeness * found[0].doubt * found[0].novelty / found[0].cost
    )


def test_only_units_of_one_s_environments_and_of_the_detector_are_asked(
    cases: CaseStore,
) -> None:
    oslo = looking("o", "path", 0.9, environment="oslo")
    cases.replace_alerts(DAY, "brute", [oslo, looking("b", "users", 0.9)])
    cases.replace_alerts(DAY, "scan", [looking("s", "port", 0.9, detector="scan")])
    asking = Asking(cases.database)
    assert names(asking.next({"oslo"})) == ["o"]
    assert names(asking.next(None, "scan")) == ["s"]
    assert names(asking.next(set())) == []
