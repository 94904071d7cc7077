"""What an examination of a catalog finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whetstone.catalog.textproto import Located
from whetstone.errors import CatalogError

_LISTED = 8


@dataclass(frozen=True)
class Hint:
    """Something that works and could be better; `kind` is a word to filter by.

    `line` is 0 for what is said about a directory.
    """

    file: Path
    line: int
    field: str
    kind: str
    text: str

    def place(self, directory: Path) -> str:
        """`file:line`, from a directory on."""
        file = self.file.relative_to(directory)
        return f"{file}:{self.line}" if self.line else f"{file}/"


@dataclass(frozen=True)
class Findings:
    """Errors, which must be corrected, and hints."""

    errors: Sequence[CatalogError]
    hints: Sequence[Hint]


def hint_at(located: Located[Any], field: str, kind: str, text: str) -> Hint:
    """A hint about a field of a definition."""
    return Hint(located.file, located.line_of(field), field, kind, text)


def listed(names: Sequence[str]) -> str:
    """Names as people read them; of very many the first."""
    if len(names) <= _LISTED + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_LISTED])} and {len(names) - _LISTED} more"
