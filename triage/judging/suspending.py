"""An allow rule is suspended when an analyst finds an attack among what it is about."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, select, update

from triage import schema
from triage.exchange.changes import Change, ChangeKind, tell
from triage.judging.hiding import rules_about
from triage.judging.matching import RuleState
from triage.records import ERASED, Verdict

_A = schema.alerts.c
_U = schema.rules.c


def suspend_for(connection: Connection, attacks: Sequence[Verdict]) -> list[str]:
    """Suspend the rules that these verdicts speak against; returns the alerts that they hid.

    Their groups must be refreshed: that shows them again.
    """
    by_alert = {verdict.alert_id: verdict for verdict in attacks}
    shown_again: list[str] = []
    for rule_id, alert_id in rules_about(connection, list(by_alert)).items():
        verdict = by_alert[alert_id]
        why = f"{verdict.by} found an attack: alert {alert_id}"
        shown_again += suspend(connection, rule_id, verdict.by, why)
    return shown_again


def suspend(connection: Connection, rule_id: str, by: str, why: str) -> list[str]:
    """Suspend a rule; returns the alerts that it hid, whose groups must be refreshed."""
    now = datetime.now(UTC).replace(tzinfo=None)
    stopped = {"stopped_by": by, "stopped_at": now, "stopped_for": why}
    this = update(schema.rules).where(_U.rule_id == rule_id)
    connection.execute(this.values(state=RuleState.SUSPENDED, **stopped))
    environment = connection.execute(
        select(_U.environment).where(_U.rule_id == rule_id)
    ).scalar_one()
    occasion = now.isoformat()
    tell(connection, [Change(ChangeKind.RULE_SUSPENDED, environment, rule_id, occasion)])
    return list(connection.scalars(select(_A.alert_id).where(_A.rule_id == rule_id)))


def forget(connection: Connection, environment: str, values: Collection[str]) -> list[str]:
    """Take these values out of the rules that name them, which then are about nothing.

    Returns the alerts that they hid, whose groups must be refreshed.
    """
    shown_again: list[str] = []
    query = select(_U.rule_id, _U.entity).where(_U.environment == environment)
    for rule_id, entity in connection.execute(query).all():
        if not set(values) & set(entity.values()):
            continue
        shown_again += suspend(connection, rule_id, ERASED, "whom it names was erased")
        left = {name: ERASED if value in values else value for name, value in entity.items()}
        this = update(schema.rules).where(_U.rule_id == rule_id)
        connection.execute(this.values(entity=left, reason=ERASED))
    return shown_again
