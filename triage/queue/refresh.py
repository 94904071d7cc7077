"""Keeps groups and patterns as alerts, verdicts and assets are, within the transaction that changes
these.

Rows of groups follow from their alerts (`grouping`). Rows of patterns are sums over their groups:
what a group was before is taken off, what it is now is added, so that a verdict on one of 10,000
alike costs what it costs on one of ten. Then two things travel on to groups that were not touched:
which detectors agree about a subject on a day, and what analysts said of a pattern.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    update,
)

from triage import schema
from triage.judging.hiding import hide_allowed
from triage.queue.grouping import GroupRow, in_parts, made_of, place
from triage.queue.risk import ranked, speaking
from triage.queue.sums import Key, Sums, upsert
from triage.queue.weights import store_weights, stored_weights
from whetstone.catalog.catalog_pb2 import Environment

_G = schema.groups.c
_P = schema.patterns.c
ELSEWHERE = ("detectors", "risk")
"""What of a group's row follows from other groups."""


def refresh(connection: Connection, alert_ids: Collection[str]) -> None:
    """Make what the queue shows of these alerts follow from what they, verdicts and rules are now.

    The transaction must be `Alone.DESK`, and this be the last that it does to alerts.
    """
    if not alert_ids:
        return
    hide_allowed(connection, alert_ids)
    _keep(connection, place(connection, alert_ids))


def weigh(connection: Connection, environments: Mapping[str, Environment]) -> None:
    """Make the weights of assets those of the catalog, and the groups follow; as `refresh`."""
    changed = store_weights(connection, environments)
    if changed:
        theirs = select(_G.group_id).where(_G.environment.in_(changed))
        _keep(connection, set(connection.execute(theirs).scalars()))


def rank_patterns(connection: Connection, which: ColumnElement[bool]) -> None:
    """Give patterns the risk of their worst group."""
    worst = select(func.max(_G.risk)).where(
        _G.environment == _P.environment, _G.pattern == _P.pattern, _G.state == _P.state
    )
    connection.execute(update(schema.patterns).where(which).values(risk=worst.scalar_subquery()))


def _keep(connection: Connection, group_ids: Collection[str]) -> None:
    weights = stored_weights(connection)
    sums = Sums()
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
            sums.lose(row)
            subjects.add(_subject(row))
        for row in new:
            sums.gain(row)
            subjects.add(_subject(row))
            changed.add(row["group_id"])
    swayed = sums.store(connection)
    changed |= _agree(connection, subjects)
    _rank(connection, changed, swayed, sums.keys)


def _stored(connection: Connection, ids: Sequence[str]) -> dict[str, GroupRow]:
    columns = [column for column in schema.groups.c if column.name not in ELSEWHERE]
    found = connection.execute(select(*columns).where(_G.group_id.in_(ids)))
    return {row.group_id: dict(row._mapping) for row in found}


def _store(connection: Connection, gone: Sequence[GroupRow], new: Sequence[GroupRow]) -> None:
    if gone:
        ids = [row["group_id"] for row in gone]
        connection.execute(delete(schema.groups).where(_G.group_id.in_(ids)))
    if new:
        upsert(connection, schema.groups, [row | dict.fromkeys(ELSEWHERE, 0) for row in new])


def _subject(row: GroupRow) -> tuple[Any, ...]:
    return row["subject"], row["environment"], row["day"]


def _agree(connection: Connection, subjects: Collection[tuple[Any, ...]]) -> set[str]:
    """Count the detectors that speak of each subject; returns the groups whose number changed."""
    about = tuple_(*_ABOUT)
    number = speaking(_G).label("number")
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
    risk = ranked(_G.base, _G.detectors, said.scalar_subquery())
    for ids in in_parts(sorted(changed)):
        mine = _G.group_id.in_(ids)
        connection.execute(update(schema.groups).where(mine).values(risk=risk))
        touched |= {tuple(row) for row in connection.execute(select(*_LIKE).where(mine))}
    for keys in _parts(swayed):
        connection.execute(update(schema.groups).where(tuple_(*_LIKE).in_(keys)).values(risk=risk))
    for keys in _parts(touched):
        rank_patterns(connection, tuple_(_P.environment, _P.pattern).in_(keys))


def _parts(keys: Iterable[tuple[Any, ...]]) -> Iterable[Sequence[Any]]:
    return in_parts(sorted(keys))
