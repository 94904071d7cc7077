"""What a day's rows looked like, in a few kilobytes: a sketch by environment and column.

Drift is computed from sketches alone, so that a year of days costs what its sketches cost, and days
whose rows have expired still count. A sketch is made of the rows of one partition (`sketch_scores`,
`sketch_events`); those of many days are merged by whoever compares them. Equal rows, in whatever
order, give an equal sketch.

Columns are sketched over the rows that are no alerts, because what a detector is trained on has
none either: an attack alone is no drift. Only `score` is sketched over all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.sketches.encoding import Encoded, encode, floats
from monitoring.sketches.points import Points
from monitoring.sketches.values import Values, values_of

NOWHERE = "(none)"
"""The environment of rows that have none."""
TEMPLATE = "template"
"""The column of a sketch of events: the masks of their messages, by which templates are found."""
SCORE = "score"


@dataclass(frozen=True)
class Budget:
    """How finely a sketch is kept.

    Attributes:
        resolution: of points: their rank error is below 1 / resolution.
        values: texts that are counted by name.
        sampled: of the other texts, how many hashes are kept.
    """

    resolution: int
    values: int
    sampled: int


WHOLE = Budget(256, 128, 512)
"""Of all environments of a day together."""
PART = Budget(64, 32, 64)
"""Of one environment's day."""
REFERENCE = Budget(1024, 1024, 16384)
"""Of what is compared with again and again."""
REFERENCE_PART = Budget(256, 128, 1024)


@dataclass(frozen=True)
class Column:
    """One column: its `kind` ('numbers', 'text', 'lists', or '' and the `type` that is neither).

    Attributes:
        numbers: the numbers; of texts and lists their lengths.
        means: of lists of decimal numbers, the mean of each.
        values: the texts; of lists their entries.
        words: of texts that are no small set of categories, their words.
    """

    kind: str
    type: str
    rows: int
    numbers: Points | None = None
    means: Points | None = None
    values: Values | None = None
    words: Values | None = None


@dataclass(frozen=True)
class Part:
    """The rows of one environment, or of all.

    Attributes:
        rows: units, or events.
        alerts: of those, how many are alerts.
        rejects: lines that could not be parsed.
        hours: rows that are no alerts by hour of the day; empty where the hour is not known.
        columns: by name.
    """

    rows: int
    alerts: int = 0
    rejects: int = 0
    hours: tuple[int, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict[str, Column])

    @property
    def quiet(self) -> int:
        """Rows that are no alerts."""
        return self.rows - self.alerts


@dataclass(frozen=True)
class Sketch:
    """A partition's rows, as a whole and by environment.

    `model` and `threshold` are those that most of the rows were scored with; None: not scored.
    """

    whole: Part
    environments: Mapping[str, Part] = field(default_factory=dict[str, Part])
    model: str | None = None
    threshold: float | None = None


def sketch_scores(
    table: pa.Table,
    columns: Sequence[str],
    threshold: float | None = None,
    whole: Budget = WHOLE,
    part: Budget = PART,
) -> Sketch:
    """Sketch scored units.

    Args:
        table: `environment`, the columns, `score`, `is_alert`, `threshold`, `model_version`,
            `unit_start`; what is missing is left out of the sketch.
        columns: what to sketch, by name, beside the score.
        threshold: from which score on a row counts as an alert, of a table that does not say.
        whole: how finely all environments together are kept.
        part: how finely each environment is kept.
    """
    limit = _frequent(table, "threshold")
    threshold = float(limit) if limit is not None else threshold
    model = _frequent(table, "model_version")
    alerts = _alerts(table, threshold)
    hours = _hours(table)
    names = dict.fromkeys((*columns, SCORE))
    encoded = {name: encode(table[name]) for name in names if name in table.column_names}

    def rows_of(rows: npt.NDArray[np.int64], budget: Budget) -> Part:
        quiet = rows[~alerts[rows]]
        return Part(
            rows.size,
            rows.size - quiet.size,
            hours=() if hours is None else _counted(hours[quiet]),
            columns={
                name: _column(each, rows if name == SCORE else quiet, budget)
                for name, each in encoded.items()
            },
        )

    everything = np.arange(table.num_rows)
    parts = {name: rows_of(rows, part) for name, rows in _by_environment(table).items()}
    named = None if model is None else str(model)
    return Sketch(rows_of(everything, whole), parts, named, threshold)


def sketch_events(
    templates: Mapping[str, Mapping[str, int]],
    hours: Mapping[str, Sequence[int]],
    rejects: Mapping[str, int],
) -> Sketch:
    """Sketch events, by environment.

    Args:
        templates: how many messages have each mask (`whetstone.parsing.templates_masks`); an
            environment without messages has an empty mapping.
        hours: events by hour of the day, 24 numbers.
        rejects: lines that could not be parsed.
    """
    names = sorted({*templates, *hours, *rejects})
    parts = {
        name: _events(
            templates.get(name, {}), tuple(hours.get(name, ())), rejects.get(name, 0), PART
        )
        for name in names
    }
    together: dict[str, int] = {}
    for counts in templates.values():
        for mask, rows in counts.items():
            together[mask] = together.get(mask, 0) + rows
    by_hour = tuple(
        sum(each) for each in zip(*(hours[name] for name in sorted(hours)), strict=True)
    )
    whole = Budget(WHOLE.resolution, 4 * WHOLE.values, WHOLE.sampled)
    return Sketch(_events(together, by_hour, sum(rejects.values()), whole), parts)


def _events(
    templates: Mapping[str, int], hours: tuple[int, ...], rejects: int, budget: Budget
) -> Part:
    messages = sum(templates.values())
    masks = values_of(templates, budget.values, budget.sampled)
    column = Column("text", "string", messages, values=masks)
    return Part(
        sum(hours) if hours else messages,
        rejects=rejects,
        hours=hours,
        columns={TEMPLATE: column} if messages else {},
    )


def _column(encoded: Encoded, rows: npt.NDArray[np.int64], budget: Budget) -> Column:
    return Column(
        encoded.kind,
        encoded.type,
        rows.size,
        encoded.numbers(rows, budget.resolution),
        encoded.means(rows, budget.resolution),
        encoded.values(rows, budget.values, budget.sampled),
        encoded.words(rows, budget.values, budget.sampled),
    )


def _alerts(table: pa.Table, threshold: float | None) -> npt.NDArray[np.bool_]:
    if "is_alert" in table.column_names:
        return floats(table["is_alert"]) == 1
    if threshold is None or SCORE not in table.column_names:
        return np.zeros(table.num_rows, bool)
    return floats(table[SCORE]) >= threshold


def _hours(table: pa.Table) -> npt.NDArray[np.int64] | None:
    for name in ("unit_start", "event_timestamp"):
        if name in table.column_names and pa.types.is_timestamp(table[name].type):
            moments = table[name].cast(pa.timestamp("s"), safe=False).cast(pa.int64())
            return moments.fill_null(0).to_numpy() // 3600 % 24
    return None


def _counted(hours: npt.NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(np.bincount(hours, minlength=24).tolist())


def _frequent(table: pa.Table, name: str) -> Any:
    """The most frequent value of a column, of equally frequent ones the greatest."""
    if name not in table.column_names or not table.num_rows:
        return None
    counted = table[name].drop_null().value_counts().to_pylist()
    return max(((each["counts"], each["values"]) for each in counted), default=(0, None))[1]


def _by_environment(table: pa.Table) -> dict[str, npt.NDArray[np.int64]]:
    if "environment" not in table.column_names or not table.num_rows:
        return {}
    column = table["environment"].cast(pa.string()).fill_null(NOWHERE).combine_chunks()
    encoded = column.dictionary_encode()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
    names = encoded.dictionary.to_pylist()
    return {
        names[k]: order[starts[k] : starts[k + 1]]
        for k in sorted(range(len(names)), key=names.__getitem__)
    }


@dataclass(frozen=True)
class Day:
    """A day of a detector: its scored units and, where there are any, the events of its source."""

    day: str
    scores: Sketch
    events: Sketch | None = None
