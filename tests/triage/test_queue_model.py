"""Whatever happens, in whatever order: the kept queue is what a recomputation would make of it."""

import tempfile
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import update

from tests.triage import queues
from tests.triage.scorer_records import a_record, checked
from triage import Alert, CaseStore, VerdictValue, schema
from triage.queue import refresh
from triage.records import ERASED

DAYS = [date(2026, 3, 2), date(2026, 3, 3)]
DETECTORS = ["brute", "scan"]
NUMBERS = range(6)
_numbers = st.sampled_from(NUMBERS)
_detectors = st.sampled_from(DETECTORS)
_days = st.sampled_from(DAYS)
_values = st.sampled_from([30.0, "union select"])


def alert_id(detector: str, day: date, n: int) -> str:
    return f"{detector}-{day:%d}-{n}"


def an_alert(detector: str, day: date, n: int, value: float | str, score: float) -> Alert:
    """Every other one of an address, so that groups have several; of two environments."""
    noon = datetime.fromisoformat(f"{day}T12:00:00")
    return Alert(
        alert_id=alert_id(detector, day, n),
        detector=detector,
        model_version="1",
        environment=("berlin", "oslo")[n % 3 == 0],
        source="sshd",
        unit=f"10.0.0.{n % 2}|{n}",
        entity={"src_ip": f"10.0.0.{n % 2}", "port": n},
        unit_start=noon - timedelta(minutes=5),
        event_timestamp=noon,
        score=score,
        threshold=0.5,
        explanation=[{"feature": "what", "value": value, "contribution": 0.4}],
        per_day=None if n % 2 else score,
        events=None if n == 1 else n,
    )


@cache
def _empty_store() -> bytes:
    """A new store's file: to make one takes longer than all that a test does with it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "cases.db"
        CaseStore(f"sqlite:///{path}").close()
        return path.read_bytes()


class QueueModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        path = Path(self.directory.name) / "cases.db"
        path.write_bytes(_empty_store())
        self.store = CaseStore(f"sqlite:///{path}")
        self.revision = 0

    @initialize(values=st.lists(_values, min_size=len(NUMBERS), max_size=len(NUMBERS)))
    def there_are_alerts(self, values: list[float | str]) -> None:
        for detector in DETECTORS:
            for day in DAYS:
                alerts = [an_alert(detector, day, n, values[n], 0.75) for n in NUMBERS]
                self.store.replace_alerts(day, detector, alerts)

    def teardown(self) -> None:
        assert queues.kept(self.store) == queues.rebuilt(self.store)
        self.store.close()
        self.directory.cleanup()

    @rule(
        detector=_detectors,
        day=_days,
        found=st.dictionaries(_numbers, st.tuples(_values, st.sampled_from([0.5, 0.75, 4.0]))),
    )
    def a_day_is_scored(
        self, detector: str, day: date, found: dict[int, tuple[float | str, float]]
    ) -> None:
        alerts = [an_alert(detector, day, n, *what) for n, what in found.items()]
        living = [a for a in alerts if a.alert_id not in self.erased()]
        self.store.replace_alerts(day, detector, living)

    @rule(
        detector=_detectors,
        day=_days,
        n=_numbers,
        value=_values,
        status=st.sampled_from(["open", "closed", "withdrawn"]),
    )
    def a_scorer_speaks(
        self, detector: str, day: date, n: int, value: float | str, status: str
    ) -> None:
        alert = an_alert(detector, day, n, value, 0.75)
        self.revision += 1
        record = a_record(
            alert.alert_id,
            self.revision,
            status,
            alert.score,
            alert.environment,
            detector,
            alert.event_timestamp,
            unit=alert.unit,
            entity=alert.entity,
            explanation=alert.explanation,
            events=n,
        )
        self.store.take_records(checked(record))

    @rule(
        detector=_detectors,
        day=_days,
        n=_numbers,
        value=st.sampled_from(VerdictValue),
        by=st.sampled_from(["ada", "bob"]),
    )
    def an_analyst_judges(
        self, detector: str, day: date, n: int, value: VerdictValue, by: str
    ) -> None:
        known = alert_id(detector, day, n)
        if any(alert.alert_id == known for alert in self.store.alerts()):
            self.store.give_verdict(known, value, by=by)

    @rule(which=st.integers(0, 20))
    def a_verdict_is_taken_back(self, which: int) -> None:
        given = [v for v in self.store.verdicts() if v.retracted is None]
        if given:
            taken = given[which % len(given)]
            table = schema.verdicts
            mine = update(table).where(table.c.verdict_id == taken.verdict_id)
            with self.store.database.writing() as connection:
                connection.execute(mine.values(retracted=taken.at, retracted_by="ada"))
                refresh(connection, [taken.alert_id])

    @rule(
        detector=_detectors, day=_days, n=_numbers, held=st.sampled_from([None, "rule of backups"])
    )
    def a_rule_holds_it_or_no_longer(
        self, detector: str, day: date, n: int, held: str | None
    ) -> None:
        known = alert_id(detector, day, n)
        mine = update(schema.alerts).where(schema.alerts.c.alert_id == known)
        with self.store.database.writing() as connection:
            connection.execute(mine.values(rule_id=held))
            refresh(connection, [known])

    @rule(detector=_detectors, day=_days, n=_numbers)
    def somebody_is_erased(self, detector: str, day: date, n: int) -> None:
        self.store.erase([alert_id(detector, day, n)])

    @rule()
    def all_is_made_anew(self) -> None:
        before = queues.kept(self.store)
        assert queues.rebuilt(self.store) == before

    @invariant()
    def the_groups_are_those_of_a_plain_recomputation(self) -> None:
        plain, kept = queues.plain_groups(self.store), queues.kept_groups(self.store)
        assert set(kept) == set(plain)
        for key, group in plain.items():
            mine = kept[key]
            assert (mine.alerts, mine.state, mine.counts, mine.events) == (
                group.alerts,
                group.state,
                group.counts,
                group.events,
            )
            assert mine.risk == pytest.approx(group.risk)

    def erased(self) -> set[str]:
        return {a.alert_id for a in self.store.alerts(limit=1000) if a.unit == ERASED}


TestQueueModel = QueueModel.TestCase
TestQueueModel.settings = settings(
    max_examples=15,
    stateful_step_count=12,
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
)
