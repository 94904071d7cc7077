"""Findings: units that one release alerts on and another does not."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.catalog.validation import entity_columns
from whetstone.engine import only_row
from whetstone.errors import InputError
from whetstone.scoring.alerts import alert_id, explanation
from whetstone.scoring.run import BundleScorer, alerts_of
from whetstone.scoring.slow import SlowFeatures
from whetstone.sql import identifier
from whetstone.unit_events import Evidence, Line, evidence_of, with_end

History = Callable[[BundleScorer], SlowFeatures | None]
_EXPLAINED = 256  # at a time


@dataclass(frozen=True)
class Finding:
    """A unit that the new release alerts on and the other one does not.

    Attributes:
        alert: id of the alert, as it would be in the queue.
        entity: entity column -> value.
        unit_start: event time at which the unit begins; naive UTC, as all times here.
        event_timestamp: when it is complete.
        against: the other release's score of the same unit, below its threshold; None where there
            is no other release, or where it has other units.
        per_day: how many benign units score as high on a day with as many units; None where the
            release cannot say.
        explanation: what weighs most in the score, as in an alert.
        events: how many events the unit has.
        lines: where the oldest of them lie, at most 10.
    """

    alert: str
    detector: str
    model_version: str
    environment: str
    source: str
    unit: str
    entity: dict[str, str]
    unit_start: datetime
    event_timestamp: datetime
    score: float
    threshold: float
    against: float | None
    explanation: list[dict[str, Any]]
    events: int
    lines: list[Line]
    per_day: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        times = {"unit_start": self.unit_start, "event_timestamp": self.event_timestamp}
        return asdict(self) | {name: time.isoformat() for name, time in times.items()}


@dataclass(frozen=True)
class Compared:
    """What two releases made of the same events.

    Attributes:
        units: of the new release.
        alerts: of the new release.
        gone: alerts of the other release alone.
        count: alerts of the new release alone.
        findings: those of them that score highest.
    """

    units: int
    alerts: int
    gone: int
    count: int
    findings: list[Finding]


class Comparison:
    """Compares the alerts of two releases.

    Where their units are the same, so are alerts on the same unit. Where they are not (one has
    windows of another length, or fewer entity columns), alerts are the same that are about the
    same values of the entity columns which both have, and whose times overlap.

    Args:
        new: the release whose findings are wanted.
        old: the release whose alerts are known; None: there is none.

    Raises:
        InputError: the releases read different sources, or have no entity column in common.
    """

    def __init__(self, new: BundleScorer, old: BundleScorer | None):
        self._new, self._old = new, old
        self._same_units = old is not None and _unit(new.view) == _unit(old.view)
        self.entity = entity_columns(new.view) if old is None else _common_entity(new, old)

    def of(
        self, connection: duckdb.DuckDBPyConnection, events: str, most: int, history: History
    ) -> Compared:
        """Score and compare.

        Args:
            connection: an engine that can read the events.
            events: SQL of their relation.
            most: keep so many findings.
            history: gives each release its slow features, if it has any.
        """
        new, old = self._new, self._old
        scored = new.score_events(connection, events, history(new))
        known = scored.slice(0, 0)
        if old is not None:
            known = old.score_events(connection, events, history(old))
        connection.register("new_alerts", with_end(alerts_of(scored), new.view))
        connection.register("old_alerts", with_end(alerts_of(known), (old or new).view))
        connection.register("old_units", known)
        alike = self._alike()
        found = f"FROM new_alerts one ANTI JOIN old_alerts other ON {alike}"
        (count,) = only_row(connection, f"SELECT count(*) {found}")
        (alerts,) = only_row(connection, "SELECT count(*) FROM new_alerts")
        (gone,) = only_row(
            connection, f"SELECT count(*) FROM old_alerts one ANTI JOIN new_alerts other ON {alike}"
        )
        best = connection.sql(f"{found} ORDER BY score DESC, unit LIMIT {most}").to_arrow_table()
        findings = self._findings(connection, events, best)
        return Compared(scored.num_rows, alerts, gone, count, findings)

    def _alike(self) -> str:
        """SQL of whether the units `one` and `other` are about the same."""
        if self._same_units:
            names = ("environment", "unit", "unit_start", "event_timestamp")
            return " AND ".join(f"one.{name} = other.{name}" for name in names)
        names = map(identifier, self.entity)
        same = " AND ".join(f"one.{name}::VARCHAR = other.{name}::VARCHAR" for name in names)
        return f"""one.environment = other.environment AND {same}
                   AND one.unit_start < other.until AND other.unit_start < one.until"""

    def _findings(
        self, connection: duckdb.DuckDBPyConnection, events: str, best: pa.Table
    ) -> list[Finding]:
        """What there is to say about scored rows, in their order."""
        evidence = evidence_of(connection, events, self._new.view, best)
        against = self._against(connection, best)
        found: list[Finding] = []
        for begin in range(0, best.num_rows, _EXPLAINED):
            rows = best.slice(begin, _EXPLAINED)
            explanations = self._new.explain(rows)
            for number, (row, why) in enumerate(
                zip(rows.to_pylist(), explanations, strict=True), begin
            ):
                found.append(
                    self._finding(row, explanation(why), against.get(number), evidence[number])
                )
        return found

    def _finding(
        self,
        row: dict[str, Any],
        why: list[dict[str, Any]],
        against: float | None,
        evidence: Evidence,
    ) -> Finding:
        new = self._new
        return Finding(
            alert=alert_id(new.view, new.detector.name, row),
            detector=new.detector.name,
            model_version=new.version,
            environment=row["environment"],
            source=new.source.name,
            unit=row["unit"],
            entity={name: str(row[name]) for name in entity_columns(new.view)},
            unit_start=row["unit_start"],
            event_timestamp=row["event_timestamp"],
            score=row["score"],
            threshold=row["threshold"],
            against=against,
            explanation=why,
            events=evidence.events,
            lines=evidence.lines,
        )

    def _against(self, connection: duckdb.DuckDBPyConnection, best: pa.Table) -> dict[int, float]:
        """By number of a row of `best`, how the other release scores the same unit."""
        if not self._same_units:
            return {}
        connection.register("best", best.append_column("number", pa.array(range(best.num_rows))))
        found = connection.execute(
            f"""SELECT one.number, max(other.score)
                FROM best one JOIN old_units other ON {self._alike()} GROUP BY ALL"""
        )
        return dict(found.fetchall())


def _unit(view: FeatureView) -> tuple[str | None, object]:
    """What makes a unit."""
    kind = view.WhichOneof("unit")
    return kind, None if kind is None else getattr(view, kind)


def _common_entity(new: BundleScorer, old: BundleScorer) -> tuple[str, ...]:
    """The entity columns of both releases, one at least."""
    if new.source.name != old.source.name:
        raise InputError(
            f"{new.detector.name} reads {new.source.name} and {old.detector.name} reads"
            f" {old.source.name}: hunt against a release that reads the same source"
        )
    known = entity_columns(old.view)
    common = tuple(name for name in entity_columns(new.view) if name in known)
    if not common:
        raise InputError(
            f"{new.detector.name} is about {', '.join(entity_columns(new.view))} and"
            f" {old.detector.name} about {', '.join(known)}: hunt against a release that is about"
            " the same"
        )
    return common
