"""Probes: units of a day just below the threshold, which analysts are asked about.

A model is taught by what it is unsure of, and half of that raised no alert. A probe is kept as an
alert is, so that a verdict on it becomes a golden example in the same way; it is in no queue, and
says nothing of the detector's precision.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, not_, select

from triage import schema
from triage.arriving import row_of
from triage.database import Alone, Database
from triage.learning.selection import Candidate, choose, closeness, looks
from triage.records import Alert
from triage.statements import dialect_of

MOST = 5
"""Probes of a detector and day."""
NEAR = 50
"""Of so many units nearest to the threshold the probes are chosen."""
KEPT = timedelta(days=28)
"""Probes without a verdict are forgotten once newer data are so much later."""
_A, _V = schema.alerts.c, schema.verdicts.c


def probes_among(near: Sequence[Alert], most: int = MOST) -> list[Alert]:
    """Those of units below their threshold that would teach most, as probes.

    Args:
        near: the units of a detector and day that came nearest to its threshold.
        most: how many.
    """
    if not near:
        return []
    ranked = closeness([unit.score for unit in near], near[0].threshold)
    candidates = [
        Candidate(unit.alert_id, rank, 1.0, looks(unit.explanation))
        for unit, rank in zip(near, ranked, strict=True)
    ]
    chosen = {choice.candidate.alert_id for choice in choose(candidates, most)}
    return [replace(unit, probe=True) for unit in near if unit.alert_id in chosen]


class Probes:
    """The probes in a case store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, day: date, detector: str, probes: Sequence[Alert]) -> None:
        """Make these the probes of a day, in one transaction; those with a verdict stay.

        A unit that is an alert, or was one, stays what it is.

        Raises:
            InputError: a probe is of another detector, or has no number for a score.
        """
        rows = [_row(probe, day, detector) for probe in probes]
        chosen = {row["alert_id"] for row in rows}
        gone = and_(_A.detector == detector, _FORGOTTEN, _A.day == day, _A.alert_id.not_in(chosen))
        old = and_(_A.detector == detector, _FORGOTTEN, _A.day < day - KEPT)
        with self._database.writing(Alone.DESK) as connection:
            connection.execute(delete(schema.alerts).where(gone))
            connection.execute(delete(schema.alerts).where(old))
            if rows:
                insert = dialect_of(connection).insert(schema.alerts)
                new: dict[str, Any] = {
                    name: insert.excluded[name] for name in rows[0] if name != "alert_id"
                }
                query = insert.on_conflict_do_update(
                    index_elements=[_A.alert_id], set_=new, where=_A.probe.is_(True)
                )
                connection.execute(query, rows)


_FORGOTTEN: ColumnElement[bool] = and_(
    _A.probe.is_(True),
    _A.status.is_(None),
    # Verdicts that were taken back still name their alert.
    not_(exists(select(_V.alert_id).where(_V.alert_id == _A.alert_id))),
)


def _row(probe: Alert, day: date, detector: str) -> dict[str, Any]:
    return row_of(replace(probe, probe=True), day, detector) | {"firing": False}
