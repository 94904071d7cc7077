"""The templates of one raw file, line by line, as LogHub writes them."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import Source
from whetstone.engine import open_engine
from whetstone.errors import InputError
from whetstone.parsing.lines import read_lines
from whetstone.parsing.run import RawFile, parse_files
from whetstone.parsing.templates import (
    TemplateDictionary,
    Templating,
    mine,
    template_id,
    with_templates,
)
from whetstone.parsing.templates_header import messages
from whetstone.parsing.templates_masks import VARIABLE
from whetstone.sql import identifier, literal

_SCHEMA = pa.schema([("line_id", pa.int64()), ("message", pa.string())])


@dataclass(frozen=True)
class FileTemplates:
    """The template of each message of a file, and the values in place of its variables."""

    messages: Sequence[str]
    templates: Sequence[str]
    parameters: Sequence[Sequence[str]]

    def counts(self) -> Counter[str]:
        """How many messages each template has."""
        return Counter(self.templates)

    def write_csv(self, path: Path) -> None:
        """Write `LineId,EventId,EventTemplate,ParameterList`, a row a line."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["LineId", "EventId", "EventTemplate", "ParameterList"])
            rows = zip(self.templates, self.parameters, strict=True)
            for number, (template, parameters) in enumerate(rows, start=1):
                writer.writerow([number, template_id(template), template, list(parameters)])


def file_templates(
    file: Path, source: Source | None, day: str, max_line_bytes: int
) -> FileTemplates:
    """Mine a raw file.

    Args:
        file: plain, gzip or zstd.
        source: whose field `message` names is the message; None: what follows the header that the
            lines share. A line that has none is its own message.
        day: the day the file was landed on, for sources whose clock has no year.
        max_line_bytes: as in `parse_files`.

    Raises:
        InputError: the file cannot be read, or the source has no message.
    """
    lines = [
        line
        for batch in read_lines(file, max_line_bytes)
        for line in batch.column("line").to_pylist()
    ]
    if source is None:
        return mined_messages(messages(lines))
    if not source.message:
        raise InputError(
            f"source {source.name} names no field with free text: add `message`, or leave --source"
            " out"
        )
    with open_engine() as connection:
        parse_files(connection, source, [RawFile(file, "trial", file.name)], day, max_line_bytes)
        found = connection.execute(
            f"SELECT raw_line, {identifier(source.message)} FROM events"
        ).fetchall()
    for number, message in found:
        if message is not None:
            lines[number - 1] = message
    return mined_messages(lines)


def mined_messages(found: Sequence[str]) -> FileTemplates:
    """Mine messages and give each its template and parameters."""
    rows = pa.table([pa.array(range(len(found))), pa.array(found)], schema=_SCHEMA)
    with open_engine() as connection:
        connection.register("found", rows)
        connection.execute("CREATE TEMP TABLE messages AS FROM found")
        connection.unregister("found")
        dictionary = mine(connection, "messages", "message")
        templated = with_templates(connection, "messages", Templating("message", dictionary))
        connection.execute(f"CREATE TEMP TABLE templated AS FROM {templated.relation}")
        ids = connection.execute("SELECT template FROM templated ORDER BY line_id").fetchall()
        parameters = _parameters(connection, dictionary)
    return FileTemplates(
        found,
        [dictionary.templates[one] for (one,) in ids],
        [parameters[message] for message in found],
    )


def template_pattern(template: str) -> str:
    """RE2 that a message of the template matches whole, its variables as groups."""
    parts = (
        r"\s+".join(map(re.escape, re.split(r" +", part))) for part in template.split(VARIABLE)
    )
    return rf"(?s)^\s*{'(.*?)'.join(parts)}\s*$"


def _parameters(
    connection: duckdb.DuckDBPyConnection, dictionary: TemplateDictionary
) -> dict[str, list[str]]:
    """The values in place of the variables, of each distinct message."""
    found: dict[str, list[str]] = {}
    for identity, template in dictionary.templates.items():
        groups = ", ".join(literal(str(n)) for n in range(template.count(VARIABLE)))
        values = f"regexp_extract(message, {literal(template_pattern(template))}, [{groups}])"
        rows = connection.execute(
            f"SELECT DISTINCT message, {values if groups else 'NULL'} FROM templated"
            " WHERE template = $1",
            [identity],
        ).fetchall()
        found |= {message: list((extracted or {}).values()) for message, extracted in rows}
    return found
