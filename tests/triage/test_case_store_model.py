"""The case store against a model of plain dicts, under any order of events."""

import itertools
from datetime import date, datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.triage.postgres import emptied
from triage import Alert, CaseStore, VerdictValue
from whetstone.errors import InputError

MIDNIGHT = datetime.fromisoformat("2026-03-02T00:00:00")
DAYS = [date(2026, 3, 2), date(2026, 3, 3)]
DETECTORS = ["brute", "scan"]
ANALYSTS = ["ada", "bob", "eve"]
# Which alerts there can be: (detector, day, number).
PLACES = [(detector, day, n) for detector in DETECTORS for day in DAYS for n in range(3)]


def alert_id(place: tuple[str, date, int]) -> str:
    detector, day, n = place
    return f"{detector}-{day:%d}-{n}"


class CaseStoreModel(RuleBasedStateMachine):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.store = CaseStore(url)
        self.firing: dict[str, bool] = {}
        self.history: list[tuple[str, str, str, str]] = []

    def teardown(self) -> None:
        self.store.close()

    @rule(
        detector=st.sampled_from(DETECTORS),
        day=st.sampled_from(DAYS),
        numbers=st.sets(st.integers(0, 2)),
    )
    def a_day_is_scored(self, detector: str, day: date, numbers: set[int]) -> None:
        places = [(detector, day, n) for n in sorted(numbers)]
        self.store.replace_alerts(
            day,
            detector,
            [
                Alert(
                    alert_id=alert_id(place),
                    detector=detector,
                    model_version="1",
                    environment="berlin",
                    source="sshd",
                    unit=str(place[2]),
                    entity={"src_ip": str(place[2])},
                    unit_start=MIDNIGHT,
                    event_timestamp=MIDNIGHT,
                    score=1.0,
                    threshold=0.5,
                )
                for place in places
            ],
        )
        for n in range(3):
            known = alert_id((detector, day, n))
            if n in numbers or known in self.firing:
                self.firing[known] = n in numbers

    @rule(
        place=st.sampled_from(PLACES),
        value=st.sampled_from(VerdictValue),
        by=st.sampled_from(ANALYSTS),
        number=st.none() | st.integers(0, 5),
    )
    def an_analyst_judges(
        self, place: tuple[str, date, int], value: VerdictValue, by: str, number: int | None
    ) -> None:
        about = alert_id(place)
        verdict_id = None if number is None else f"v{number}"
        same_id = [v for v in self.history if v[0] == verdict_id]
        mine = [v for v in self.history if v[1] == about and v[3] == by]
        try:
            verdict = self.store.give_verdict(about, value, by=by, verdict_id=verdict_id)
        except InputError:
            assert about not in self.firing or (same_id and same_id[0][1:] != (about, value, by))
            return
        assert about in self.firing
        given = (verdict.verdict_id, about, str(verdict.value), by)
        if same_id:
            assert [given] == same_id
        elif mine and mine[-1][2] == value:
            assert given == mine[-1]
        else:
            assert given[2] == value
            self.history.append(given)

    @rule()
    def the_process_restarts(self) -> None:
        self.store.close()
        self.store = CaseStore(self.url)

    @invariant()
    def history_and_states_are_those_of_the_model(self) -> None:
        stored = [(v.verdict_id, v.alert_id, str(v.value), v.by) for v in self.store.verdicts()]
        assert stored == self.history
        judged = {about for _, about, _, _ in self.history}
        expected = {
            known: "judged" if known in judged else "open" if firing else "withdrawn"
            for known, firing in self.firing.items()
        }
        assert {a.alert_id: a.state for a in self.store.alerts()} == expected

    @invariant()
    def decisions_are_those_of_the_model(self) -> None:
        latest = {(about, by): value for _, about, value, by in self.history}
        expected: dict[str, str | None] = {}
        for known in self.firing:
            sure = {v for (about, _), v in latest.items() if about == known and v != "unsure"}
            if sure:
                conflict = "true_positive" in sure and len(sure) > 1
                expected[known] = None if conflict else "/".join(sorted(sure))
        decided = self.store.decisions(DETECTORS)
        assert {d.alert.alert_id for d in decided} == set(expected)
        for decision in decided:
            values = expected[decision.alert.alert_id]
            assert decision.conflict == (values is None)
            if values is not None:
                assert decision.value in values.split("/")


AS_LONG = settings(
    max_examples=10, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow]
)
# What is to be found here is where the databases differ, not what any order of events does.
SHORTER = settings(AS_LONG, max_examples=3, stateful_step_count=15)


def test_on_sqlite(tmp_path: Path) -> None:
    names = itertools.count()
    run_state_machine_as_test(
        lambda: CaseStoreModel(f"sqlite:///{tmp_path}/{next(names)}.db"), settings=AS_LONG
    )


def test_on_postgres(postgres_url: str) -> None:
    run_state_machine_as_test(lambda: CaseStoreModel(emptied(postgres_url)), settings=SHORTER)
