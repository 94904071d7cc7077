"""Try definitions on raw files, without touching the lake."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from whetstone.catalog.catalog_pb2 import Source
from whetstone.engine import open_engine
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
        first, reasons = first_events(connection, records), reasons_of(connection)
    return SourceTrial(parsed, first, reasons, seconds)


def first_events(connection: duckdb.DuckDBPyConnection, count: int) -> list[dict[str, Any]]:
    """The first of the events that were parsed, by their columns."""
    found = connection.execute(
        "SELECT * EXCLUDE (environment, raw_file, raw_hash, key_id) FROM events"
        " ORDER BY raw_line LIMIT $1",
        [count],
    )
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def reasons_of(connection: duckdb.DuckDBPyConnection) -> list[RejectReason]:
    """Why lines were rejected, the most frequent reason first."""
    rows = connection.execute(
        f"""SELECT reason, count(*), min(raw_line),
                   left(arg_min(raw, raw_line), {_SHOWN_OF_A_REJECT})
            FROM rejects GROUP BY reason ORDER BY count(*) DESC, reason"""
    ).fetchall()
    return [RejectReason(*row) for row in rows]
