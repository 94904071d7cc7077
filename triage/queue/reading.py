"""Pages of the queue.

    queue = Queue(cases.database)
    page = queue.cases(Filters(environment="oslo"), limit=50)
    more = queue.cases(Filters(environment="oslo"), limit=50, after=page.after)

A page costs the same however many alerts there are: the index gives groups in the order of risk,
and holds all that filters ask for. A search for an entity or a detector looks first, by an index of
these, whether few groups fit; if so, these are sorted, and otherwise the order finds some soon.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from triage import schema
from triage.database import Database
from triage.queue.cursors import Place, cursor, place_of
from triage.queue.grouping import MOST_SHOWN
from triage.queue.records import (
    Case,
    CaseDetail,
    CasePage,
    Filters,
    GroupState,
    Look,
    LookPage,
    Shown,
)
from triage.queue.risk import CALIBRATED, Risk, corroboration, size
from triage.queue.states import FIRES, JUDGED
from triage.records import Alert
from triage.stored import stored_alerts
from whetstone.errors import InputError

_A = schema.alerts.c
_G = schema.groups.c
_P = schema.patterns.c
_FEW = 500
_HIDDEN = SimpleNamespace(**{name: func.coalesce(column, column) for name, column in _G.items()})
_STATES: tuple[GroupState, ...] = ("open", "judged", "allowed")
_HELD: dict[Shown, ColumnElement[bool]] = {
    "open": and_(FIRES, ~JUDGED, _A.rule_id.is_(None)),
    "judged": JUDGED,
    "allowed": and_(FIRES, ~JUDGED, _A.rule_id.is_not(None)),
    "all": or_(FIRES, JUDGED),
}


class Queue:
    """What waits for analysts, and what they have done.

    Args:
        database: of the case store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def cases(self, filters: Filters, limit: int = 50, after: str | None = None) -> CasePage:
        """Groups, the highest risk first.

        Args:
            filters: which ones.
            limit: at most so many.
            after: `after` of the page before; the same filters belong to it.

        Raises:
            InputError: `after` is none.
        """
        place = place_of(after, 1)
        with self._database.reading() as connection:
            few = _few(connection, filters)
            query = select(schema.groups).where(*_fitting(connection, filters, few))
            state = _G.state if few is None else _unindexed(connection).state
            rows = _first(connection, query, state, filters.state, place, limit, _CASE)
            items = _cases(connection, rows[:limit])
        more = len(rows) > limit
        return CasePage(items, cursor(items[-1].risk, items[-1].group_id) if more else None)

    def looks(self, filters: Filters, limit: int = 50, after: str | None = None) -> LookPage:
        """Patterns, the highest risk first: all groups that look alike in one item.

        A pattern fits where one of its groups does. Arguments and errors are those of `cases`.
        """
        place = place_of(after, 2)
        with self._database.reading() as connection:
            fits = [*_narrowed(filters, _P), *_with_groups(connection, filters)]
            query = select(schema.patterns).where(*fits)
            rows = _first(connection, query, _P.state, filters.state, place, limit, _LOOK)
            items = _looks(connection, rows[:limit])
        more = len(rows) > limit
        last = items[-1] if more else None
        return LookPage(items, cursor(last.risk, last.environment, last.pattern) if last else None)

    def count(self, filters: Filters) -> tuple[int, int]:
        """How many alerts of the groups that fit are open, and how many are open or judged.

        No verdict changes the second number. What rules hold back is in neither, and `state` is not
        looked at. Patterns are few and have the sums; only for days and entities all groups are
        gone through.
        """
        with self._database.reading() as connection:
            if filters.entity or filters.first_day or filters.last_day:
                of, fits = (
                    _G,
                    _fitting(connection, filters, _few(connection, filters)),
                )
            else:
                of, fits = _P, _narrowed(filters, _P)
            query = select(func.sum(of.open), func.sum(of.open + of.judged)).where(*fits)
            waiting, known = connection.execute(query).one()
            return int(waiting or 0), int(known or 0)

    def case(self, group_id: str, limit: int = 100, after: str | None = None) -> CaseDetail:
        """A group and its alerts, the worst first.

        Args:
            limit: at most so many alerts.
            after: id of the last alert of the page before.

        Raises:
            InputError: there is no such group, or no such alert in it.
        """
        with self._database.reading() as connection:
            rows = connection.execute(select(schema.groups).where(_G.group_id == group_id)).all()
            if not rows:
                raise InputError(f"no group {group_id!r}: its alerts may have been withdrawn")
            mine = select(schema.alerts).where(_A.group_id == group_id, _HELD["all"])
            query = mine.order_by(CALIBRATED.desc(), _A.score.desc(), _A.alert_id).limit(limit)
            if after is not None:
                query = query.where(_behind(connection, mine, after))
            return CaseDetail(_cases(connection, rows)[0], stored_alerts(connection, query))

    def look(self, environment: str, pattern: str) -> Look:
        """A pattern in an environment; InputError: no group has it."""
        here = and_(_P.environment == environment, _P.pattern == pattern)
        with self._database.reading() as connection:
            rows = connection.execute(select(schema.patterns).where(here)).all()
            if not rows:
                raise InputError(f"no alert in {environment} has the pattern {pattern!r}")
            return _looks(connection, rows)[0]

    def alert_ids(self, group_id: str, state: Shown = "open") -> list[str]:
        """The alerts of a group in a state."""
        return self._ids(_A.group_id == group_id, state)

    def pattern_alert_ids(self, environment: str, pattern: str, state: Shown = "open") -> list[str]:
        """The alerts of a pattern in an environment that are in a state."""
        here = and_(_A.environment == environment, _A.pattern == pattern)
        return self._ids(and_(here, _A.group_id.is_not(None)), state)

    def _ids(self, which: ColumnElement[bool], state: Shown) -> list[str]:
        query = select(_A.alert_id).where(which, _HELD[state]).order_by(_A.alert_id)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())


_CASE = (_G.risk, _G.group_id)
_LOOK = (_P.risk, _P.environment, _P.pattern)


def _first(
    connection: Connection,
    query: Select[Any],
    of: ColumnElement[str],
    state: Shown,
    place: Place | None,
    limit: int,
    order: Sequence[ColumnElement[Any]],
) -> list[Row[Any]]:
    """The first `limit` rows and one more; of all states, the first of the first of each."""
    risk, *name = order
    query = query.order_by(risk.desc(), *name).limit(limit + 1)
    if place is not None:
        behind = tuple_(*name) > place.name
        # The first half is what an index understands.
        query = query.where(risk <= place.risk, or_(risk < place.risk, behind))
    states = _STATES if state == "all" else (state,)
    found = [row for each in states for row in connection.execute(query.where(of == each))]
    found.sort(key=lambda row: (-row.risk, *(row._mapping[column] for column in name)))
    return found[: limit + 1]


def _narrowed(filters: Filters, columns: Any) -> list[ColumnElement[bool]]:
    """What groups and patterns have both."""
    fits: list[ColumnElement[bool]] = []
    if filters.environments is not None:
        fits.append(columns.environment.in_(sorted(filters.environments)))
    if filters.environment is not None:
        fits.append(columns.environment == filters.environment)
    if filters.detectors is not None:
        fits.append(columns.detector.in_(sorted(filters.detectors)))
    if filters.pattern is not None:
        fits.append(columns.pattern == filters.pattern)
    return fits


def _fitting(
    connection: Connection, filters: Filters, few: Sequence[str] | None
) -> list[ColumnElement[bool]]:
    """Groups that fit, in whatever state."""
    if few is None:
        return [*_narrowed(filters, _G), *_within(connection, filters)]
    alike = [] if filters.pattern is None else [_unindexed(connection).pattern == filters.pattern]
    return [_G.group_id.in_(few), *alike]


def _within(connection: Connection, filters: Filters) -> list[ColumnElement[bool]]:
    """What groups alone have: days and entities."""
    days = _between(filters, _unindexed(connection).day)
    if not filters.entity:
        return days
    wanted = _wanted(filters)
    return [*days, func.substr(_G.subject, 1, len(wanted)) == wanted]


def _between(filters: Filters, day: ColumnElement[date]) -> list[ColumnElement[bool]]:
    fits: list[ColumnElement[bool]] = []
    if filters.first_day is not None:
        fits.append(day >= filters.first_day)
    if filters.last_day is not None:
        fits.append(day <= filters.last_day)
    return fits


def _unindexed(connection: Connection) -> Any:
    """The columns of groups, so that SQLite chooses no index because of them.

    It knows nothing of how many rows fit, and would rather find a third of all groups by an index
    of days and sort them than go by the order of risk. Postgres knows, from the plain columns.
    """
    return _HIDDEN if connection.dialect.name == "sqlite" else _G


def _wanted(filters: Filters) -> str:
    # Cut where subjects are cut.
    return filters.entity.lower()[:MOST_SHOWN]


def _few(connection: Connection, filters: Filters) -> Sequence[str] | None:
    """The groups that fit, whatever they look like, by the index of entities or of detectors.

    None: many, or neither is asked for.
    """
    if filters.entity:
        wanted = _wanted(filters)
        by = [_G.subject >= wanted, _G.subject < wanted + "\U0010ffff"]
    elif filters.detectors is not None:
        by = [_G.detector.in_(sorted(filters.detectors)), *_between(filters, _G.day)]
    else:
        return None
    other = _unindexed(connection)
    fits = [*_narrowed(replace(filters, pattern=None), other), *_between(filters, other.day)]
    ids = connection.execute(select(_G.group_id).where(*by, *fits).limit(_FEW + 1)).scalars().all()
    return ids if len(ids) <= _FEW else None


def _with_groups(connection: Connection, filters: Filters) -> list[ColumnElement[bool]]:
    """Patterns with a group, in the pattern's state, that fits."""
    mine = (_G.environment, _G.pattern, _G.state)
    pattern = (_P.environment, _P.pattern, _P.state)
    if not (filters.entity or filters.first_day or filters.last_day):
        return []
    few = _few(connection, filters)
    if few is not None:
        theirs = select(*mine).distinct().where(_G.group_id.in_(few))
        return [tuple_(*pattern).in_([tuple(row) for row in connection.execute(theirs)])]
    same = (own == of for own, of in zip(mine, pattern, strict=True))
    return [exists().where(*same, *_within(connection, filters))]


def _behind(connection: Connection, mine: Select[Any], alert_id: str) -> ColumnElement[bool]:
    query = mine.with_only_columns(CALIBRATED.label("calibrated"), _A.score)
    row = connection.execute(query.where(_A.alert_id == alert_id)).first()
    if row is None:
        raise InputError(f"after={alert_id}: no such alert in the group; begin again without it")
    says = CALIBRATED
    return or_(
        says < row[0],
        and_(says == row[0], _A.score < row[1]),
        and_(says == row[0], _A.score == row[1], _A.alert_id > alert_id),
    )


def _cases(connection: Connection, rows: Sequence[Row[Any]]) -> list[Case]:
    looks = _patterns_of(connection, {(row.environment, row.pattern) for row in rows})
    tops = select(schema.alerts).where(_A.alert_id.in_([row.top_alert for row in rows]))
    alerts = {alert.alert_id: alert for alert in stored_alerts(connection, tops)}
    return [_case(row, looks[row.environment, row.pattern], alerts[row.top_alert]) for row in rows]


def _patterns_of(
    connection: Connection, keys: set[tuple[str, str]]
) -> Mapping[tuple[str, str], Row[Any]]:
    query = select(schema.patterns).where(tuple_(_P.environment, _P.pattern).in_(sorted(keys)))
    return {(row.environment, row.pattern): row for row in connection.execute(query)}


def _case(row: Row[Any], look: Row[Any], top: Alert) -> Case:
    columns = dict(row._mapping)
    calibrated, weight, detectors = (
        columns.pop(name) for name in ("calibrated", "weight", "detectors")
    )
    made = Risk(
        calibrated,
        weight,
        size(row.open + row.judged + row.allowed),
        corroboration(detectors),
        look.standing,
        detectors,
    )
    for name in ("top_alert", "base", "subject"):
        del columns[name]
    columns["events"] = columns["events"] if columns.pop("counted") else None
    return Case(**columns, title=look.title, made=made, top=top, alike=look.open_groups)


def _looks(connection: Connection, rows: Sequence[Row[Any]]) -> list[Look]:
    keys = [(row.environment, row.pattern) for row in rows]
    query = _ENDS.where(tuple_(_P.environment, _P.pattern).in_(keys))
    ends = {(row.environment, row.pattern): row for row in connection.execute(query)}
    tops = select(schema.groups).where(_G.group_id.in_([row.top for row in ends.values()]))
    cases = {case.group_id: case for case in _cases(connection, connection.execute(tops).all())}
    return [
        _look(row, ends[key], cases[ends[key].top]) for row, key in zip(rows, keys, strict=True)
    ]


_MINE = and_(_G.environment == _P.environment, _G.pattern == _P.pattern)
_WORST = select(_G.group_id).where(_MINE, _G.state == _P.state)
_DAYS = select(_G.day).where(_MINE).limit(1)
# Each for itself: an index has the least and the greatest at its ends.
_ENDS: Select[*tuple[Any, ...]] = select(
    _P.environment,
    _P.pattern,
    _WORST.order_by(_G.risk.desc(), _G.group_id).limit(1).scalar_subquery().label("top"),
    _DAYS.order_by(_G.day).scalar_subquery().label("first_day"),
    _DAYS.order_by(_G.day.desc()).scalar_subquery().label("last_day"),
)


def _look(row: Row[Any], ends: Row[Any], top: Case) -> Look:
    columns = dict(row._mapping)
    for name in ("judged_groups", "standing"):
        del columns[name]
    columns["events"] = columns["events"] if columns.pop("counted") else None
    return Look(**columns, first_day=ends.first_day, last_day=ends.last_day, top=top)
