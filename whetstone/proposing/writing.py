"""A source as a text file, the way people write it."""

from google.protobuf import text_encoding

from whetstone.catalog.catalog_pb2 import Field, Format, PersonalData, Source

_WIDTH = 150


def textproto(source: Source, comment: str) -> str:
    """The text-format file of a source, with a comment on top."""
    lines = [
        "# " + "".join(c if c.isprintable() else "?" for c in comment),
        f"name: {_quoted(source.name)}",
        f"display_name: {_quoted(source.display_name)}",
        f"format: {Format.Name(source.format)}",
    ]
    if source.record_start:
        lines.append(f"record_start: {_quoted(source.record_start)}")
    if source.pattern:
        lines.append(f"pattern: {_quoted(source.pattern)}")
    if source.header:
        lines.append("header: true")
    lines.append(f"event_time: {_quoted(source.event_time)}")
    if source.message:
        lines.append(f"message: {_quoted(source.message)}")
    lines.append(f"max_reject_rate: {source.max_reject_rate:g}")
    for field in source.fields:
        lines += _field(field)
    lines += [f"samples: {_quoted(sample)}" for sample in source.samples]
    return "\n".join(lines) + "\n"


def _field(field: Field) -> list[str]:
    parts = [
        f"name: {_quoted(field.name)}",
        f"display_name: {_quoted(field.display_name)}",
        *([f"description: {_quoted(field.description)}"] if field.description else []),
        f"data_type: {_quoted(field.data_type)}",
        *(f"index: {_quoted(raw)}" for raw in field.index),
        f"definition: {_quoted(field.definition)}",
    ]
    if field.personal_data:
        parts.append(f"personal_data: {PersonalData.Name(field.personal_data)}")
    one_line = f"fields {{ {' '.join(parts)} }}"
    if len(one_line) <= _WIDTH:
        return [one_line]
    return ["fields {", *(f"  {part}" for part in parts), "}"]


def _quoted(text: str) -> str:
    escaped = text_encoding.CEscape(text.encode(), as_utf8=True).replace("\\'", "'")
    # Log text is hostile: what would drive a terminal is written by its bytes.
    return '"' + "".join(c if c.isprintable() else _bytes_of(c) for c in escaped) + '"'


def _bytes_of(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode())
