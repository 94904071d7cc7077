"""What parsing costs more than it need: measured, where a definition looks dear, on its samples."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from whetstone.catalog.catalog_pb2 import JSON, Field, Source
from whetstone.catalog.expressions import parse_expression
from whetstone.catalog.rawfields import DAY, TIME_ZONE, raw_fields
from whetstone.catalog.textproto import Located
from whetstone.checking.findings import Hint, hint_at, listed
from whetstone.checking.samples import parse_samples
from whetstone.engine import only_row
from whetstone.parsing.raw_values import raw_column, with_raw_values
from whetstone.sql import columns, identifier

_LIKES = frozenset(("~~", "!~~", "~~*", "!~~*", "contains", "starts_with", "ends_with"))
_MANY_REGEXES = 6
_MANY_LIKES = 12
_MANY_PATHS = 40
_MEASURED_RECORDS = 8192


def costs(connection: duckdb.DuckDBPyConnection, source: Located[Source]) -> Iterator[Hint]:
    """Where a source's definitions read the same text over and over."""
    message = source.message
    for raw, readers, count in _read_by_regexes(message):
        text = (
            f"{count} regular expressions read {listed(raw)} ({listed([f.name for f in readers])})"
            f"{_measured(connection, message, readers)}: ask `LIKE` first where few"
            " records have the value, or take several values with one pattern"
        )
        yield hint_at(source, _path(message, readers[0]), "cost", text)
    for field in message.fields:
        likes = _count(field, _LIKES.__contains__)
        if likes >= _MANY_LIKES:
            text = (
                f"{field.name} compares texts {likes} times"
                f"{_measured(connection, message, [field])}: put the most frequent cases first"
            )
            yield hint_at(source, _path(message, field), "cost", text)
    paths = len(raw_fields(message))
    if message.format == JSON and paths > _MANY_PATHS:
        text = f"{paths} JSON paths are taken from every record: leave out what nobody reads"
        yield hint_at(source, "fields", "cost", text)


def _read_by_regexes(source: Source) -> list[tuple[list[str], list[Field], int]]:
    """Raw fields that many regular expressions read, with the fields that do and the count.

    Raw fields that the same definitions read stand together.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    regexes = {field.name: _count(field, _is_regex) for field in source.fields}
    for raw in raw_fields(source):
        readers = [f.name for f in source.fields if regexes[f.name] and raw in f.index]
        if sum(regexes[name] for name in readers) >= _MANY_REGEXES:
            found.setdefault(tuple(readers), []).append(raw)
    fields = {field.name: field for field in source.fields}
    return [
        (raw, [fields[name] for name in names], sum(regexes[name] for name in names))
        for names, raw in found.items()
    ]


def _count(field: Field, judge: Callable[[str], bool]) -> int:
    return sum(map(judge, parse_expression(field.definition).functions))


def _is_regex(function: str) -> bool:
    return function.startswith("regexp_")


def _path(source: Source, field: Field) -> str:
    return f"fields[{[f.name for f in source.fields].index(field.name)}]"


def _measured(
    connection: duckdb.DuckDBPyConnection, source: Source, fields: Sequence[Field]
) -> str:
    """What those fields cost, in words; nothing for a source without samples that parse."""
    spent = nanoseconds_per_record(connection, source, fields)
    return "" if spent is None else f", {spent:,} ns a record on its samples"


def nanoseconds_per_record(
    connection: duckdb.DuckDBPyConnection, source: Source, fields: Sequence[Field]
) -> int | None:
    """CPU time, of all cores, that some fields take; None without samples that parse."""
    raw = list(dict.fromkeys(name for field in fields for name in field.index))
    raw = [name for name in raw if name not in (DAY, TIME_ZONE)]
    probe = with_raw_values(source, raw)
    with TemporaryDirectory(prefix="whetstone-samples-") as directory:
        parse_samples(connection, probe, Path(directory))
    (samples,) = only_row(connection, "SELECT count(*) FROM events")
    if not samples:
        return None
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE measured AS
            SELECT {columns([raw_column(n) for n in range(len(raw))]) or "1"}
            FROM events, range({_MEASURED_RECORDS} // {samples})"""
    )
    values = {DAY: "'2026-03-01'", TIME_ZONE: "'UTC'"}
    values |= {name: identifier(raw_column(number)) for number, name in enumerate(raw)}
    computed = ", ".join(
        "count(TRY("
        + parse_expression(field.definition).with_parameters(
            {number: values[name] for number, name in enumerate(field.index, start=1)}
        )
        + "\n))"
        for field in fields
    )
    rows = _MEASURED_RECORDS // samples * samples
    spent: list[float] = []
    for _ in range(3):
        began = time.process_time()
        connection.execute(f"SELECT {computed} FROM measured").fetchall()
        spent.append(time.process_time() - began)
    return round(min(spent) / rows * 1e9)
