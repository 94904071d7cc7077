"""Allow rules: what is expected for a time and need not be read.

Somebody proposes a rule, somebody else approves it, and until its end what it is about comes into
the case store but not into the queue, but for a sample that is shown as a check. An attack that is
found among it suspends the rule, and shows what it hid. A rule is no label: nothing is learned from
it.

    rules = Rules(desk.database)
    rule = rules.propose(Wanted("berlin", "network_scan", pattern, {}, "backup at night"), "ada")
    rules.approve(rule.rule_id, "bob")
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, case, func, not_, select, update

from triage import schema
from triage.database import Alone, Database
from triage.exchange.changes import Change, ChangeKind, tell
from triage.judging.hiding import rule_of
from triage.judging.matching import Rule, RuleState, checked_entity
from triage.judging.suspending import suspend
from triage.queue import FIRES, JUDGED, refresh
from triage.records import VerdictValue
from triage.texts import checked_text
from whetstone.errors import InputError

DAYS, MOST_DAYS = 30, 180
"""For how long a rule holds if nobody says otherwise, and at most."""
DUE = timedelta(days=7)
"""So long before its end a rule is to be looked at again."""
_A = schema.alerts.c
_U = schema.rules.c
_V = schema.verdicts.c
_C = schema.rule_checks.c


@dataclass(frozen=True)
class Wanted:
    """What somebody proposes; see `Rule`."""

    environment: str
    detector: str
    pattern: str | None
    entity: Mapping[str, str]
    reason: str
    days: int = DAYS


@dataclass(frozen=True)
class Hidden:
    """What a rule did.

    Attributes:
        alerts: it keeps out of the queue; `events`: raw events that they fold, as far as known.
        days: how many of them a day.
        checks: shown all the same; `answered` of them were judged.
        attacks: true positives among all of these.
        benign: other sure verdicts among all of these.
    """

    alerts: int
    events: int
    days: Mapping[date, int] = field(default_factory=dict[date, int])
    checks: int = 0
    answered: int = 0
    attacks: int = 0
    benign: int = 0


class Rules:
    """The allow rules in the database of the case store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def propose(self, wanted: Wanted, by: str, rule_id: str | None = None) -> Rule:
        """Store a proposal; it hides nothing yet. Proposed again under its id it changes nothing.

        Raises:
            InputError: it names neither a pattern nor an entity, a field is wrong, or the `rule_id`
                is of another's or another environment's rule.
        """
        if not 1 <= wanted.days <= MOST_DAYS:
            raise InputError(f"days: 1 to {MOST_DAYS}, after which somebody looks again")
        entity = checked_entity(wanted.entity)
        if wanted.pattern is None and not entity:
            raise InputError("pattern, entity: name one; a whole detector cannot be hidden")
        for name in ("environment", "detector"):
            checked_text(name, getattr(wanted, name), 200, required=True)
        row = {
            **vars(wanted),
            "rule_id": rule_id or uuid.uuid4().hex,
            "entity": entity,
            "reason": checked_text("reason", wanted.reason.strip(), 1_000, required=True),
            "state": RuleState.PROPOSED,
            "proposed_by": by,
            "proposed_at": _now(),
        }
        checked_text("rule_id", row["rule_id"], 64, required=True)
        with self._database.writing(Alone.DESK) as connection:
            before = None if rule_id is None else _find(connection, rule_id)
            if before is None:
                connection.execute(schema.rules.insert().values(row))
                _tell(connection, ChangeKind.RULE_PROPOSED, row["rule_id"])
            elif (before.environment, before.proposed_by) != (wanted.environment, by):
                raise InputError("rule_id: another rule has it; load the page again")
            return _rule(connection, row["rule_id"])

    def approve(self, rule_id: str, by: str, *, own: bool = False) -> Rule:
        """Put a proposed or suspended rule into force from now on; open alerts leave the queue.

        Args:
            own: whether the one who proposed it may approve it.

        Raises:
            InputError: there is none, it is in force or was ended, or it is the proposer's own.
        """
        with self._database.writing(Alone.DESK) as connection:
            rule = _rule(connection, rule_id)
            if rule.state not in (RuleState.PROPOSED, RuleState.SUSPENDED):
                raise InputError(f"rule {rule_id} is {rule.state}: propose a new one")
            _check_other(rule, by, own)
            until = _now() + timedelta(days=rule.days)
            self._review(connection, rule, by, until)
            _hide_open(connection, rule)
            _tell(connection, ChangeKind.RULE_APPROVED, rule_id)
            return _rule(connection, rule_id)

    def prolong(self, rule_id: str, by: str, days: int = DAYS, *, own: bool = False) -> Rule:
        """Let a rule hold for so many days from now; whoever does has looked at what it hid.

        Raises:
            InputError: it is not approved, is the proposer's own, or `days` is out of range.
        """
        if not 1 <= days <= MOST_DAYS:
            raise InputError(f"days: 1 to {MOST_DAYS}")
        with self._database.writing(Alone.DESK) as connection:
            rule = _rule(connection, rule_id)
            if rule.state is not RuleState.APPROVED:
                raise InputError(f"rule {rule_id} is {rule.state}: only what is in force goes on")
            _check_other(rule, by, own)
            self._review(connection, rule, by, _now() + timedelta(days=days))
            _hide_open(connection, rule)
            return _rule(connection, rule_id)

    def end(self, rule_id: str, by: str, why: str) -> Rule:
        """End a rule: it hides nothing new; what it hid was expected then and stays hidden."""
        with self._database.writing(Alone.DESK) as connection:
            rule = _rule(connection, rule_id)
            if rule.state is not RuleState.ENDED:
                stopped = {"stopped_by": by, "stopped_at": _now(), "stopped_for": _why(why)}
                _set(connection, rule_id, state=RuleState.ENDED, **stopped)
                _tell(connection, ChangeKind.RULE_ENDED, rule_id)
            return _rule(connection, rule_id)

    def suspend(self, rule_id: str, by: str, why: str) -> Rule:
        """Suspend a rule that was wrong: what it hid comes back into the queue.

        Raises:
            InputError: it is not in force and never was.
        """
        with self._database.writing(Alone.DESK) as connection:
            rule = _rule(connection, rule_id)
            if rule.state not in (RuleState.APPROVED, RuleState.SUSPENDED):
                raise InputError(f"rule {rule_id} is {rule.state}: nothing to suspend")
            if rule.state is RuleState.APPROVED:
                refresh(connection, suspend(connection, rule_id, by, _why(why)))
            return _rule(connection, rule_id)

    def rule(self, rule_id: str) -> Rule:
        """The rule of this id; InputError: there is none."""
        with self._database.reading() as connection:
            return _rule(connection, rule_id)

    def rules(self, environments: Collection[str] | None = None, limit: int = 500) -> list[Rule]:
        """The rules of these environments, or of all: to be decided on first, then newest first."""
        urgency = case(
            (_U.state == RuleState.PROPOSED, 0), (_U.state == RuleState.SUSPENDED, 1), else_=2
        )
        query = select(schema.rules).order_by(urgency, _U.proposed_at.desc(), _U.rule_id)
        if environments is not None:
            query = query.where(_U.environment.in_(environments))
        with self._database.reading() as connection:
            return [rule_of(row) for row in connection.execute(query.limit(limit))]

    def hidden(self, rule_id: str) -> Hidden:
        """What a rule did until now."""
        with self._database.reading() as connection:
            return _hidden(connection, rule_id)

    def would_hide(self, wanted: Wanted) -> int:
        """How many open alerts a proposal would take out of the queue, its checks included."""
        asked = {**vars(wanted), "entity": checked_entity(wanted.entity)}
        rule = Rule(
            **asked, rule_id="", state=RuleState.PROPOSED, proposed_by="", proposed_at=_now()
        )
        with self._database.reading() as connection:
            found = connection.execute(_open_alerts(rule))
            return sum(rule.about(row.pattern, row.entity) for row in found)

    def checks(self, alert_ids: Collection[str]) -> dict[str, str]:
        """Which of these alerts are shown as checks of a rule: alert_id -> rule_id."""
        query = select(_C.alert_id, _C.rule_id).where(_C.alert_id.in_(alert_ids))
        with self._database.reading() as connection:
            return {row.alert_id: row.rule_id for row in connection.execute(query)}

    def _review(self, connection: Connection, rule: Rule, by: str, until: datetime) -> None:
        nothing = {"stopped_by": None, "stopped_at": None, "stopped_for": None}
        reviewed = {"reviewed_by": by, "reviewed_at": _now(), "until": until}
        _set(connection, rule.rule_id, state=RuleState.APPROVED, **reviewed, **nothing)


def is_due(rule: Rule, now: datetime) -> bool:
    """Whether a rule in force ends soon and is to be looked at again."""
    return rule.in_force(now) and rule.until is not None and rule.until - now <= DUE


def _hidden(connection: Connection, rule_id: str) -> Hidden:
    of_rule = select(_A.alert_id).where(_A.rule_id == rule_id)
    of_checks = select(_C.alert_id).where(_C.rule_id == rule_id)
    sums = select(_A.day, func.count(), func.coalesce(func.sum(_A.events), 0))
    days = connection.execute(
        sums.where(_A.rule_id == rule_id).group_by(_A.day).order_by(_A.day.desc())
    ).all()
    seen = _V.alert_id.in_(of_rule.union(of_checks))
    values: dict[str, int] = {}
    for row in connection.execute(
        select(_V.value, func.count(_V.alert_id.distinct()))
        .where(seen, _V.retracted.is_(None))
        .group_by(_V.value)
    ):
        values[row[0]] = row[1]
    answered = select(func.count(_V.alert_id.distinct())).where(
        _V.alert_id.in_(of_checks), _V.retracted.is_(None)
    )
    calm = (VerdictValue.FALSE_POSITIVE, VerdictValue.BENIGN_EXPECTED)
    return Hidden(
        alerts=sum(row[1] for row in days),
        events=sum(row[2] for row in days),
        days={row[0]: row[1] for row in days},
        checks=connection.scalar(select(func.count()).where(_C.rule_id == rule_id)) or 0,
        answered=connection.scalar(answered) or 0,
        attacks=values.get(VerdictValue.TRUE_POSITIVE, 0),
        benign=sum(values.get(value, 0) for value in calm),
    )


def _open_alerts(rule: Rule) -> Select[Any, Any, Any]:
    """The open alerts that a rule may be about, hidden by no other."""
    query = select(_A.alert_id, _A.pattern, _A.entity).where(
        _A.environment == rule.environment,
        _A.detector == rule.detector,
        _A.rule_id.is_(None),
        FIRES,
        not_(JUDGED),
    )
    return query if rule.pattern is None else query.where(_A.pattern == rule.pattern)


def _hide_open(connection: Connection, rule: Rule) -> None:
    """Let a rule that is in force now take what it is about out of the queue."""
    found = connection.execute(_open_alerts(rule)).all()
    refresh(connection, [row.alert_id for row in found if rule.about(row.pattern, row.entity)])


def _check_other(rule: Rule, by: str, own: bool) -> None:
    if by == rule.proposed_by and not own:
        raise InputError(f"rule {rule.rule_id} is {by}'s own proposal: somebody else approves it")


def _set(connection: Connection, rule_id: str, **values: Any) -> None:
    connection.execute(update(schema.rules).where(_U.rule_id == rule_id).values(values))


def _find(connection: Connection, rule_id: str) -> Rule | None:
    row = connection.execute(select(schema.rules).where(_U.rule_id == rule_id)).first()
    return None if row is None else rule_of(row)


def _rule(connection: Connection, rule_id: str) -> Rule:
    found = _find(connection, rule_id)
    if found is None:
        raise InputError(f"no rule {rule_id!r}: /rules lists them")
    return found


def _tell(connection: Connection, kind: ChangeKind, rule_id: str) -> None:
    rule = _rule(connection, rule_id)
    occasion = rule.reviewed_at.isoformat() if rule.reviewed_at else ""
    tell(connection, [Change(kind, rule.environment, rule_id, occasion)])


def _why(why: str) -> str:
    return checked_text("reason", why.strip(), 1_000, required=True)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
