"""A source's definition as SQL over raw lines (pure).

Input relation: `line`, `raw_line`, `problem` (see `whetstone.parsing.lines`) plus `environment`,
`raw_file`. Output, in one pass: the event columns and `_reject_reason`, which is NULL for events
and 'skipped' for records that the source does not accept.
"""

from collections.abc import Sequence

from whetstone.catalog.catalog_pb2 import LINE, Source
from whetstone.catalog.expressions import parse_expression
from whetstone.catalog.patterns import group_names
from whetstone.sql import identifier, json_path, literal

SKIPPED = "skipped"
# No group of this name can be written in a pattern.
_RECORD = "whole record"


def parse_sql(source: Source, relation: str, day: str) -> str:
    """SQL that parses raw lines of a source.

    Args:
        source: a validated definition.
        relation: name of the relation of raw lines.
        day: the day the lines were landed on, ISO; raw field `@day`.

    Returns:
        A SELECT of `environment`, `event_time`, `raw_file`, `raw_line`, `raw_hash`, `key_id`, the
        fields, `_reject_reason` and, for rejects, `_reject_line`.
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
    # A field's name starts with a letter: no name with an underscore in front is one.
    return f"""
        WITH split AS (
            SELECT environment, raw_file, raw_line, line AS _line, problem AS _problem,
                   {_split(source, raw)} AS _raw
            FROM {relation} WHERE line <> '' OR problem IS NOT NULL
        ), valued AS (
            SELECT environment AS _environment, raw_file AS _file, raw_line AS _number, _line,
                   _problem, {_mismatch(source)} AS _mismatch, {accept} AS _accepted, {selected}
            FROM split
        )
        SELECT _environment AS environment, {identifier(clock.name)}, _file AS raw_file,
               _number AS raw_line, CAST('0x' || left(md5(_line), 15) AS BIGINT) AS raw_hash,
               NULL::VARCHAR AS key_id,
               {", ".join(identifier(f.name) for f in fields)},
               CASE WHEN _problem IS NOT NULL THEN _problem
                    WHEN _mismatch IS NOT NULL THEN _mismatch
                    WHEN NOT _accepted THEN {literal(SKIPPED)}
                    {missing} END AS _reject_reason,
               _line AS _reject_line
        FROM valued"""


def raw_fields(source: Source) -> list[str]:
    """The raw fields that the definitions of a source name, each once, in order."""
    used = [*source.accept.index, *(raw for field in source.fields for raw in field.index)]
    return list(dict.fromkeys(raw for raw in used if raw != "@day"))


def _split(source: Source, raw: list[str]) -> str:
    """One extraction of all raw fields: a struct of groups, or a list in the order of `raw`."""
    if source.format == LINE:
        names = [
            _RECORD,
            *(name or f"group {at}" for at, name in enumerate(group_names(source.pattern))),
        ]
        listed = ", ".join(literal(name) for name in names)
        # The outer group tells a match of nothing from no match.
        return f"regexp_extract(line, {literal(f'({source.pattern})')}, [{listed}])"
    paths = ", ".join(literal(json_path(name)) for name in raw or ["$"])
    return f"TRY(json_extract_string(line, [{paths}]))"


def _mismatch(source: Source) -> str:
    if source.format == LINE:
        return f"CASE WHEN _raw.{identifier(_RECORD)} = '' THEN 'pattern does not match' END"
    return (
        "CASE WHEN _raw IS NULL THEN 'not JSON'"
        " WHEN NOT starts_with(ltrim(_line, chr(32) || chr(9)), '{') THEN 'not a JSON object' END"
    )


def _expression(
    source: Source, definition: str, index: Sequence[str], raw: list[str], day: str
) -> str:
    """A definition with each `$n` replaced by its raw field; a group that is empty is NULL."""
    replacement: dict[int, str] = {}
    for number, name in enumerate(index, start=1):
        if name == "@day":
            replacement[number] = literal(day)
        elif source.format == LINE:
            replacement[number] = f"nullif(_raw.{identifier(name)}, '')"
        else:
            replacement[number] = f"_raw[{raw.index(name) + 1}]"
    return f"(\n{parse_expression(definition).with_parameters(replacement)}\n)"
