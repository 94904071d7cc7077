"""Try definitions and labels on raw files, without touching the lake."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import GoldenDataset, Source
from whetstone.catalog.validation import entity_columns
from whetstone.engine import only_row, open_engine
from whetstone.errors import InputError
from whetstone.features import features_sql
from whetstone.golden import label_units
from whetstone.labels import read_labels
from whetstone.parsing import Parsed, RawFile, parse_files
from whetstone.settings import settings

_SHOWN_OF_A_REJECT = 200


@dataclass(frozen=True)
class RejectReason:
    """A reason for rejects: how many lines, and the first of them."""

    reason: str
    lines: int
    first_line: int
    example: str


@dataclass(frozen=True)
class SourceTrial:
    """What a source made of a raw file; `records` are the first events."""

    parsed: Parsed
    records: list[dict[str, Any]]
    rejects: list[RejectReason]
    seconds: float

    @property
    def lines_per_second(self) -> int:
        """Lines a second, with everything from opening the file to the tables."""
        return round(self.parsed.lines / self.seconds)


@dataclass(frozen=True)
class LabelTrial:
    """What labels make of a raw file: units, those that get a label, labels that name none."""

    parsed: Parsed
    units: int
    examples: int
    unmatched: int


def try_source(
    source: Source,
    file: Path,
    day: str,
    records: int,
    progress: Callable[[int], None] | None = None,
) -> SourceTrial:
    """Parse a raw file and keep its first records.

    `progress` is told the number of lines that have been parsed, now and then.

    Raises:
        InputError: the file cannot be read.
    """
    began = time.perf_counter()
    with open_engine() as connection:
        parsed = parse_files(
            connection,
            source,
            [RawFile(file, "trial", file.name)],
            day,
            settings().max_line_bytes,
            progress=progress,
        )
        seconds = time.perf_counter() - began
        first = connection.execute(
            "SELECT * EXCLUDE (environment, raw_file, raw_hash, key_id) FROM events"
            " ORDER BY raw_line LIMIT $1",
            [records],
        )
        names = [column[0] for column in first.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in first.fetchall()]
        rejects = connection.execute(
            f"""SELECT reason, count(*), min(raw_line),
                       left(arg_min(raw, raw_line), {_SHOWN_OF_A_REJECT})
                FROM rejects GROUP BY reason ORDER BY count(*) DESC, reason"""
        ).fetchall()
    return SourceTrial(parsed, rows, [RejectReason(*row) for row in rejects], seconds)


def try_labels(
    catalog: Catalog, dataset: GoldenDataset, file: Path, labels: Path, day: str
) -> LabelTrial:
    """See whether labels and raw logs fit together.

    Raises:
        InputError: a file cannot be read, or no label names a unit of the raw logs.
    """
    view = catalog.view_of(dataset)
    given = read_labels(labels, dataset, entity_columns(view))
    with open_engine() as connection:
        parsed = parse_files(
            connection,
            catalog.source_of(dataset),
            [RawFile(file, "trial", file.name)],
            day,
            settings().max_line_bytes,
        )
        connection.execute(f"CREATE TEMP TABLE units AS {features_sql(view, 'events', ())}")
        unmatched = label_units(connection, view, given)
        units, examples = only_row(
            connection, "SELECT (SELECT count(*) FROM units), (SELECT count(*) FROM labelled)"
        )
    if not examples:
        raise InputError(
            f"{labels}: no label fits {file}: it has {units} units"
            f" ({', '.join(entity_columns(view))}) from {parsed.lines} lines; check the unit column"
            " and the time ranges (UTC)"
        )
    return LabelTrial(parsed, units, examples, unmatched)
