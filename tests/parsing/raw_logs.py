"""Sources and raw files to parse."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whetstone.catalog import load_catalog
from whetstone.catalog.catalog_pb2 import Source
from whetstone.engine import open_engine
from whetstone.parsing import Parsed, RawFile, parse_files

CATALOG = load_catalog(Path(__file__).resolve().parents[2] / "catalog")
MAX_LINE_BYTES = 1 << 20


def parse(
    source: Source,
    files: Sequence[Path],
    select: str = "SELECT * FROM events ORDER BY raw_file, raw_line",
    day: str = "2026-03-01",
    max_line_bytes: int = MAX_LINE_BYTES,
) -> tuple[Parsed, list[tuple[Any, ...]]]:
    """What parsing files gives: the counts, and rows of a query over `events` and `rejects`."""
    raw = [RawFile(file, "oslo", file.name) for file in files]
    with open_engine() as connection:
        parsed = parse_files(connection, source, raw, day, max_line_bytes)
        return parsed, connection.execute(select).fetchall()


def parse_text(
    source: Source, directory: Path, content: bytes, select: str, day: str = "2026-03-01"
) -> tuple[Parsed, list[tuple[Any, ...]]]:
    """The same of one file with that content."""
    file = directory / "raw.log"
    file.write_bytes(content)
    return parse(source, [file], select, day)


def parse_columns(
    name: str, path: Path, columns: Sequence[str], time_zone: str = "UTC"
) -> tuple[Parsed, list[tuple[Any, ...]]]:
    """Counts and the columns of all events of one file, of a source by its name."""
    file = RawFile(path, "oslo", path.name, time_zone)
    with open_engine() as connection:
        counts = parse_files(
            connection, CATALOG.sources[name], [file], "2026-03-01", MAX_LINE_BYTES
        )
        select = f"SELECT {', '.join(columns)} FROM events ORDER BY raw_line"
        return counts, connection.execute(select).fetchall()
