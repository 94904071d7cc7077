"""Text-format protobuf with the line of every field, so that errors can name it."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from whetstone.errors import CatalogError

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<open>[{<])
      | (?P<close>[}>])
      | (?P<mark>[\[\],;:])
      | (?P<word>[^\s{}<>\[\],;:"'\#]+)""",
    re.VERBOSE,
)
_PARSE_ERROR = re.compile(r"^(\d+):(\d+) : (.*)$", re.DOTALL)
M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Located(Generic[M]):
    """A message, the file it came from and the line of each of its fields.

    `lines` maps a path such as `fields[2].definition` to a line number, counted from 1.
    """

    message: M
    file: Path
    lines: dict[str, int]

    def error(self, path: str, problem: str) -> CatalogError:
        """The error for a field, `file:line: path: problem`, at the nearest line that is known."""
        known = path
        while known and known not in self.lines:
            known = known.rpartition(".")[0] or known.rpartition("[")[0]
        return CatalogError(f"{self.file}:{self.lines.get(known, 1)}: {path}: {problem}")


def read_message(file: Path, kind: type[M]) -> Located[M]:
    """Read one message from a text-format file.

    Raises:
        CatalogError: `file:line:column: problem`; an unknown field, a wrong type, a syntax error.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file}:1: cannot be read as UTF-8 text: {error}") from error
    message = kind()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        found = _PARSE_ERROR.match(str(error))
        place, problem = (f"{found[1]}:{found[2]}", found[3]) if found else ("1", str(error))
        raise CatalogError(f"{file}:{place}: {problem}") from error
    return Located(message, file, _lines(text, message))


def _lines(text: str, message: Message) -> dict[str, int]:
    """The line of each field path; `text` is known to be valid."""
    lines: dict[str, int] = {}
    # One frame an open message: its path prefix, its type, how often each field has occurred.
    frames = [("", message.DESCRIPTOR, Counter[str]())]
    field = ""
    line = 1
    after_colon = False
    for token in _TOKEN.finditer(text):
        kind, value = token.lastgroup, token.group()
        prefix, descriptor, seen = frames[-1]
        if kind == "word" and not after_colon and descriptor and value in descriptor.fields_by_name:
            repeated = descriptor.fields_by_name[value].is_repeated
            field = f"{prefix}{value}" + (f"[{seen[value]}]" if repeated else "")
            lines[field] = line
            seen[value] += 1
        elif kind == "open":
            name = field.rpartition(".")[2].partition("[")[0]
            inner = descriptor.fields_by_name[name].message_type if descriptor else None
            frames.append((f"{field}.", inner, Counter()))
        elif kind == "close":
            frames.pop()
        if kind != "space":
            after_colon = value == ":"
        line += value.count("\n")
    return lines
