"""Alerts as they stand in the case store, with their current verdicts."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Select, select

from triage import schema
from triage.records import Alert, Verdict, current
from triage.rows import alert_of, verdict_of

_A = schema.alerts.c
_V = schema.verdicts.c


def stored_alerts(connection: Connection, query: Select[Any]) -> list[Alert]:
    """The alerts that `query` selects from `schema.alerts`, in its order."""
    rows = connection.execute(query).all()
    ids = query.with_only_columns(_A.alert_id).subquery()
    given = select(schema.verdicts).where(_V.alert_id.in_(select(ids.c.alert_id))).order_by(_V.seq)
    by_alert: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in current(verdict_of(row) for row in connection.execute(given)):
        by_alert[verdict.alert_id].append(verdict)
    return [alert_of(row, tuple(by_alert[row.alert_id])) for row in rows]
