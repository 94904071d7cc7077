"""A source's definition as SQL over raw lines (pure).

Input relation: `line`, `raw_line`, `problem`, `header` (see `whetstone.parsing.records`) plus
`environment`, `raw_file`, `time_zone`. Output, in one pass: the event columns and `_reject_reason`,
which is NULL for events and 'skipped' for records that the source does not accept.
"""

from collections.abc import Mapping, Sequence

from whetstone.catalog.catalog_pb2 import Source
from whetstone.catalog.expressions import parse_expression
from whetstone.catalog.rawfields import DAY, RECORD, TIME_ZONE, raw_fields
from whetstone.parsing.formats import Split, split
from whetstone.sql import identifier, literal

SKIPPED = "skipped"


def parse_sql(source: Source, relation: str, day: str) -> str:
    """SQL that parses raw lines of a source.

    Args:
        source: a validated definition.
        relation: name of the relation of raw lines.
        day: the day the lines were landed on, ISO; raw field `@day`.

    Returns:
        A SELECT of `environment`, `event_time`, `raw_file`, `raw_line`, `raw_hash`, `key_id`, the
        fields, `_reject_reason` and, for rejects, `_reject_line`. Of a record that is skipped
        nothing is computed but that.
    """
    raw = raw_fields(source)
    form = split(source, raw, day)
    fields = [f for f in source.fields if f.name != source.event_time]
    clock = next(f for f in source.fields if f.name == source.event_time)
    # Each raw field is a column of its own: DuckDB would compute it for each definition again.
    columns = {**_everywhere(day), **{name: f"_field_{at}" for at, name in enumerate(raw)}}
    values = {
        field.name: f"TRY(CAST({_expression(field.definition, field.index, columns)} "
        f"AS {field.data_type}))"
        for field in (clock, *fields)
    }
    accepted = "true"
    if source.HasField("accept"):
        read = {name: form.field(name) for name in source.accept.index if name in raw}
        index, accept = source.accept.index, source.accept.definition
        accepted = f"coalesce(TRY({_expression(accept, index, columns | read)}), false)"
    required = [clock.name, *(f.name for f in fields if f.required)]
    missing = " ".join(
        f"WHEN {identifier(name)} IS NULL THEN {literal(f'{name}: no value')}" for name in required
    )
    selected = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in values.items())
    # A field's name starts with a letter: no name with an underscore in front is one.
    return f"""
        WITH records AS (
            SELECT environment AS _environment, raw_file AS _file, raw_line AS _number,
                   line AS _line, problem AS _problem, header AS _header, time_zone AS _zone
            FROM {relation} WHERE line <> '' OR problem IS NOT NULL
        ), {_stages(form)} accepted AS (
            SELECT *, {form.mismatch} AS _mismatch, {accepted} AS _accepted
            FROM split_{len(form.stages) - 1}
        ), {_fields(source, form, raw)} valued AS (
            SELECT _environment, _file, _number, _line, _problem, _mismatch, _accepted, {selected}
            FROM fields
        ), judged AS (
            SELECT *, CASE WHEN _problem IS NOT NULL THEN _problem
                           WHEN _mismatch IS NOT NULL THEN _mismatch
                           WHEN NOT _accepted THEN {literal(SKIPPED)}
                           {missing} END AS _reject_reason
            FROM valued
        )
        SELECT _environment AS environment, {identifier(clock.name)}, _file AS raw_file,
               _number AS raw_line,
               CAST(hash(_line) >> 1 AS BIGINT) AS raw_hash,
               NULL::VARCHAR AS key_id,
               {"".join(f"{identifier(f.name)}, " for f in fields)}
               _reject_reason,
               CASE WHEN _reject_reason <> {literal(SKIPPED)} THEN _line END AS _reject_line
        FROM judged"""


def _stages(form: Split) -> str:
    """The columns of a split, each stage a relation upon the one before."""
    relations: list[str] = []
    for number, stage in enumerate(form.stages):
        columns = ", ".join(f"{sql} AS {name}" for name, sql in stage.items())
        before = f"split_{number - 1}" if number else "records"
        relations.append(f"split_{number} AS (SELECT *, {columns} FROM {before}), ")
    return "".join(relations)


def _fields(source: Source, form: Split, raw: Sequence[str]) -> str:
    """The raw fields as columns; those of records that are skipped stay NULL."""

    def relation(name: str, columns: Mapping[str, str], before: str) -> str:
        listed = "".join(
            f", CASE WHEN _accepted THEN {sql} END AS {column}"
            if source.HasField("accept")
            else f", {sql} AS {column}"
            for column, sql in columns.items()
        )
        return f"{name} AS (SELECT *{listed} FROM {before}),"

    found = {f"_found_{at}": form.found(name) for at, name in enumerate(raw)}
    cleaned = {f"_field_{at}": form.cleaned(name, f"_found_{at}") for at, name in enumerate(raw)}
    before, relations = "accepted", ""
    for stage, columns in (("late", form.late), ("found", found), ("fields", cleaned)):
        relations += relation(stage, columns or {}, before)
        before = stage
    return relations


def _everywhere(day: str) -> dict[str, str]:
    return {DAY: literal(day), TIME_ZONE: "_zone", RECORD: "_line"}


def _expression(definition: str, index: Sequence[str], columns: Mapping[str, str]) -> str:
    """A definition with each `$n` replaced by the SQL of its raw field."""
    replacement = {number: columns[name] for number, name in enumerate(index, start=1)}
    return f"(\n{parse_expression(definition).with_parameters(replacement)}\n)"
