"""What analysts are asked about next: what would teach most, and the random slice."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, func, not_, select

from triage import schema
from triage.database import Database
from triage.learning.selection import (
    Candidate,
    choose,
    closeness,
    doubt,
    looks,
    reading_cost,
)
from triage.learning.slices import Slices
from triage.queue.states import FIRES, JUDGED, NO_PROBE, STANDING
from triage.records import ERASED, Alert, VerdictValue
from triage.rows import alert_of

DAYS = 28
"""How old alerts may be, counted from the newest one of their detector."""
POOL = 60
"""Candidates of a detector on either side of its threshold, and judged units beside them."""
_A, _V = schema.alerts.c, schema.verdicts.c
Why = Literal["teaches", "slice"]


@dataclass(frozen=True)
class Asked:
    """A unit about which an analyst is asked.

    Attributes:
        why: `teaches`: it would teach most; `slice`: it was drawn at random.
        closeness, doubt, novelty, cost: what its worth is made of, see `triage.learning.selection`;
            of a unit of the random slice all are 0.
        worth: their product, divided by the cost.
    """

    alert: Alert
    why: Why
    worth: float = 0.0
    closeness: float = 0.0
    doubt: float = 0.0
    novelty: float = 0.0
    cost: float = 0.0


class Asking:
    """Which units of a case store to label next."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next(
        self,
        environments: Collection[str] | None,
        detector: str | None = None,
        most: int = 10,
    ) -> list[Asked]:
        """The units that would teach most, the worthiest first.

        Args:
            environments: only units of these; None: of all.
            detector: only its units; None: detectors compete with each other.
            most: how many.
        """
        with self._database.reading() as connection:
            names = [detector] if detector else _detectors(connection)
            pools = [_Pool.of(connection, name, environments) for name in names]
        units = {unit.alert_id: unit for pool in pools for unit in pool.units}
        candidates = [candidate for pool in pools for candidate in pool.candidates()]
        known = [looks(alert.explanation, alert.detector) for pool in pools for alert in pool.known]
        return [
            Asked(
                alert=units[choice.candidate.alert_id],
                why="teaches",
                worth=choice.worth,
                closeness=choice.candidate.closeness,
                doubt=choice.candidate.doubt,
                novelty=choice.novelty,
                cost=choice.candidate.cost,
            )
            for choice in choose(candidates, most, known)
        ]

    def slice(
        self, environments: Collection[str] | None, detector: str | None = None, most: int = 5
    ) -> list[Asked]:
        """Units of the random slice that nobody has looked at; arguments as of `next`."""
        waiting = Slices(self._database).waiting(environments, detector, most)
        return [Asked(alert, "slice") for alert in waiting]


@dataclass(frozen=True)
class _Pool:
    """What a detector could ask about, and what it was told already.

    Attributes:
        units: alerts and probes without a verdict, the nearest to the threshold.
        known: units with a verdict, the latest.
        told: verdicts by pattern.
    """

    units: list[Alert]
    known: list[Alert]
    told: dict[str, Counter[bool]]

    @staticmethod
    def of(connection: Connection, detector: str, environments: Collection[str] | None) -> "_Pool":
        newest = select(func.max(_A.day)).where(_A.detector == detector)
        last: date | None = connection.execute(newest).scalar()
        if last is None:
            return _Pool([], [], {})
        recent = and_(
            _A.detector == detector, _A.day > last - timedelta(days=DAYS), _A.unit != ERASED
        )
        here = recent if environments is None else and_(recent, _A.environment.in_(environments))
        above = and_(here, NO_PROBE, FIRES, not_(JUDGED), _A.rule_id.is_(None))
        below = and_(here, not_(NO_PROBE), not_(JUDGED))
        units = [
            *_nearest(connection, above, (_A.score - _A.threshold).asc()),
            *_nearest(connection, below, (_A.score - _A.threshold).desc()),
        ]
        return _Pool(
            units,
            _nearest(connection, and_(recent, JUDGED), _A.day.desc()),
            _told(connection, recent, {unit.pattern for unit in units if unit.pattern}),
        )

    def candidates(self) -> list[Candidate]:
        # A threshold moves with each model; what counts is how far a unit was from its own.
        ranked = closeness([unit.score - unit.threshold for unit in self.units], 0.0)
        return [
            Candidate(
                unit.alert_id,
                rank,
                self._doubt(unit),
                looks(unit.explanation, unit.detector),
                reading_cost(unit.events),
            )
            for unit, rank in zip(self.units, ranked, strict=True)
        ]

    def _doubt(self, unit: Alert) -> float:
        told = self.told.get(unit.pattern or "", Counter[bool]())
        return doubt(told[True], told[False])


def _detectors(connection: Connection) -> list[str]:
    return list(connection.execute(select(_A.detector).distinct().order_by(_A.detector)).scalars())


def _nearest(
    connection: Connection, where: ColumnElement[bool], order: ColumnElement[object]
) -> list[Alert]:
    query = select(schema.alerts).where(where).order_by(order, _A.alert_id).limit(POOL)
    return [alert_of(row, ()) for row in connection.execute(query)]


def _told(
    connection: Connection, recent: ColumnElement[bool], patterns: Iterable[str]
) -> dict[str, Counter[bool]]:
    """How many current verdicts say attack, and none, by pattern."""
    query = (
        select(_A.pattern, _V.value, func.count())
        .join(schema.verdicts, _V.alert_id == _A.alert_id)
        .where(recent, STANDING, _A.pattern.in_(sorted(patterns)))
        .where(_V.value != VerdictValue.UNSURE)
        .group_by(_A.pattern, _V.value)
    )
    told: dict[str, Counter[bool]] = defaultdict(Counter)
    for pattern, value, count in connection.execute(query):
        told[pattern][value == VerdictValue.TRUE_POSITIVE] += count
    return told
