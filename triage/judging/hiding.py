"""Allow rules take alerts out of the queue, in the transaction in which these come in.

What a rule hid while it was in force stays hidden when it ends: it was expected then. What a
suspended rule hid comes back, for something was wrong with it. Of what it is about, one alert in
`CHECKED` is shown all the same. Only alerts of champions have a row that can be hidden: canaries
and challengers report beside the queue.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, tuple_, update

from triage import schema
from triage.judging.matching import Rule, RuleState
from triage.statements import dialect_of

_A = schema.alerts.c
_U = schema.rules.c
_C = schema.rule_checks.c
_AT_ONCE = 5_000


def hide_allowed(connection: Connection, alert_ids: Collection[str]) -> None:
    """Make `rule_id` of these alerts, and the checks, follow from the rules as they stand.

    Their patterns must have been set. Judged alerts stay as they are.
    """
    rules = {rule.rule_id: rule for rule in _rules_that_matter(connection)}
    if not rules:
        return
    ids = sorted(alert_ids)
    for first in range(0, len(ids), _AT_ONCE):
        _hide(connection, ids[first : first + _AT_ONCE], rules)


def rules_about(connection: Connection, alert_ids: Sequence[str]) -> dict[str, str]:
    """The rules in force that are about any of these alerts, or hide or check one: with which."""
    now, found = _now(), dict[str, str]()
    rules = [rule for rule in _rules_that_matter(connection) if rule.state is RuleState.APPROVED]
    if not rules:
        return found
    checked = _checks(connection, alert_ids)
    for row in connection.execute(_seen().where(_A.alert_id.in_(alert_ids))):
        for rule in rules:
            marked = rule.rule_id in (row.rule_id, checked.get(row.alert_id))
            if marked or (rule.in_force(now) and _about(rule, row)):
                found.setdefault(rule.rule_id, row.alert_id)
    return found


def rule_of(row: Row[Any]) -> Rule:
    """The rule of a row of `allow_rules`."""
    columns: dict[str, Any] = dict(row._mapping)
    columns["state"] = RuleState(row.state)
    return Rule(**columns)


def _rules_that_matter(connection: Connection) -> Iterator[Rule]:
    query = select(schema.rules).where(_U.state != RuleState.PROPOSED).order_by(_U.rule_id)
    return (rule_of(row) for row in connection.execute(query))


def _hide(connection: Connection, ids: Sequence[str], rules: dict[str, Rule]) -> None:
    now = _now()
    places = {(rule.environment, rule.detector) for rule in rules.values()}
    query = _seen().where(
        _A.alert_id.in_(ids), tuple_(_A.environment, _A.detector).in_(sorted(places))
    )
    rows = connection.execute(query).all()
    checked = _checks(connection, [row.alert_id for row in rows])
    judged = _judged(connection, [row.alert_id for row in rows])
    hidden: dict[str | None, list[str]] = defaultdict(list)
    shown: dict[str, str] = {}
    for row in rows:
        if row.alert_id in judged:
            continue
        rule = _rule_for(row, rules, checked.get(row.alert_id), now)
        check = rule is not None and rule.checks(row.alert_id)
        if check and rule is not None:
            shown[row.alert_id] = rule.rule_id
        wanted = None if rule is None or check else rule.rule_id
        if wanted != row.rule_id:
            hidden[wanted].append(row.alert_id)
    for wanted, alert_ids in hidden.items():
        these = update(schema.alerts).where(_A.alert_id.in_(alert_ids))
        connection.execute(these.values(rule_id=wanted))
    _mark(connection, checked, shown)


def _rule_for(
    row: Row[Any], rules: dict[str, Rule], checking: str | None, now: datetime
) -> Rule | None:
    """The rule that an alert falls under: the one it fell under before, as long as that holds."""
    before = rules.get(row.rule_id or checking or "")
    if before is not None and before.keeps_hidden() and _about(before, row):
        return before
    for rule in rules.values():
        if rule.in_force(now) and _about(rule, row):
            return rule
    return None


def _about(rule: Rule, row: Row[Any]) -> bool:
    here = (rule.environment, rule.detector) == (row.environment, row.detector)
    return here and rule.about(row.pattern, row.entity)


def _mark(connection: Connection, before: dict[str, str], checks: dict[str, str]) -> None:
    """Checks that nobody has answered yet follow the rules; answered ones tell of their rule."""
    gone = [alert_id for alert_id in before if alert_id not in checks]
    open_checks = set(gone) - _judged(connection, gone)
    if open_checks:
        connection.execute(delete(schema.rule_checks).where(_C.alert_id.in_(open_checks)))
    if checks:
        insert = dialect_of(connection).insert(schema.rule_checks)
        told = insert.on_conflict_do_update(
            index_elements=[_C.alert_id], set_={"rule_id": insert.excluded.rule_id}
        )
        rows = [{"alert_id": alert, "rule_id": rule} for alert, rule in checks.items()]
        connection.execute(told, rows)


def _seen() -> Any:
    return select(_A.alert_id, _A.environment, _A.detector, _A.pattern, _A.entity, _A.rule_id)


def _checks(connection: Connection, alert_ids: Sequence[str]) -> dict[str, str]:
    query = select(_C.alert_id, _C.rule_id).where(_C.alert_id.in_(alert_ids))
    return {row.alert_id: row.rule_id for row in connection.execute(query)}


def _judged(connection: Connection, alert_ids: Sequence[str]) -> set[str]:
    given = schema.verdicts.c
    query = select(given.alert_id).where(given.alert_id.in_(alert_ids), given.retracted.is_(None))
    return set(connection.execute(query).scalars())


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
