"""The samples of sources: raw records that must parse as what their source says they are."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from whetstone.catalog.catalog_pb2 import Source
from whetstone.catalog.textproto import Located
from whetstone.checking.findings import Hint, hint_at
from whetstone.errors import CatalogError
from whetstone.parsing import RawFile, parse_files
from whetstone.settings import settings


def bad_samples(
    connection: duckdb.DuckDBPyConnection, sources: Mapping[str, Located[Source]]
) -> Iterator[CatalogError]:
    """An error for each sample that gives no event."""
    for source in sources.values():
        problems = problems_of_samples(connection, source.message)
        for number, problem in sorted(problems.items()):
            text = f"does not parse: {problem}; correct the sample or the definition"
            yield source.error(f"samples[{number}]", text)


def missing_samples(source: Located[Source]) -> Iterator[Hint]:
    """A hint for a source that nothing tries."""
    if not source.message.samples:
        text = "no samples: add a raw record or two, so that a change that breaks parsing is found"
        yield hint_at(source, "samples", "sample", text)


def problems_of_samples(connection: duckdb.DuckDBPyConnection, source: Source) -> dict[int, str]:
    """Why samples give no event, by their number."""
    if not source.samples:
        return {}
    with TemporaryDirectory(prefix="whetstone-samples-") as name:
        parse_samples(connection, source, Path(name))
    rejected = dict(
        connection.execute(
            "SELECT raw_file::INTEGER, min(reason) FROM rejects GROUP BY ALL"
        ).fetchall()
    )
    parsed = {
        number
        for (number,) in connection.execute(
            "SELECT DISTINCT raw_file::INTEGER FROM events"
        ).fetchall()
    }
    skipped = set(range(len(source.samples))) - parsed - rejected.keys()
    return rejected | dict.fromkeys(skipped, "`accept` is not true for it")


def parse_samples(connection: duckdb.DuckDBPyConnection, source: Source, directory: Path) -> None:
    """Parse the samples, each as a file of its own, into the tables `events` and `rejects`."""
    files: list[RawFile] = []
    for number, sample in enumerate(source.samples):
        path = directory / str(number)
        path.write_text(sample, encoding="utf-8", newline="")
        files.append(RawFile(path, "samples", str(number)))
    today = datetime.now(UTC).date().isoformat()
    parse_files(connection, source, files, today, settings().max_line_bytes)
