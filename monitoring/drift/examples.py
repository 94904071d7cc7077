"""The raw lines of a day that show what moved.

A cause says which rows it is about (`Where`); their first events are looked up among the parsed
ones, and the line that each was parsed from in the landing area. Lines of environments whose events
are pseudonymised are never quoted: there the event's fields stand for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from monitoring.drift.causes import Where
from monitoring.plain import plain
from monitoring.sketches import NOWHERE
from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.catalog.units import entity_columns
from whetstone.catalog.validation import MESSAGE_KEY
from whetstone.engine import open_engine
from whetstone.errors import InputError, NotReadyError
from whetstone.lake import Lake, Place
from whetstone.parsing.lines import read_lines
from whetstone.parsing.templates_masks import MASKING
from whetstone.sql import identifier, literal

MOST = 5
"""Examples of one cause."""
FARTHEST_LINE = 200_000
"""Lines further down in a file are not read again for an example."""
_LONGEST = 1 << 16
_UNTOLD = ("raw_hash", "key_id", MESSAGE_KEY, "environment", "raw_file", "raw_line", "event_time")


@dataclass(frozen=True)
class Example:
    """A line that shows what moved: where it lies below the landing area, and its text."""

    environment: str
    place: str
    text: str


@dataclass(frozen=True)
class DayRows:
    """The rows behind a day's sketches.

    Attributes:
        lake: where scores and events are.
        landing: where raw lines are.
        source: of the events.
        view: of the detector's units.
        detector: the detector's name.
        day: YYYY-MM-DD.
        quotable: environments whose raw lines may be quoted.
        template_of: the template of a mask; a mask without one stands for itself.
    """

    lake: Lake
    landing: Path
    source: Source
    view: FeatureView
    detector: str
    day: str
    quotable: frozenset[str]
    template_of: Callable[[str], str]

    def showing(self, where: Where | None) -> list[Example]:
        """At most `MOST` examples; none where the rows have expired."""
        if where is None:
            return []
        try:
            events = self.lake.part(Place("parsed", self.source.name, self.day))
            with open_engine(self.lake.root) as connection:
                relation = f"read_parquet({literal(str(events))}, hive_partitioning = false)"
                found = (
                    self._of_units(connection, relation, where)
                    if where.mask is None
                    else self._of_template(connection, relation, where.mask)
                )
                names = [each[0] for each in found.description]
                rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        except (NotReadyError, FileNotFoundError, duckdb.Error):
            # Rows of an older definition may lack a column: a report does without examples.
            return []
        return [self._example(row) for row in rows]

    def _of_units(
        self, connection: duckdb.DuckDBPyConnection, events: str, where: Where
    ) -> duckdb.DuckDBPyConnection:
        scores = self.lake.part(Place("scores", self.detector, self.day))
        same = "".join(
            f" AND unit.{name} = event.{name}"
            for name in map(identifier, entity_columns(self.view))
        )
        within = (
            "event.event_time = unit.unit_start"
            if self.view.WhichOneof("unit") == "event"
            else "event.event_time >= unit.unit_start AND event.event_time <= unit.event_timestamp"
        )
        condition, values = _condition(where)
        return connection.execute(
            f"""WITH units AS (
                    SELECT * FROM read_parquet({literal(str(scores))}, hive_partitioning = false)
                    WHERE NOT is_alert AND {condition}
                    ORDER BY score DESC, environment, unit, unit_start LIMIT {MOST})
                SELECT event.* FROM units unit JOIN {events} event
                  ON unit.environment = event.environment{same} AND {within}
                QUALIFY row_number() OVER (
                    PARTITION BY unit.environment, unit.unit, unit.unit_start
                    ORDER BY event.event_time, event.raw_line) = 1
                ORDER BY unit.score DESC, event.event_time, event.raw_line""",
            values,
        )

    def _of_template(
        self, connection: duckdb.DuckDBPyConnection, events: str, template: str
    ) -> duckdb.DuckDBPyConnection:
        message = identifier(self.source.message)
        columns = connection.sql(f"FROM {events} LIMIT 0").columns
        key = MESSAGE_KEY if MESSAGE_KEY in columns else MASKING.key_sql(message)
        keys = connection.execute(
            f"""SELECT key, {MASKING.mask_sql("key")} AS mask
                FROM (SELECT DISTINCT {key} AS key FROM {events}) WHERE key IS NOT NULL"""
        ).fetchall()
        wanted = [key for key, mask in keys if template in (mask, self.template_of(mask))]
        return connection.execute(
            f"""SELECT * FROM {events} WHERE list_contains($1::VARCHAR[], {key})
                ORDER BY event_time, raw_file, raw_line LIMIT {MOST}""",
            [wanted],
        )

    def _example(self, event: dict[str, Any]) -> Example:
        environment, place = event["environment"], f"{event['raw_file']}:{event['raw_line']}"
        text = None
        if environment in self.quotable:
            text = raw_line(self.landing / event["raw_file"], event["raw_line"])
        return Example(environment or NOWHERE, place, plain(text or _fields(event)))


def raw_line(path: Path, number: int) -> str | None:
    """A line of a raw file, from 1; None where the file is no more or the line too far down."""
    if number > FARTHEST_LINE:
        return None
    try:
        for batch in read_lines(path, _LONGEST):
            first = batch["raw_line"][0].as_py() if batch.num_rows else number + 1
            if first <= number < first + batch.num_rows:
                return batch["line"][number - first].as_py()
    except (InputError, OSError):
        return None
    return None


def _condition(where: Where) -> tuple[str, Sequence[object]]:
    """SQL of the rows that are meant, and the values of its parameters."""
    parts, values = ["true"], list[object]()
    if where.environment is not None:
        values.append(where.environment)
        parts.append(f"coalesce(environment, {literal(NOWHERE)}) = ${len(values)}")
    if where.feature is None:
        return " AND ".join(parts), values
    column = identifier(where.feature)
    if where.values:
        values.append(list(where.values))
        parts.append(f"list_contains(${len(values)}::VARCHAR[], {column}::VARCHAR)")
    elif where.low is not None and math.isnan(where.low):
        parts.append(f"({column} IS NULL OR isnan({column}::DOUBLE))")
    else:
        for bound, comparison in ((where.low, ">"), (where.high, "<=")):
            if bound is not None and math.isfinite(bound):
                values.append(bound)
                parts.append(f"{column}::FLOAT {comparison} ${len(values)}::FLOAT")
    return " AND ".join(parts), values


def _fields(event: dict[str, Any]) -> str:
    """An event in words, without what tells nothing about it."""
    told = {name: value for name, value in event.items() if name not in _UNTOLD}
    return ", ".join(f"{name}={value}" for name, value in told.items() if value is not None)
