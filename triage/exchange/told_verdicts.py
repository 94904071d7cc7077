"""Changes of verdicts with the verdicts themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from triage import schema
from triage.database import Database
from triage.exchange.changes import Happened
from triage.records import Verdict
from triage.rows import verdict_of

_A = schema.alerts.c
_V = schema.verdicts.c


@dataclass(frozen=True)
class ToldVerdict:
    """A verdict that was given or taken back.

    Attributes:
        change: that this is told of.
        verdict: as it is now; it may have been taken back since.
        detector: whose alert it is on.
        environment: where that alert is.
    """

    change: Happened
    verdict: Verdict
    detector: str
    environment: str


def told_verdicts(database: Database, changes: Sequence[Happened]) -> list[ToldVerdict]:
    """The verdicts that changes are about, in the order of the changes."""
    ids = [change.subject for change in changes]
    query = select(schema.verdicts).where(_V.verdict_id.in_(ids))
    with database.reading() as connection:
        verdicts = {row.verdict_id: verdict_of(row) for row in connection.execute(query)}
        alert_ids = {verdict.alert_id for verdict in verdicts.values()}
        places = select(_A.alert_id, _A.detector, _A.environment).where(_A.alert_id.in_(alert_ids))
        alerts = {row.alert_id: row for row in connection.execute(places)}
    found = ((change, verdicts[change.subject]) for change in changes if change.subject in verdicts)
    return [
        ToldVerdict(change, said, alerts[said.alert_id].detector, alerts[said.alert_id].environment)
        for change, said in found
    ]
