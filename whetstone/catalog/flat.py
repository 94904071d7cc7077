"""A message's values by their paths (pure)."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message


def flat(message: Message, prefix: str = "") -> dict[str, str]:
    """The values of a message by their paths; what has a name is found by it, not by its place."""
    values: dict[str, str] = {}
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        if field.message_type and field.message_type.GetOptions().map_entry:
            values |= {f"{path}[{key}]": str(value[key]) for key in sorted(value)}
        elif not field.is_repeated:
            inner = flat(value, f"{path}.") if field.message_type else {path: _text(field, value)}
            values |= inner or {path: "{}"}
        elif field.message_type:
            for number, part in enumerate(value):
                name = getattr(part, "name", number)
                values |= flat(part, f"{path}[{name}].")
        else:
            values[path] = ", ".join(_text(field, part) for part in value)
    return values


def _text(field: FieldDescriptor, value: Any) -> str:
    if field.enum_type:
        return field.enum_type.values_by_number[value].name
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
