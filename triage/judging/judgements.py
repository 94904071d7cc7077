"""Verdicts of analysts: given for one alert or for many as one, and taken back.

Each call is one transaction: all of it is on disk when it returns, or none of it is. A call that is
repeated with the same id changes nothing and answers as it did the first time. What was taken back
stays in the history and counts nowhere.

    judgements = Judgements(desk.database)
    judgements.give(alert_id, Said(VerdictValue.UNSURE), "ada")
    given = judgements.give_group(group_id, Said.checked("benign_expected", "backup"), "ada", "b1")
    judgements.retract("b1", "ada")
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, and_, false, func, not_, null, or_, select, update

from triage import schema
from triage.database import Alone, Database
from triage.exchange.changes import Change, ChangeKind, tell
from triage.judging.suspending import suspend_for
from triage.judging.verdicts import Said, store_verdict
from triage.queue import FIRES, JUDGED, refresh
from triage.records import Verdict, VerdictValue, current
from triage.rows import verdict_of
from whetstone.errors import InputError

MOST_AT_ONCE = 20_000
"""Alerts that one verdict may be about."""
_A = schema.alerts.c
_V = schema.verdicts.c


class Judgements:
    """What analysts say, in the database of the case store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(self, alert_id: str, said: Said, by: str, verdict_id: str | None = None) -> Verdict:
        """Store a verdict on one alert durably and return it; see `CaseStore.give_verdict`.

        Raises:
            InputError: there is no such alert, or the verdict_id belongs to a different verdict.
        """
        (given,) = self.store([said.on(alert_id, by, verdict_id, None)])
        return given

    def store(self, wanted: Sequence[Verdict]) -> list[Verdict]:
        """Store verdicts of whatever ids, all or none; returns what stands in their place.

        Raises:
            InputError: one of them cannot be stored; the message says why.
        """
        with self._database.writing(Alone.DESK) as connection:
            stored = [store_verdict(connection, verdict) for verdict in wanted]
            _settle(connection, [verdict for verdict, new in stored if new])
        return [verdict for verdict, _ in stored]

    def give_group(self, group_id: str, said: Said, by: str, batch_id: str) -> list[Verdict]:
        """Say the same of all alerts of a group that stand open in the queue.

        If none does, it is about those that nobody else has judged: the analyst thinks again.

        Args:
            batch_id: what the verdicts have in common; by it they are taken back together.

        Raises:
            InputError: nothing is left to judge, they are too many, or the batch_id belongs to
                other verdicts.
        """
        return self._give_all(_A.group_id == group_id, said, by, batch_id)

    def give_pattern(
        self, environment: str, pattern: str, said: Said, by: str, batch_id: str
    ) -> list[Verdict]:
        """Say the same of all alerts of a pattern in an environment; as `give_group`."""
        of_pattern = and_(_A.environment == environment, _A.pattern == pattern)
        return self._give_all(of_pattern, said, by, batch_id)

    def retract(self, given_id: str, by: str, *, any_analyst: bool = False) -> list[Verdict]:
        """Take back a verdict, or all of a batch; what was taken back already stays so.

        Args:
            given_id: a verdict_id or batch_id.
            by: who takes it back.
            any_analyst: whether it may be another one's.

        Raises:
            InputError: there is no such verdict, or it is another analyst's.
        """
        now = datetime.now(UTC).replace(tzinfo=None)
        with self._database.writing(Alone.DESK) as connection:
            given = _of(connection, given_id)
            if not given:
                raise InputError(f"no verdict {given_id!r}: it was never stored")
            others = {verdict.by for verdict in given} - {by}
            if others and not any_analyst:
                raise InputError(f"verdict {given_id!r} is {', '.join(others)}'s: ask them")
            standing = [verdict for verdict in given if verdict.retracted is None]
            these = _V.verdict_id.in_([verdict.verdict_id for verdict in standing])
            taken = update(schema.verdicts).where(these)
            connection.execute(taken.values(retracted=now, retracted_by=by))
            refresh(connection, [verdict.alert_id for verdict in standing])
            _tell(connection, ChangeKind.VERDICT_RETRACTED, standing)
        return [
            replace(v, retracted=now, retracted_by=by) if v.retracted is None else v for v in given
        ]

    def of(self, given_id: str) -> list[Verdict]:
        """The verdict of this id, or those of this batch, oldest first; empty: there is none."""
        with self._database.reading() as connection:
            return _of(connection, given_id)

    def history(self, alert_id: str) -> list[Verdict]:
        """All that was ever said of an alert, oldest first, what was taken back too."""
        query = select(schema.verdicts).where(_V.alert_id == alert_id).order_by(_V.seq)
        with self._database.reading() as connection:
            return [verdict_of(row) for row in connection.execute(query)]

    def of_detector(self, detector: str) -> list[Verdict]:
        """All that was ever said of a detector's alerts, oldest first, what was taken back too."""
        query = select(schema.verdicts).join(schema.alerts).where(_A.detector == detector)
        with self._database.reading() as connection:
            return [verdict_of(row) for row in connection.execute(query.order_by(_V.seq))]

    def environments(self, alert_ids: Collection[str]) -> set[str]:
        """Where these alerts were found."""
        query = select(_A.environment).where(_A.alert_id.in_(alert_ids)).distinct()
        with self._database.reading() as connection:
            return set(connection.scalars(query))

    def _give_all(
        self, chosen: ColumnElement[bool], said: Said, by: str, batch_id: str
    ) -> list[Verdict]:
        with self._database.writing(Alone.DESK) as connection:
            if before := _of(connection, batch_id):
                return _same(before, said, by, batch_id)
            alert_ids = _still_to_judge(connection, chosen, by)
            given = [said.on(each, by, _id_in(batch_id, each), batch_id) for each in alert_ids]
            given = _that_say_more(connection, given)
            rows = [asdict(verdict) for verdict in given]
            if rows:
                # JSON's null would be text in the column.
                absent = {} if said.span is not None else {"span": null()}
                columns = [name for name in rows[0] if name not in absent]
                statement = schema.verdicts.insert().values(absent)
                connection.execute(statement, [{n: row[n] for n in columns} for row in rows])
            _settle(connection, given)
        return given


def _still_to_judge(connection: Connection, chosen: ColumnElement[bool], by: str) -> list[str]:
    """The alerts that a verdict on all of the chosen ones is about."""
    in_queue = and_(
        chosen, FIRES, _A.rule_id.is_(None), func.coalesce(_A.probe, false()) == false()
    )
    mine = and_(_V.alert_id == _A.alert_id, _V.retracted.is_(None))
    others = select(_V.seq).where(mine, _V.by != by).exists()
    for wanted in (not_(JUDGED), and_(JUDGED, not_(others))):
        query = select(_A.alert_id).where(in_queue, wanted)
        found = connection.scalars(query.order_by(_A.alert_id).limit(MOST_AT_ONCE + 1)).all()
        if len(found) > MOST_AT_ONCE:
            raise InputError(
                f"more than {MOST_AT_ONCE} alerts: judge them group by group, or propose a rule"
            )
        if found:
            return list(found)
    raise InputError("nothing to judge: no alert of it is open, or others have judged them all")


def _that_say_more(connection: Connection, given: Sequence[Verdict]) -> list[Verdict]:
    """Those that differ from what the analyst says already."""
    if not given:
        return []
    ids = [verdict.alert_id for verdict in given]
    query = select(schema.verdicts).where(_V.alert_id.in_(ids), _V.by == given[0].by)
    rows = connection.execute(query.order_by(_V.seq))
    said = {verdict.alert_id: verdict.value for verdict in current(map(verdict_of, rows))}
    return [verdict for verdict in given if said.get(verdict.alert_id) != verdict.value]


def _same(before: list[Verdict], said: Said, by: str, batch_id: str) -> list[Verdict]:
    if {(verdict.value, verdict.by) for verdict in before} != {(said.value, by.strip())}:
        raise InputError(f"batch_id {batch_id!r} belongs to other verdicts: send a new one")
    return before


def _settle(connection: Connection, new: Sequence[Verdict]) -> None:
    """What follows from new verdicts: rules, queue, those who are told."""
    if not new:
        return
    attacks = [verdict for verdict in new if verdict.value is VerdictValue.TRUE_POSITIVE]
    shown_again = suspend_for(connection, attacks) if attacks else []
    refresh(connection, {*(verdict.alert_id for verdict in new), *shown_again})
    _tell(connection, ChangeKind.VERDICT_GIVEN, new)


def _tell(connection: Connection, kind: ChangeKind, verdicts: Sequence[Verdict]) -> None:
    ids = [verdict.alert_id for verdict in verdicts]
    query = select(_A.alert_id, _A.environment).where(_A.alert_id.in_(ids))
    places = {row.alert_id: row.environment for row in connection.execute(query)}
    tell(connection, [Change(kind, places[v.alert_id], v.verdict_id) for v in verdicts])


def _of(connection: Connection, given_id: str) -> list[Verdict]:
    either = or_(_V.verdict_id == given_id, _V.batch_id == given_id)
    query = select(schema.verdicts).where(either).order_by(_V.seq)
    return [verdict_of(row) for row in connection.execute(query)]


def _id_in(batch_id: str, alert_id: str) -> str:
    """The same for the same batch and alert, so that a repeated batch stores nothing twice."""
    return hashlib.sha256(f"{batch_id}\0{alert_id}".encode()).hexdigest()[:32]
