"""Run a source's definition over raw files: one pass, events and rejects apart."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import Source
from whetstone.errors import InputError
from whetstone.parsing.compile import SKIPPED, parse_sql
from whetstone.parsing.lines import SCHEMA, read_lines

_KEPT_OF_A_REJECT = 2000
_RAW_SCHEMA = pa.schema([*SCHEMA, ("environment", pa.string()), ("raw_file", pa.string())])


@dataclass(frozen=True)
class RawFile:
    """A raw file, the environment it is from, and the name that events remember it by."""

    path: Path
    environment: str
    name: str


@dataclass(frozen=True)
class Parsed:
    """What became of the lines: `lines` = `events` + `skipped` + the sum of `rejects`.

    Empty lines are not counted. `rejects` maps a reason to its count.
    """

    lines: int
    events: int
    skipped: int
    rejects: dict[str, int]


def parse_files(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    files: Sequence[RawFile],
    day: str,
    max_line_bytes: int,
) -> Parsed:
    """Parse raw files into the temporary tables `events` and `rejects`.

    Raises:
        InputError: a file cannot be read at all; bad lines are rejects, not errors.
    """
    unreadable: list[InputError] = []
    batches = _raw_lines(files, max_line_bytes, unreadable)
    connection.register("raw_lines", pa.RecordBatchReader.from_batches(_RAW_SCHEMA, batches))
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE parsed AS {parse_sql(source, 'raw_lines', day)}"
        )
    except duckdb.Error:
        if unreadable:  # DuckDB passes on what stopped the batches as text only
            raise unreadable[0] from None
        raise
    finally:
        connection.unregister("raw_lines")
    counts = dict(
        connection.execute(
            "SELECT coalesce(_reject_reason, ''), count(*) FROM parsed GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE rejects AS
            SELECT environment, raw_file, raw_line, _reject_reason AS reason,
                   left(_reject_line, {_KEPT_OF_A_REJECT}) AS raw
            FROM parsed WHERE _reject_reason <> '{SKIPPED}'"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE events AS
            SELECT * EXCLUDE (_reject_reason, _reject_line) FROM parsed
            WHERE _reject_reason IS NULL"""
    )
    connection.execute("DROP TABLE parsed")
    total = sum(counts.values())
    events, skipped = counts.pop("", 0), counts.pop(SKIPPED, 0)
    return Parsed(total, events, skipped, counts)


def _raw_lines(
    files: Sequence[RawFile], max_line_bytes: int, unreadable: list[InputError]
) -> Iterator[pa.RecordBatch]:
    try:
        for file in files:
            for batch in read_lines(file.path, max_line_bytes):
                columns = [
                    *batch.columns,
                    pa.repeat(file.environment, batch.num_rows),
                    pa.repeat(file.name, batch.num_rows),
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=_RAW_SCHEMA)
    except InputError as error:
        unreadable.append(error)
        raise
