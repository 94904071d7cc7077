"""Labels as people hand them in: a CSV of unit, optional time range, label."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from whetstone.catalog.catalog_pb2 import GoldenDataset
from whetstone.catalog.validation import instant_of
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
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Labels:
    """Labels of units, without the row for the rest.

    Attributes:
        table: columns of `SCHEMA`; a missing bound of the time range is NULL.
        rest: label and sign of the units that no row names; None: they carry no label.
    """

    table: pa.Table
    rest: tuple[str, bool] | None

    @property
    def units(self) -> list[str]:
        """The units as the rows name them, in their order."""
        return self.table["unit"].to_pylist()


@dataclass(frozen=True)
class _Row:
    unit: str
    start: datetime | None
    end: datetime | None
    label: str
    positive: bool


def read_labels(path: Path, dataset: GoldenDataset, entity: Sequence[str]) -> Labels:
    """Read a labels file, plain or gzip.

    Columns go by their names, in any order; others are ignored. The unit's column is `unit`,
    `entity`, `session`, `session_id`, `key`, `id` or one of the view's entity fields, and
    holds the whole unit (`a|b`) or the value of one entity field. `start` and `end` (ISO 8601,
    UTC unless they say otherwise) are optional. A row with unit `*` labels all other units.

    Raises:
        InputError: `file:line: column: problem`.
    """
    csv.field_size_limit(_CSV_FIELD_LIMIT)
    try:
        with _open(path) as file:
            reader = csv.DictReader(file)
            unit, label = _columns(path, reader.fieldnames or [], entity)
            rows = [_row(path, reader.line_num, row, unit, label, dataset) for row in reader]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a CSV of labels: {error}") from error
    if not rows:
        raise InputError(f"{path}:1: there are no labels below the header")
    rest = [row for row in rows if row.unit == REST]
    if len(rest) > 1:
        raise InputError(f"{path}: unit: * stands {len(rest)} times; one row can label the rest")
    named = [asdict(row) for row in rows if row.unit != REST]
    return Labels(
        pa.Table.from_pylist(named, SCHEMA), (rest[0].label, rest[0].positive) if rest else None
    )


def _open(path: Path) -> TextIO:
    with path.open("rb") as file:
        zipped = file.read(len(_GZIP)) == _GZIP
    if zipped:
        return gzip.open(path, "rt", newline="", encoding="utf-8-sig")
    return path.open(newline="", encoding="utf-8-sig")


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
) -> _Row:
    where = f"{path}:{line}"
    if not (row[unit] or "").strip():
        raise InputError(f"{where}: {unit}: is empty")
    name, positive = _class(where, (row[label] or "").strip(), dataset)
    lowered = {key.strip().lower(): value for key, value in row.items() if key}
    return _Row(
        unit=row[unit].strip(),
        start=_instant(where, "start", lowered.get("start")),
        end=_instant(where, "end", lowered.get("end")),
        label=name,
        positive=positive,
    )


def _class(where: str, text: str, dataset: GoldenDataset) -> tuple[str, bool]:
    for known in dataset.classes:
        if text.lower() in (known.name.lower(), *(alias.lower() for alias in known.aliases)):
            return known.name, known.positive
    names = ", ".join(n for c in dataset.classes for n in (c.name, *c.aliases))
    raise InputError(f"{where}: label: {text!r} is no class of {dataset.name}; it has: {names}")


def _instant(where: str, column: str, text: str | None) -> datetime | None:
    if not text or not text.strip():
        return None
    instant = instant_of(text.strip())
    if instant is None:
        raise InputError(f"{where}: {column}: {text!r} is not ISO 8601 time")
    return instant
