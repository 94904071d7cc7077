"""Text-format protobuf with the line of every field, so that errors can name it."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

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
    lines: Mapping[str, int]

    def error(self, path: str, problem: str) -> CatalogError:
        """The error for a field, `file:line: path: problem`, at the nearest line that is known."""
        return CatalogError(f"{self.file}:{self.line_of(path)}: {path}: {problem}")

    def line_of(self, path: str) -> int:
        """The line of a field, or the nearest around it that is known."""
        while path:
            for known in (path, f"{path}[0]"):
                if known in self.lines:
                    return self.lines[known]
            path = path.rpartition(".")[0] or path.rpartition("[")[0]
        return 1


def read_message(file: Path, kind: type[M]) -> Located[M]:
    """Read one message from a text-format file.

    Raises:
        CatalogError: `file:line:column: problem`; an unknown field, a wrong type, a syntax error.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file}:1: cannot be read as UTF-8 text: {error}") from error
    try:
        parsed, lines = _parsed(text, kind)
    except text_format.ParseError as error:
        found = _PARSE_ERROR.match(str(error))
        place, problem = (f"{found[1]}:{found[2]}", found[3]) if found else ("1", str(error))
        raise CatalogError(f"{file}:{place}: {problem}") from error
    message = kind()
    message.CopyFrom(cast(M, parsed))
    return Located(message, file, lines)


# The platform reads its catalog again and again, and few files have changed each time.
@lru_cache(maxsize=500)
def _parsed(text: str, kind: type[Message]) -> tuple[Message, Mapping[str, int]]:
    message = kind()
    text_format.Parse(text, message)
    return message, _lines(text, message)


@dataclass
class _Open:
    """A message whose end has not come."""

    prefix: str
    descriptor: Any
    seen: Counter[str]
    field: str = ""
    in_list: bool = False

    def path_of_next(self, field: str) -> str:
        """The path of one more occurrence of a field."""
        self.field = field
        self.seen[field] += 1
        repeated = self.descriptor.fields_by_name[field].is_repeated
        return f"{self.prefix}{field}" + (f"[{self.seen[field] - 1}]" if repeated else "")

    def inner(self, path: str) -> "_Open":
        """The message that is this one's current field."""
        descriptor = self.descriptor.fields_by_name[self.field].message_type
        return _Open(f"{path}.", descriptor, Counter())


def _lines(text: str, message: Message) -> dict[str, int]:
    """The line of each field path; `text` is known to be valid."""
    lines: dict[str, int] = {}
    open_messages = [_Open("", message.DESCRIPTOR, Counter())]
    path = before = ""
    line = 1
    for token in _TOKEN.finditer(text):
        kind, value = token.lastgroup, token.group()
        line_here, line = line, line + value.count("\n")
        if kind == "space":
            continue
        current = open_messages[-1]
        if kind == "word" and before != ":" and not current.in_list:
            path = current.path_of_next(value)
            lines[path] = line_here
        elif before == "," and current.in_list:
            path = current.path_of_next(current.field)
            lines[path] = line_here
        if kind == "open":
            open_messages.append(current.inner(path))
        elif kind == "close":
            open_messages.pop()
        elif kind == "mark" and value in "[]":
            current.in_list = value == "["
        before = value if kind == "mark" else ""
    return lines
