"""What sources of text make of files, by name of column."""

from pathlib import Path
from typing import Any

from raw_logs import CATALOG, MAX_LINE_BYTES

from whetstone.engine import open_engine
from whetstone.parsing import Parsed, RawFile, parse_files

Values = dict[str, Any]


def read(
    source: str, file: Path, day: str = "2026-03-01", zone: str = "UTC"
) -> tuple[Parsed, list[Values]]:
    """What a raw file gives: the counts, and the events in the order of their lines."""
    with open_engine() as connection:
        raw = [RawFile(file, "oslo", file.name, zone)]
        parsed = parse_files(connection, CATALOG.sources[source], raw, day, MAX_LINE_BYTES)
        rejects = connection.execute("SELECT raw_line, reason, raw FROM rejects").fetchall()
        assert len(rejects) == sum(parsed.rejects.values())
        found = connection.execute("SELECT * FROM events ORDER BY raw_line")
        names = [column[0] for column in found.description or ()]
        return parsed, [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def read_text(
    source: str, tmp_path: Path, text: str, day: str = "2026-03-01", zone: str = "UTC"
) -> list[Values]:
    """The events of a file with that content, which has neither rejects nor lines of others."""
    file = tmp_path / "raw.log"
    file.write_text(text)
    parsed, events = read(source, file, day, zone)
    assert (parsed.skipped, parsed.rejects) == (0, {})
    return events
