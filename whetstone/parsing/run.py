"""Run a source's definition over raw files: one pass, in bounded memory, events and rejects apart.

Raw lines are taken a chunk at a time. While DuckDB parses one, the next is read, and the last is
treated, hashed and written, each on a thread of its own.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.catalog.catalog_pb2 import Source
from whetstone.lake import Content, Staged
from whetstone.parsing.compile import SKIPPED, parse_sql
from whetstone.parsing.records import RECORD_SCHEMA, read_records
from whetstone.parsing.templates import with_message_keys
from whetstone.sql import literal

_KEPT_OF_A_REJECT = 2000
# Of raw lines; several times as much is in memory. Smaller ones leave cores without work.
_CHUNK_BYTES = 64 << 20
RAW_SCHEMA = pa.schema(
    [
        *RECORD_SCHEMA,
        *((n, pa.string()) for n in ("environment", "raw_file", "time_zone")),
    ]
)
EVENTS = """SELECT * EXCLUDE (_reject_reason, _reject_line) FROM parsed
             WHERE _reject_reason IS NULL"""
REJECTS = f"""SELECT environment, raw_file, raw_line, _reject_reason AS reason,
                      left(_reject_line, {_KEPT_OF_A_REJECT}) AS raw
               FROM parsed WHERE _reject_reason <> {literal(SKIPPED)}"""


@dataclass(frozen=True)
class RawFile:
    """A raw file, the environment it is from, and the name that events remember it by.

    `time_zone` is that of clocks which say none.
    """

    path: Path
    environment: str
    name: str
    time_zone: str = "UTC"


class Protection(Protocol):
    """What is done to personal data before rows are stored anywhere."""

    @property
    def environments(self) -> frozenset[str]:
        """The environments that have a policy; rows of all others pass untouched."""
        ...

    def protect(self, table: pa.Table, source: Source) -> pa.Table:
        """Rows as `parse_sql` gives them, rejects among them, with personal data treated."""
        ...


@dataclass(frozen=True)
class Parsed:
    """What became of the lines: `lines` = `events` + `skipped` + the sum of `rejects`.

    Empty lines are not counted. `rejects` maps a reason to its count.
    """

    lines: int
    events: int
    skipped: int
    rejects: dict[str, int]


@dataclass(frozen=True)
class ParsedDay:
    """A day's events and rejects as they were staged; `newest` is the last event's time."""

    parsed: Parsed
    events: Content
    rejects: Content
    newest: datetime | None


def parse_files(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    files: Sequence[RawFile],
    day: str,
    max_line_bytes: int,
    protection: Protection | None = None,
    progress: Callable[[int], None] | None = None,
) -> Parsed:
    """Parse raw files into the temporary tables `events` and `rejects`, which are held whole.

    `progress` is told the number of lines that have been parsed, now and then.

    Raises:
        InputError: a file cannot be read at all; bad lines are rejects, not errors.
    """
    protection = needed(protection, files)
    counts: Counter[str] = Counter()
    made = False
    for parsed in _parsed_chunks(connection, source, files, day, max_line_bytes):
        chunk = _apart(connection, parsed, source, protection)
        counts.update(chunk.counts)
        if progress:
            progress(counts.total())
        for table, rows in (("events", chunk.events), ("rejects", chunk.rejects)):
            connection.register("chunk", rows)
            start = "INSERT INTO {}" if made else "CREATE OR REPLACE TEMP TABLE {} AS"
            connection.execute(f"{start.format(table)} FROM chunk")
            connection.unregister("chunk")
        made = True
    return parsed_counts(counts)


def parse_into(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    files: Sequence[RawFile],
    day: str,
    max_line_bytes: int,
    events: Staged,
    rejects: Staged,
    protection: Protection | None = None,
) -> ParsedDay:
    """Parse raw files of any size into staged partitions of events and of rejects.

    Raises:
        InputError: a file cannot be read at all; bad lines are rejects, not errors.
    """
    protection = needed(protection, files)
    counts: Counter[str] = Counter()
    newest: datetime | None = None

    def store(parsed: pa.Table) -> None:
        nonlocal newest
        chunk = _apart(beside, parsed, source, protection)
        counts.update(chunk.counts)
        good.append(chunk.events)
        bad.append(chunk.rejects)
        last = pc.call_function("max", [chunk.events["event_time"]]).as_py()
        newest = max((time for time in (newest, last) if time), default=None)

    with (
        connection.cursor() as beside,
        events.writer(beside) as good,
        rejects.writer(beside) as bad,
        ThreadPoolExecutor(1) as thread,
    ):
        storing = None
        for parsed in _parsed_chunks(connection, source, files, day, max_line_bytes):
            if storing:
                storing.result()
            storing = thread.submit(store, parsed)
        if storing:
            storing.result()
    return ParsedDay(parsed_counts(counts), good.content, bad.content, newest)


def parsed_counts(counts: Mapping[str, int]) -> Parsed:
    """The counts of lines by reject reason, that of events by ''."""
    rejects = {reason: n for reason, n in sorted(counts.items()) if reason not in ("", SKIPPED)}
    return Parsed(sum(counts.values()), counts.get("", 0), counts.get(SKIPPED, 0), rejects)


@dataclass(frozen=True)
class _Chunk:
    """A chunk of parsed rows; `counts` are theirs by reject reason, that of events by ''."""

    events: pa.Table
    rejects: pa.Table
    counts: Mapping[str, int]


def _parsed_chunks(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    files: Sequence[RawFile],
    day: str,
    max_line_bytes: int,
) -> Iterator[pa.Table]:
    """Rows as `parse_sql` gives them; at least one table, which may be empty."""
    for chunk in _ahead(_raw_chunks(source, files, max_line_bytes)):
        connection.register("raw_lines", chunk)
        yield connection.sql(parse_sql(source, "raw_lines", day)).to_arrow_table()
        connection.unregister("raw_lines")


def _apart(
    connection: duckdb.DuckDBPyConnection,
    parsed: pa.Table,
    source: Source,
    protection: Protection | None,
) -> _Chunk:
    """Events and rejects of parsed rows, treated and complete."""
    if protection:
        parsed = protected(parsed, source, protection)
    parsed = with_message_keys(parsed, source)
    connection.register("parsed", parsed)
    counts = dict(
        connection.execute(
            "SELECT coalesce(_reject_reason, ''), count(*) FROM parsed GROUP BY ALL"
        ).fetchall()
    )
    chunk = _Chunk(
        # Most often there is nothing to leave out, and copying text is dear.
        parsed.drop_columns(["_reject_reason", "_reject_line"])
        if counts.keys() <= {""}
        else connection.sql(EVENTS).to_arrow_table(),
        connection.sql(REJECTS).to_arrow_table(),
        counts,
    )
    connection.unregister("parsed")
    return chunk


def needed(protection: Protection | None, files: Sequence[RawFile]) -> Protection | None:
    """The protection, where the environment of one of the files has a policy."""
    if protection and protection.environments & {file.environment for file in files}:
        return protection
    return None


def protected(parsed: pa.Table, source: Source, protection: Protection) -> pa.Table:
    """Parsed rows with personal data treated where the environment has a policy."""
    policies = pa.array(sorted(protection.environments), pa.string())
    skipped = pc.field("_reject_reason").isin([SKIPPED])
    touched = pc.field("environment").isin(policies) & ~skipped
    found = parsed.filter(touched)
    if not found.num_rows:
        return parsed
    treated = protection.protect(found, source).select(parsed.column_names)
    return pa.concat_tables([parsed.filter(~touched), treated.cast(parsed.schema)])


def _ahead(chunks: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same chunks, the next one made while this one is worked upon."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = reader.submit(next, chunks, None)
            yield chunk


def _raw_chunks(
    source: Source, files: Sequence[RawFile], max_line_bytes: int
) -> Iterator[pa.Table]:
    """Tables of raw lines of about `_CHUNK_BYTES`; at least one, which may be empty."""
    batches: list[pa.RecordBatch] = []
    made = False
    for batch in raw_records(source, files, max_line_bytes):
        batches.append(batch)
        if sum(each.column("line").nbytes for each in batches) >= _CHUNK_BYTES:
            yield pa.Table.from_batches(batches, RAW_SCHEMA)
            batches, made = [], True
    if batches or not made:
        yield pa.Table.from_batches(batches, RAW_SCHEMA)


def raw_records(
    source: Source, files: Sequence[RawFile], max_line_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The records of raw files as batches of `RAW_SCHEMA`, in order."""
    for file in files:
        for batch in read_records(source, file.path, max_line_bytes):
            rows = batch.num_rows
            columns = [
                *batch.columns,
                pa.repeat(file.environment, rows),
                pa.repeat(file.name, rows),
                pa.repeat(file.time_zone, rows),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=RAW_SCHEMA)
