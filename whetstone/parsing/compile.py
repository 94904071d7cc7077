"""A source's definition as SQL over raw lines (pure).

Input relation: `line`, `raw_line`, `problem` (see `whetstone.parsing.lines`) plus `environment`,
`raw_file`. Output, in one pass: the event columns and `reject_reason`, which is NULL for events and
'skipped' for records that the source does not accept.
"""

import re
from collections.abc import Sequence

from whetstone.catalog.catalog_pb2 import LINE, Source
from whetstone.catalog.expressions import parse_expression
from whetstone.sql import identifier, literal

SKIPPED = "skipped"
_PLAIN_KEY = re.compile(r"\w+")
_RECORD = "whetstone_record"


def parse_sql(source: Source, relation: str, day: str) -> str:
    """SQL that parses raw lines of a source.

    Args:
        source: a validated definition.
        relation: name of the relation of raw lines.
        day: the day the lines were landed on, ISO; raw field `@day`.

    Returns:
        A SELECT of `environment`, `event_time`, `raw_file`, `raw_line`, `raw_hash`, the fields,
        `reject_reason` and, for rejects, `reject_line`.
    """
    raw = raw_fields(source)
    fields = [f for f in source.fields if f.name != source.event_time]
    clock = next(f for f in source.fields if f.name == source.event_time)
    values = {
        field.name: f"TRY(CAST({_expression(source, field.definition, field.index, raw, day)} "
        f"AS {field.data_type}))"
        for field in (clock, *fields)
    }
    accept = (
        "coalesce(TRY("
        + _expression(source, source.accept.definition, source.accept.index, raw, day)
        + "), false)"
        if source.HasField("accept")
        else "true"
    )
    required = [clock.name, *(f.name for f in fields if f.required)]
    missing = " ".join(
        f"WHEN {identifier(name)} IS NULL THEN {literal(f'{name}: no value')}" for name in required
    )
    selected = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in values.items())
    return f"""
        WITH raw AS (
            SELECT environment, raw_file, raw_line, problem, line, hash(line) AS raw_hash,
                   {_split(source, raw)} AS raw
            FROM {relation} WHERE line <> '' OR problem IS NOT NULL
        ), valued AS (
            SELECT *, {_mismatch(source)} AS mismatch, {accept} AS accepted, {selected} FROM raw
        )
        SELECT environment, {identifier(clock.name)}, raw_file, raw_line, raw_hash,
               {", ".join(identifier(f.name) for f in fields)},
               CASE WHEN problem IS NOT NULL THEN problem
                    WHEN mismatch IS NOT NULL THEN mismatch
                    WHEN NOT accepted THEN {literal(SKIPPED)}
                    {missing} END AS reject_reason,
               line AS reject_line
        FROM valued"""


def raw_fields(source: Source) -> list[str]:
    """The raw fields that the definitions of a source name, each once, in order."""
    used = [*source.accept.index, *(raw for field in source.fields for raw in field.index)]
    return list(dict.fromkeys(raw for raw in used if raw != "@day"))


def json_path(raw: str) -> str:
    """The JSON path of a raw field: `flow.bytes` is `$.flow.bytes`; `$…` stands for itself."""
    if raw.startswith("$"):
        return raw
    keys = raw.split(".")
    return "$" + "".join(f".{k}" if _PLAIN_KEY.fullmatch(k) else f'."{k}"' for k in keys)


def _split(source: Source, raw: list[str]) -> str:
    """One extraction of all raw fields: a struct of groups, or a list in the order of `raw`."""
    if source.format == LINE:
        # The outer group tells a match of nothing from no match.
        groups = ", ".join(literal(name) for name in [_RECORD, *_group_names(source.pattern)])
        return f"regexp_extract(line, {literal(f'(?P<{_RECORD}>{source.pattern})')}, [{groups}])"
    paths = ", ".join(literal(json_path(name)) for name in raw)
    return f"TRY(json_extract_string(line, [{paths}]))"


def _group_names(pattern: str) -> list[str]:
    """A name for every capturing group in order, as DuckDB wants it; unnamed ones get a number."""
    compiled = re.compile(pattern)
    names = {number: name for name, number in compiled.groupindex.items()}
    return [names.get(number, f"group_{number}") for number in range(1, compiled.groups + 1)]


def _mismatch(source: Source) -> str:
    if source.format == LINE:
        return f"CASE WHEN raw.{_RECORD} = '' THEN 'pattern does not match' END"
    return "CASE WHEN raw IS NULL THEN 'not JSON' END"


def _expression(
    source: Source, definition: str, index: Sequence[str], raw: list[str], day: str
) -> str:
    """A definition with each `$n` replaced by its raw field; a group that is empty is NULL."""
    replacement: dict[int, str] = {}
    for number, name in enumerate(index, start=1):
        if name == "@day":
            replacement[number] = literal(day)
        elif source.format == LINE:
            replacement[number] = f"nullif(raw.{identifier(name)}, '')"
        else:
            replacement[number] = f"raw[{raw.index(name) + 1}]"
    return f"(\n{parse_expression(definition).with_parameters(replacement)}\n)"
