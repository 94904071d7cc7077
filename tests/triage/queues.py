"""What the queue must hold, computed plainly from all alerts and verdicts, for tests."""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from triage import Alert, CaseStore, VerdictValue, schema
from triage.queue import pattern_of, rebuild
from triage.records import ERASED, decide

STEPS = 2  # of the standing, per doubling


@dataclass(frozen=True)
class PlainGroup:
    """A group as somebody with a pencil would make it."""

    key: tuple[Any, ...]
    alerts: frozenset[str]
    state: str
    counts: tuple[int, int, int, int, int]
    events: int
    risk: float


def kept(store: CaseStore) -> dict[str, list[tuple[Any, ...]]]:
    """All rows that follow from others, in order."""
    with store.database.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in (schema.groups, schema.patterns)
        }


def rebuilt(store: CaseStore) -> dict[str, list[tuple[Any, ...]]]:
    """The same after all of it was made anew."""
    with store.database.writing() as connection:
        rebuild(connection)
    return kept(store)


def plain_groups(store: CaseStore) -> dict[tuple[Any, ...], PlainGroup]:
    """The groups that alerts and verdicts call for, without any of the product's statements."""
    members: dict[tuple[Any, ...], list[Alert]] = defaultdict(list)
    for alert in _all(store):
        if alert.probe or alert.unit == ERASED or alert.state == "withdrawn":
            continue
        members[_key(alert)].append(alert)
    told = {key: _told(alerts) for key, alerts in members.items()}
    states = {key: _state(alerts) for key, alerts in members.items()}
    return {
        key: PlainGroup(
            key,
            frozenset(alert.alert_id for alert in alerts),
            states[key],
            (*_counts(alerts), told[key][0], told[key][1]),
            sum(alert.events or 0 for alert in alerts),
            _calibrated(alerts)
            * (1 + math.log2(len(alerts)) / 10)
            * (1 + 0.5 * min(4, max(0, _agreeing(key, told, states) - 1)))
            * _standing(key, told),
        )
        for key, alerts in members.items()
    }


def kept_groups(store: CaseStore) -> dict[tuple[Any, ...], PlainGroup]:
    """The same as the store keeps it."""
    members: dict[str, set[str]] = defaultdict(set)
    for alert in _all(store):
        if alert.group_id is not None and alert.state != "withdrawn":
            members[alert.group_id].add(alert.alert_id)
    with store.database.reading() as connection:
        rows = connection.execute(select(schema.groups)).all()
    return {
        (key := (row.environment, row.detector, row.subject, row.pattern, row.day)): PlainGroup(
            key,
            frozenset(members[row.group_id]),
            row.state,
            (row.open, row.judged, row.allowed, row.true_positives, row.false_positives),
            row.events,
            row.risk,
        )
        for row in rows
    }


def _all(store: CaseStore) -> list[Alert]:
    return store.alerts(limit=10_000)


def _key(alert: Alert) -> tuple[Any, ...]:
    pattern = pattern_of(alert.detector, alert.explanation).key
    subject = str(next(iter(alert.entity.values())))
    return alert.environment, alert.detector, subject, pattern, alert.day


def _counts(alerts: list[Alert]) -> tuple[int, int, int]:
    judged = sum(alert.state == "judged" for alert in alerts)
    allowed = sum(alert.state == "open" and alert.rule_id is not None for alert in alerts)
    return len(alerts) - judged - allowed, judged, allowed


def _state(alerts: list[Alert]) -> str:
    is_open, judged, _ = _counts(alerts)
    return "open" if is_open else "judged" if judged else "allowed"


def _told(alerts: list[Alert]) -> tuple[int, int]:
    values = [decision.value for alert in alerts if (decision := decide(alert)) is not None]
    attacks = sum(value is VerdictValue.TRUE_POSITIVE for value in values)
    return attacks, sum(value is not None for value in values) - attacks


def _calibrated(alerts: list[Alert]) -> float:
    waiting = [a for a in alerts if a.state == "open" and a.rule_id is None] or alerts
    return max(
        1 - 0.5 * a.threshold / a.score if a.per_day is None else 1 / (1 + a.per_day)
        for a in waiting
    )


def _agreeing(
    key: tuple[Any, ...],
    told: dict[tuple[Any, ...], tuple[int, int]],
    states: dict[tuple[Any, ...], str],
) -> int:
    environment, _, subject, _, day = key
    return len(
        {
            other[1]
            for other in told
            if (other[0], other[2], other[4]) == (environment, subject, day)
            and (states[other] == "open" or told[other][0])
        }
    )


def _standing(key: tuple[Any, ...], told: dict[tuple[Any, ...], tuple[int, int]]) -> float:
    alike = [counts for other, counts in told.items() if (other[0], other[3]) == (key[0], key[3])]
    attacks = sum(true > 0 for true, _ in alike)
    none = sum(false > 0 and not true for true, false in alike)
    odds = 2 * (attacks + 1) / (attacks + none + 2)
    return 2 ** (round(STEPS * math.log2(odds)) / STEPS)
