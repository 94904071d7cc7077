"""Keeps groups and patterns as alerts, verdicts and assets are, within the transaction that changes
these.

Rows of groups follow from their alerts (`grouping`). Rows of patterns are sums over their groups:
what a group was before is taken off, what it is now is added, so that a verdict on one of 10,000
alike costs what it costs on one of ten. Then two things travel on to groups that were not touched:
which detectors agree about a subject on a day, and what analysts said of a pattern.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Table,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)

from triage import schema
from triage.judging.hiding import hide_allowed
from triage.queue.grouping import AT_ONCE, GroupRow, in_parts, made_of, place
from triage.queue.patterns import pattern_of
from triage.queue.risk import corroborated, standing
from triage.queue.weights import store_weights, stored_weights
from triage.records import ERASED
from triage.statements import dialect_of
from whetstone.catalog.catalog_pb2 import Environment

_A = schema.alerts.c
_G = schema.groups.c
_P = schema.patterns.c
_LOCK = 0x5175_6575_65
_ELSEWHERE = ("detectors", "risk")
_SUMMED = ("open", "judged", "allowed", "events", "counted")
_COUNTED = ("groups", "open_groups", "judged_groups", "true_groups", "false_groups", *_SUMMED)
_FROM_NOTHING: Mapping[str, int] = dict.fromkeys(_COUNTED, 0)
Key = tuple[str, str]


def refresh(connection: Connection, alert_ids: Collection[str]) -> None:
    """Make what the queue shows of these alerts follow from what they, verdicts and rules are now.

    Call it last in a transaction: on Postgres it waits for the refreshes of others, and to lock
    alerts after it could end in a deadlock.
    """
    if not alert_ids:
        return
    one_at_a_time(connection)
    hide_allowed(connection, alert_ids)
    _keep(connection, place(connection, alert_ids))


def weigh(connection: Connection, environments: Mapping[str, Environment]) -> None:
    """Make the weights of assets those of the catalog, and the groups follow."""
    one_at_a_time(connection)
    changed = store_weights(connection, environments)
    if changed:
        theirs = select(_G.group_id).where(_G.environment.in_(changed))
        _keep(connection, set(connection.execute(theirs).scalars()))


def rebuild(connection: Connection) -> None:
    """Make all of it anew from the alerts, their patterns too."""
    one_at_a_time(connection)
    for table in (schema.groups, schema.patterns):
        connection.execute(delete(table))
    last = ""
    while ids := _next_alerts(connection, last):
        _look_again(connection, ids)
        place(connection, ids)
        last = ids[-1]
    # Behind all alerts, for a group's alerts lie anywhere among them.
    wanted = select(_A.group_id).where(_A.group_id.is_not(None)).distinct()
    _keep(connection, set(connection.execute(wanted).scalars()))


def one_at_a_time(connection: Connection) -> None:
    """Wait until nobody else changes groups, or what rules hide, until the end of the transaction.

    On SQLite whoever writes is alone already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _keep(connection: Connection, group_ids: Collection[str]) -> None:
    weights = stored_weights(connection)
    sums: dict[Key, dict[str, int]] = defaultdict(lambda: dict(_FROM_NOTHING))
    subjects: set[tuple[Any, ...]] = set()
    changed: set[str] = set()
    for ids in in_parts(sorted(group_ids)):
        before = _stored(connection, ids)
        after = {row["group_id"]: row for row in made_of(connection, ids, weights)}
        same = {group for group, row in after.items() if before.get(group) == row}
        gone = [before[group] for group in before if group not in after]
        new = [row for group, row in after.items() if group not in same]
        _store(connection, gone, new)
        for row in gone + [before[row["group_id"]] for row in new if row["group_id"] in before]:
            _add(sums[row["environment"], row["pattern"]], row, -1)
            subjects.add(_subject(row))
        for row in new:
            _add(sums[row["environment"], row["pattern"]], row, 1)
            subjects.add(_subject(row))
            changed.add(row["group_id"])
    swayed = _add_up(connection, sums)
    changed |= _agree(connection, subjects)
    _rank(connection, changed, swayed, set(sums))


def _stored(connection: Connection, ids: Sequence[str]) -> dict[str, GroupRow]:
    columns = [column for column in schema.groups.c if column.name not in _ELSEWHERE]
    found = connection.execute(select(*columns).where(_G.group_id.in_(ids)))
    return {row.group_id: dict(row._mapping) for row in found}


def _store(connection: Connection, gone: Sequence[GroupRow], new: Sequence[GroupRow]) -> None:
    if gone:
        ids = [row["group_id"] for row in gone]
        connection.execute(delete(schema.groups).where(_G.group_id.in_(ids)))
    if new:
        _upsert(connection, schema.groups, [row | dict.fromkeys(_ELSEWHERE, 0) for row in new])


def _add(sums: dict[str, int], row: GroupRow, sign: int) -> None:
    sums["groups"] += sign
    sums["open_groups"] += sign * (row["state"] == "open")
    sums["judged_groups"] += sign * (row["state"] == "judged")
    sums["true_groups"] += sign * (row["true_positives"] > 0)
    sums["false_groups"] += sign * (row["false_positives"] > 0 and row["true_positives"] == 0)
    for name in _SUMMED:
        sums[name] += sign * row[name]


def _subject(row: GroupRow) -> tuple[Any, ...]:
    return row["subject"], row["environment"], row["day"]


def _add_up(connection: Connection, sums: Mapping[Key, Mapping[str, int]]) -> set[Key]:
    """Add these to the patterns; returns those whose standing is not what it was."""
    swayed: set[Key] = set()
    for keys in _parts(sums):
        query = select(schema.patterns).where(tuple_(_P.environment, _P.pattern).in_(keys))
        stored = {tuple(row[:2]): row for row in connection.execute(query)}
        rows: list[dict[str, Any]] = []
        gone: list[Key] = []
        for key in keys:
            before = stored.get(key)
            counts = {
                name: more + (0 if before is None else before._mapping[name])
                for name, more in sums[key].items()
            }
            if counts["groups"]:
                row = _pattern_row(connection, key, before, counts)
                rows.append(row)
                swayed |= {key} if before and before.standing != row["standing"] else set()
            else:
                gone.append(key)
        if gone:
            these = tuple_(_P.environment, _P.pattern).in_(gone)
            connection.execute(delete(schema.patterns).where(these))
        if rows:
            _upsert(connection, schema.patterns, rows)
    return swayed


def _pattern_row(
    connection: Connection, key: Key, before: Row[Any] | None, counts: dict[str, int]
) -> dict[str, Any]:
    if before is None:
        detector, title = _look(connection, key)
    else:
        detector, title = before.detector, before.title
    state = "open" if counts["open_groups"] else "judged" if counts["judged_groups"] else "allowed"
    return {
        "environment": key[0],
        "pattern": key[1],
        "detector": detector,
        "title": title,
        "state": state,
        "standing": standing(counts["true_groups"], counts["false_groups"]),
        "risk": 0.0,
        **counts,
    }


def _look(connection: Connection, key: Key) -> tuple[str, str]:
    """Detector and title of a pattern, from an alert that has it."""
    query = (
        select(_A.detector, _A.explanation)
        .where(_A.environment == key[0], _A.pattern == key[1], _A.unit != ERASED)
        .limit(1)
    )
    detector, explanation = connection.execute(query).one()
    return detector, pattern_of(detector, explanation).title


def _agree(connection: Connection, subjects: Collection[tuple[Any, ...]]) -> set[str]:
    """Count the detectors that speak of each subject; returns the groups whose number changed."""
    about = tuple_(*_ABOUT)
    speaks = or_(_G.state == "open", _G.true_positives > 0)
    number = func.count(func.distinct(case((speaks, _G.detector)))).label("number")
    changed: set[str] = set()
    for keys in _parts(subjects):
        counted = select(*_ABOUT, number).where(about.in_(keys)).group_by(*_ABOUT)
        numbers = {tuple(row[:3]): row.number for row in connection.execute(counted)}
        mine = select(*_ABOUT, _G.group_id, _G.detectors).where(about.in_(keys))
        found = [
            {"of": row.group_id, "number": numbers[tuple(row[:3])]}
            for row in connection.execute(mine)
            if row.detectors != numbers[tuple(row[:3])]
        ]
        if found:
            connection.execute(_COUNT, found)
        changed |= {row["of"] for row in found}
    return changed


_ABOUT = (_G.subject, _G.environment, _G.day)
_LIKE = (_G.environment, _G.pattern)
_COUNT = (
    update(schema.groups)
    .where(_G.group_id == bindparam("of"))
    .values(detectors=bindparam("number"))
)


def _rank(
    connection: Connection, changed: Collection[str], swayed: Collection[Key], touched: set[Key]
) -> None:
    """Risks of these groups, of all groups of these patterns, and of all patterns concerned."""
    said = select(_P.standing).where(_P.environment == _G.environment, _P.pattern == _G.pattern)
    risk = _G.base * corroborated(_G.detectors) * said.scalar_subquery()
    for ids in in_parts(sorted(changed)):
        mine = _G.group_id.in_(ids)
        connection.execute(update(schema.groups).where(mine).values(risk=risk))
        touched |= {tuple(row) for row in connection.execute(select(*_LIKE).where(mine))}
    for keys in _parts(swayed):
        connection.execute(update(schema.groups).where(tuple_(*_LIKE).in_(keys)).values(risk=risk))
    worst = select(func.max(_G.risk)).where(
        _G.environment == _P.environment, _G.pattern == _P.pattern, _G.state == _P.state
    )
    for keys in _parts(touched):
        these = tuple_(_P.environment, _P.pattern).in_(keys)
        connection.execute(
            update(schema.patterns).where(these).values(risk=worst.scalar_subquery())
        )


def _upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    statement = dialect_of(connection).insert(table)
    keys = list(table.primary_key.columns)
    changed = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def _parts(keys: Iterable[tuple[Any, ...]]) -> Iterable[list[Any]]:
    ordered = sorted(keys)
    return (ordered[first : first + AT_ONCE] for first in range(0, len(ordered), AT_ONCE))


def _next_alerts(connection: Connection, last: str) -> Sequence[str]:
    query = select(_A.alert_id).where(_A.alert_id > last).order_by(_A.alert_id).limit(AT_ONCE)
    return connection.execute(query).scalars().all()


def _look_again(connection: Connection, ids: Sequence[str]) -> None:
    query = select(_A.alert_id, _A.detector, _A.explanation).where(
        _A.alert_id.in_(ids), _A.unit != ERASED
    )
    looks = [
        {"of": alert, "look": pattern_of(detector, explanation).key}
        for alert, detector, explanation in connection.execute(query)
    ]
    if looks:
        connection.execute(_LOOK, looks)


_LOOK = (
    update(schema.alerts).where(_A.alert_id == bindparam("of")).values(pattern=bindparam("look"))
)
