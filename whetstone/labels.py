"""Labels as people hand them in: a CSV of unit, optional time range, label."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from whetstone.catalog.catalog_pb2 import GoldenDataset
from whetstone.errors import InputError

REST = "*"
SCHEMA = pa.schema(
    [
        ("unit", pa.string()),
        ("start", pa.timestamp("us")),
        ("end", pa.timestamp("us")),
        ("label", pa.string()),
        ("positive", pa.bool_()),
    ]
)
_UNIT_COLUMNS = ("unit", "entity", "session", "session_id", "key", "id")
_CSV_FIELD_LIMIT = 16 << 20


@dataclass(frozen=True)
class Labels:
    """Labels of units, without the row for the rest.

    Attributes:
        table: columns of `SCHEMA`; a missing bound of the time range is NULL.
        rest: label and sign of the units that no row names; None: they carry no label.
    """

    table: pa.Table
    rest: tuple[str, bool] | None


def read_labels(path: Path, dataset: GoldenDataset, entity: Sequence[str]) -> Labels:
    """Read a labels file.

    Columns go by their names, in any order; others are ignored. The unit's column is `unit`,
    `entity`, `session`, `session_id`, `key`, `id` or one of the view's entity fields, and
    holds the whole unit (`a|b`) or the value of one entity field. `start` and `end` (ISO 8601,
    UTC unless they say otherwise) are optional. A row with unit `*` labels all other units.

    Raises:
        InputError: `file:line: column: problem`.
    """
    csv.field_size_limit(_CSV_FIELD_LIMIT)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            unit, label = _columns(path, reader.fieldnames or [], entity)
            rows = [_row(path, reader.line_num, row, unit, label, dataset) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a CSV of labels: {error}") from error
    if not rows:
        raise InputError(f"{path}:1: there are no labels below the header")
    rest = [(row["label"], row["positive"]) for row in rows if row["unit"] == REST]
    if len(rest) > 1:
        raise InputError(f"{path}: unit: * stands {len(rest)} times; one row can label the rest")
    named = [row for row in rows if row["unit"] != REST]
    return Labels(pa.Table.from_pylist(named, SCHEMA), rest[0] if rest else None)  # pyright: ignore


def _columns(path: Path, header: Sequence[str], entity: Sequence[str]) -> tuple[str, str]:
    by_name = {name.strip().lower(): name for name in header}
    units = [by_name[n.lower()] for n in (*_UNIT_COLUMNS, *entity) if n.lower() in by_name]
    if not units:
        wanted = ", ".join((*_UNIT_COLUMNS, *entity))
        raise InputError(f"{path}:1: no column names the unit; write one of: {wanted}")
    if "label" not in by_name:
        raise InputError(f"{path}:1: no column `label`; the header has: {', '.join(header)}")
    return units[0], by_name["label"]


def _row(
    path: Path, line: int, row: dict[str, str], unit: str, label: str, dataset: GoldenDataset
) -> dict[str, object]:
    where = f"{path}:{line}"
    if not (row[unit] or "").strip():
        raise InputError(f"{where}: {unit}: is empty")
    name, positive = _class(where, (row[label] or "").strip(), dataset)
    lowered = {key.lower(): value for key, value in row.items() if key}
    return {
        "unit": row[unit].strip(),
        "start": _instant(where, "start", lowered.get("start")),
        "end": _instant(where, "end", lowered.get("end")),
        "label": name,
        "positive": positive,
    }


def _class(where: str, text: str, dataset: GoldenDataset) -> tuple[str, bool]:
    for known in dataset.classes:
        if text.lower() in (known.name.lower(), *(alias.lower() for alias in known.aliases)):
            return known.name, known.positive
    names = ", ".join(n for c in dataset.classes for n in (c.name, *c.aliases))
    raise InputError(f"{where}: label: {text!r} is no class of {dataset.name}; it has: {names}")


def _instant(where: str, column: str, text: str | None) -> datetime | None:
    if not text or not text.strip():
        return None
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"{where}: {column}: {text!r} is not ISO 8601 time") from error
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
