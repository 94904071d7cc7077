"""Which group an alert stands in, and what the groups are made of: their rows, from the alerts."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    FunctionElement,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    over,
    select,
    update,
)

from triage import schema
from triage.queue.patterns import pattern_of
from triage.queue.risk import CALIBRATED, size
from triage.queue.states import FIRES, JUDGED, STANDING
from triage.queue.weights import Weights
from triage.records import ERASED, VerdictValue

AT_ONCE = 400
"""Alerts or groups in one statement."""
OF_ALL_AT_ONCE = 5_000
"""The same where all are gone through."""
MOST_SHOWN = 100
"""Characters of a subject by which groups are found."""
_A = schema.alerts.c
_V = schema.verdicts.c
_STATE = case(
    (JUDGED, "judged"),
    (and_(FIRES, _A.rule_id.is_(None)), "open"),
    (FIRES, "allowed"),
    else_="withdrawn",
)
GroupRow = dict[str, Any]
_T = TypeVar("_T")


def group_id_of(environment: str, detector: str, subject: str, pattern: str, day: date) -> str:
    """The group of alerts of a detector about a subject that look alike on a day: 32 hex digits."""
    identity = "\x1f".join((environment, detector, subject, pattern, day.isoformat()))
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def subject_of(unit: str, entity: Mapping[str, Any]) -> str:
    """Whom an alert is about: the first value of its entity, which stands for who acts.

    What stands behind it tells one unit from another (a port, a flow, who was called), and one who
    calls a thousand is one case.
    """
    return next((str(value) for value in entity.values() if value is not None), unit)


def place(connection: Connection, alert_ids: Collection[str]) -> set[str]:
    """Put alerts into their groups; returns the groups that they left, joined or stand in."""
    touched: set[str] = set()
    moved: list[dict[str, Any]] = []
    for ids in in_parts(sorted(alert_ids)):
        for row in connection.execute(_PLACED.where(_A.alert_id.in_(ids))):
            group = _group_of(row, row.pattern)
            touched |= {each for each in (row.group_id, group) if each is not None}
            if group != row.group_id:
                moved.append({"moved": row.alert_id, "to": group})
    if moved:
        connection.execute(_MOVE, moved)
    return touched


def place_all(connection: Connection) -> Iterator[int]:
    """Give all alerts patterns and groups anew; yields how many each time.

    What is as it was is not written.
    """
    query = _PLACED.add_columns(_A.explanation).execution_options(yield_per=OF_ALL_AT_ONCE)
    for rows in connection.execute(query).partitions():
        moved: list[dict[str, Any]] = []
        for row in rows:
            look = row.pattern
            if row.unit != ERASED:
                look = pattern_of(row.detector, row.explanation).key
            group = _group_of(row, look)
            if (look, group) != (row.pattern, row.group_id):
                moved.append({"moved": row.alert_id, "look": look, "to": group})
        if moved:
            connection.execute(_MOVE_AND_LOOK, moved)
        yield len(rows)


def made_of(
    connection: Connection, group_ids: Sequence[str], weights: Weights
) -> Iterator[GroupRow]:
    """The rows of these groups as they follow from their alerts; empty groups have none.

    What depends on other groups, `detectors` and `risk`, is left out.
    """
    found = connection.execute(_SUMMED, {"ids": group_ids})
    return _rows(found, _decided(connection, _A.group_id.in_(group_ids)), weights)


def all_made(connection: Connection, weights: Weights) -> Iterator[list[GroupRow]]:
    """The rows of all groups, some at a time."""
    query = select(_A.group_id).distinct().order_by(_A.group_id).limit(OF_ALL_AT_ONCE)
    last = ""
    while ids := connection.execute(query.where(_A.group_id > last)).scalars().all():
        last = ids[-1]
        found = connection.execute(_SUMMED_BETWEEN, {"first": ids[0], "last": last})
        decided = _decided(connection, _A.group_id.between(ids[0], last))
        yield list(_rows(found, decided, weights))


def in_parts(of: Sequence[_T]) -> Iterable[Sequence[_T]]:
    """`AT_ONCE` of them at a time."""
    return (of[first : first + AT_ONCE] for first in range(0, len(of), AT_ONCE))


def _rows(
    found: Iterable[Row[Any]], told: Mapping[str, Counter[bool]], weights: Weights
) -> Iterator[GroupRow]:
    for each in found:
        row = dict(each._mapping)
        entity = cast("dict[str, Any]", row["entity"])
        decided = told.get(row["group_id"], Counter())
        alerts = row["open"] + row["judged"] + row["allowed"]
        subject = subject_of(row["unit"], entity)
        if row.pop("least_unit") != row.pop("greatest_unit"):
            row["unit"] = subject
            row["entity"] = dict(list(entity.items())[:1])
        row["subject"] = subject.lower()[:MOST_SHOWN]
        row["state"] = "open" if row["open"] else "judged" if row["judged"] else "allowed"
        of_open = row.pop("of_open")
        row["calibrated"] = row["calibrated"] if of_open is None else of_open
        row["true_positives"] = decided[True]
        row["false_positives"] = decided[False]
        row["weight"] = weights.of(row["environment"], entity.values())
        row["base"] = row["calibrated"] * row["weight"] * size(alerts)
        yield row


_OF_THE_ALERT = ("group_id", "environment", "detector", "unit", "entity", "pattern", "day")


def _number(condition: ColumnElement[bool]) -> FunctionElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _summed(which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """One row a group of these alerts: its sums, beside what its worst alert says of itself."""
    alerts = (
        select(schema.alerts, _STATE.label("state"), CALIBRATED.label("calibrated"))
        .where(which)
        .subquery()
        .c
    )
    is_open = alerts.state == "open"
    worst = (
        case((is_open, 0), else_=1),
        alerts.calibrated.desc(),
        alerts.score.desc(),
        alerts.alert_id,
    )
    of_group: dict[str, FunctionElement[Any]] = {
        "open": _number(is_open),
        "judged": _number(alerts.state == "judged"),
        "allowed": _number(alerts.state == "allowed"),
        "events": func.sum(func.coalesce(alerts.events, 0)),
        "counted": func.count(alerts.events),
        "first": func.min(alerts.unit_start),
        "last": func.max(alerts.event_timestamp),
        "calibrated": func.max(alerts.calibrated),
        "of_open": func.max(case((is_open, alerts.calibrated))),
        "least_unit": func.min(alerts.unit),
        "greatest_unit": func.max(alerts.unit),
    }
    ranked = (
        select(
            *(alerts[name] for name in _OF_THE_ALERT),
            alerts.alert_id.label("top_alert"),
            *(over(found, partition_by=alerts.group_id).label(n) for n, found in of_group.items()),
            func.row_number().over(partition_by=alerts.group_id, order_by=worst).label("place"),
        )
        .where(alerts.state != "withdrawn")
        .subquery()
        .c
    )
    return select(*(ranked[name] for name in (*_OF_THE_ALERT, "top_alert", *of_group))).where(
        ranked.place == 1
    )


_SUMMED = _summed(_A.group_id.in_(bindparam("ids", expanding=True)))
_SUMMED_BETWEEN = _summed(_A.group_id.between(bindparam("first"), bindparam("last")))
_PLACED = select(
    *(_A[name] for name in ("alert_id", "environment", "detector", "unit", "entity")),
    *(_A[name] for name in ("pattern", "day", "probe", "group_id")),
)
_MOVE = (
    update(schema.alerts).where(_A.alert_id == bindparam("moved")).values(group_id=bindparam("to"))
)
_MOVE_AND_LOOK = _MOVE.values(pattern=bindparam("look"))


def _group_of(row: Row[Any], pattern: str | None) -> str | None:
    if row.probe or pattern is None or row.unit == ERASED:
        return None
    subject = subject_of(row.unit, row.entity)
    return group_id_of(row.environment, row.detector, subject, pattern, row.day)


def _decided(connection: Connection, which: ColumnElement[bool]) -> dict[str, Counter[bool]]:
    """Of each group, how many alerts analysts called an attack, and how many none."""
    query = (
        select(_A.group_id, _V.alert_id, _V.by, _V.value)
        .join(schema.alerts)
        .where(which, STANDING)
        .order_by(_V.seq)
    )
    latest: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for group, alert, by, value in connection.execute(query):
        latest[group, alert][by] = value
    counted: dict[str, Counter[bool]] = defaultdict(Counter)
    for (group, _), said in latest.items():
        sure = {value == VerdictValue.TRUE_POSITIVE for value in said.values() if value != _UNSURE}
        if len(sure) == 1:
            counted[group][sure.pop()] += 1
    return counted


_UNSURE = VerdictValue.UNSURE
