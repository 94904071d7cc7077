"""How many alerts and verdicts there are."""

from sqlalchemy import ColumnElement, Connection, func, select

from triage import schema
from triage.queue.states import NO_PROBE, STATES
from triage.records import Counts, VerdictValue, current
from triage.rows import verdict_of

_A = schema.alerts.c
_V = schema.verdicts.c


def counted(connection: Connection, environment: str | None, detector: str | None) -> Counts:
    """See `CaseStore.counts`."""
    chosen: list[ColumnElement[bool]] = [NO_PROBE]
    if environment is not None:
        chosen.append(_A.environment == environment)
    if detector is not None:
        chosen.append(_A.detector == detector)
    states = {
        state: connection.execute(
            select(func.count()).select_from(schema.alerts).where(condition, *chosen)
        ).scalar_one()
        for state, condition in STATES.items()
    }
    query = select(schema.verdicts).join(schema.alerts).where(*chosen).order_by(_V.seq)
    by_value = dict.fromkeys(VerdictValue, 0)
    for verdict in current(verdict_of(row) for row in connection.execute(query)):
        by_value[verdict.value] += 1
    return Counts(**states, verdicts=by_value)
