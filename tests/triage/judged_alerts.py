"""Alerts to judge, for tests: so many of one pattern, on one subject, on one day."""

import shutil
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from triage import Alert, CaseStore

DAY = date(2026, 3, 2)
NOON = datetime.fromisoformat("2026-03-02T12:00:00")


def some_alerts(
    count: int,
    name: str = "a",
    subject: str = "10.1.2.3",
    environment: str = "berlin",
    detector: str = "brute",
    feature: str = "failures",
) -> list[Alert]:
    """Alerts `a000`, `a001`, …; `feature` makes their pattern."""
    return [
        Alert(
            alert_id=f"{name}{n:03d}",
            detector=detector,
            model_version="1",
            environment=environment,
            source="sshd",
            unit=subject,
            entity={"src_ip": subject},
            unit_start=NOON + timedelta(minutes=n),
            event_timestamp=NOON + timedelta(minutes=n + 5),
            score=0.9,
            threshold=0.5,
            explanation=[{"feature": feature, "value": 31.0, "contribution": 0.4}],
        )
        for n in range(count)
    ]


def store_alerts(cases: CaseStore, *groups: list[Alert]) -> None:
    """Make them what the batch of their day found, a detector at a time."""
    everything = [alert for group in groups for alert in group]
    for detector in sorted({alert.detector for alert in everything}):
        cases.replace_alerts(DAY, detector, [a for a in everything if a.detector == detector])


def group_of(cases: CaseStore, alert_id: str) -> str:
    """The group in which an alert stands."""
    group = cases.alert(alert_id).group_id
    assert group is not None
    return group


def in_queue(cases: CaseStore) -> set[str]:
    """The open alerts that no rule hides."""
    return {a.alert_id for a in cases.alerts(state="open", limit=1000) if a.rule_id is None}


def values(cases: CaseStore, **chosen: Any) -> dict[str, list[str]]:
    """What stands on each alert."""
    return {
        alert.alert_id: [str(verdict.value) for verdict in alert.verdicts]
        for alert in cases.alerts(limit=1000, **chosen)
    }


def a_store(directory: Path, *groups: list[Alert]) -> Path:
    """A closed case store with these alerts, to be copied: to make one anew takes a second."""
    file = directory / "cases.db"
    with closing(CaseStore(f"sqlite:///{file}")) as cases:
        store_alerts(cases, *groups)
    return file


def copied(file: Path, directory: Path) -> CaseStore:
    """A copy of a closed store, to be changed without regard."""
    shutil.copyfile(file, directory / "cases.db")
    return CaseStore(f"sqlite:///{directory}/cases.db")
