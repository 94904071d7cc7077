"""Sketches as Arrow tables: a row an environment, column and facet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring.sketches import Column, Part, Sketch
from monitoring.sketches.points import Points
from monitoring.sketches.values import Values

FORMAT = "1"
"""Raised when the columns below, or what they mean, change: sketches are then made again."""

_SCHEMA = pa.schema(
    [
        ("environment", pa.string()),  # NULL: all
        ("column", pa.string()),  # NULL: the rows themselves
        ("facet", pa.string()),  # field of `Column`; empty: a column without a statistic
        ("kind", pa.string()),
        ("type", pa.string()),
        ("rows", pa.int64()),
        ("alerts", pa.int64()),
        ("rejects", pa.int64()),
        ("hours", pa.list_(pa.int64())),
        ("missing", pa.int64()),
        ("points", pa.list_(pa.float32())),
        ("counts", pa.list_(pa.int64())),  # of points, or of texts
        ("spread", pa.list_(pa.bool_())),
        ("texts", pa.list_(pa.string())),
        ("tail_rows", pa.int64()),
        ("hashes", pa.list_(pa.uint32())),
        ("hashed", pa.list_(pa.int64())),
        ("bound", pa.int64()),
        ("singles", pa.int64()),
    ]
)
_FACETS = ("numbers", "means", "values", "words")
_SCORED = b"scored"


def to_table(sketch: Sketch) -> pa.Table:
    """The sketch's rows, in an order that depends on its content alone."""
    rows = [*_part(None, sketch.whole)]
    for name in sorted(sketch.environments):
        rows += _part(name, sketch.environments[name])
    scored = {"model": sketch.model, "threshold": sketch.threshold}
    table = pa.Table.from_pylist(rows, _SCHEMA)
    return table.replace_schema_metadata({_SCORED: json.dumps(scored, sort_keys=True)})


def from_table(table: pa.Table) -> Sketch:
    """The sketch again; the inverse of `to_table`."""
    rows = _Rows(table)
    parts: dict[str | None, Part] = {}
    columns: dict[str | None, dict[str, dict[str, Any]]] = {}
    for row in range(table.num_rows):
        environment, column = rows.text("environment", row), rows.text("column", row)
        if column is None:
            found = columns[environment] = {}
            hours = tuple(rows.numbers("hours", row).tolist())
            units, alerts, rejects = (rows.number(n, row) for n in ("rows", "alerts", "rejects"))
            parts[environment] = Part(units, alerts, rejects, hours, _Columns(found))
            continue
        kept = columns[environment].setdefault(
            column,
            {name: rows.text(name, row) for name in ("kind", "type")}
            | {"rows": rows.number("rows", row)},
        )
        if facet := rows.text("facet", row):
            kept[facet] = rows.points(row) if facet in ("numbers", "means") else rows.values(row)
    scored = json.loads((table.schema.metadata or {}).get(_SCORED, b"{}"))
    whole = parts.pop(None)
    environments = {name: part for name, part in parts.items() if name is not None}
    return Sketch(whole, environments, scored.get("model"), scored.get("threshold"))


class _Columns(Mapping[str, Column]):
    """Columns by name, from their fields; a `Column` is made when it is asked for."""

    def __init__(self, fields: Mapping[str, dict[str, Any]]):
        self._fields = fields

    def __getitem__(self, name: str) -> Column:
        return Column(**self._fields[name])

    def __iter__(self):
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def _part(environment: str | None, part: Part) -> list[dict[str, Any]]:
    head = {
        "environment": environment,
        "rows": part.rows,
        "alerts": part.alerts,
        "rejects": part.rejects,
        "hours": list(part.hours),
    }
    rows = [head]
    for name, column in sorted(part.columns.items()):
        base = {
            "environment": environment,
            "column": name,
            "kind": column.kind,
            "type": column.type,
            "rows": column.rows,
        }
        facets = [(facet, getattr(column, facet)) for facet in _FACETS]
        kept = [(facet, sketch) for facet, sketch in facets if sketch is not None]
        rows += [base | {"facet": facet} | _facet(sketch) for facet, sketch in kept]
        if not kept:
            rows.append(base | {"facet": ""})
    return rows


def _facet(sketch: Points | Values) -> dict[str, Any]:
    if isinstance(sketch, Points):
        return {
            "missing": int(sketch.missing),
            "points": sketch.values,
            "counts": np.rint(sketch.counts).astype(np.int64),
            "spread": sketch.spread,
        }
    return {
        "missing": int(sketch.missing),
        "texts": list(sketch.counts),
        "counts": [int(count) for count in sketch.counts.values()],
        "tail_rows": int(sketch.tail_rows),
        "hashes": sketch.hashes,
        "hashed": sketch.hashed.astype(np.int64),
        "bound": sketch.bound,
        "singles": int(sketch.singles),
    }


class _Rows:
    """The table's columns as numpy arrays, lists by their offsets."""

    def __init__(self, table: pa.Table):
        self._columns = {name: table[name].combine_chunks() for name in table.column_names}
        self._plain: dict[str, list[Any]] = {}
        self._lists: dict[str, tuple[Any, Any]] = {}

    def text(self, name: str, row: int) -> str | None:
        return self._scalars(name)[row]

    def number(self, name: str, row: int) -> int:
        return self._scalars(name)[row] or 0

    def numbers(self, name: str, row: int):
        if name not in self._lists:
            column = self._columns[name]
            flat = column.values.to_numpy(zero_copy_only=False)
            self._lists[name] = column.offsets.to_numpy(), flat
        offsets, flat = self._lists[name]
        return flat[offsets[row] : offsets[row + 1]]

    def points(self, row: int) -> Points:
        return Points(
            self.numbers("points", row),
            self.numbers("counts", row).astype(np.float64),
            self.numbers("spread", row),
            self.number("missing", row),
        )

    def values(self, row: int) -> Values:
        texts = self.numbers("texts", row).tolist()
        counts = self.numbers("counts", row).tolist()
        return Values(
            dict(zip(texts, counts, strict=True)),
            self.number("tail_rows", row),
            self.numbers("hashes", row),
            self.numbers("hashed", row).astype(np.float64),
            self.number("bound", row),
            self.number("missing", row),
            self.number("singles", row),
        )

    def _scalars(self, name: str) -> list[Any]:
        if name not in self._plain:
            self._plain[name] = self._columns[name].to_pylist()
        return self._plain[name]
