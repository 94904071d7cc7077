"""Small pieces of SQL text."""

import re
from collections.abc import Sequence

_PLAIN_KEY = re.compile(r"\w+")


def identifier(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted SQL string."""
    return "'" + text.replace("'", "''") + "'"


def columns(names: Sequence[str]) -> str:
    """Quoted identifiers, separated by commas."""
    return ", ".join(identifier(name) for name in names)


def json_path(raw: str) -> str:
    """The JSON path of a raw field: `flow.bytes` is `$.flow.bytes`; `$…` stands for itself."""
    if raw.startswith("$"):
        return raw
    return "$" + "".join(f".{_json_key(key)}" for key in raw.split("."))


def _json_key(key: str) -> str:
    if _PLAIN_KEY.fullmatch(key):
        return key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
