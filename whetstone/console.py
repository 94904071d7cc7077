"""What commands print: tables for people, one JSON object for programs.

Log text is hostile: control characters in it are shown, never sent to the terminal.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

# All but newline and tab; also the marks that turn the direction of the text around.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def say(text: str) -> None:
    """Progress and remarks, on standard error."""
    show(text, sys.stderr)


def show(text: str = "", stream: TextIO | None = None) -> None:
    """A line of the result; what goes beside the result goes to another stream."""
    # Ended and written at once: threads say things too.
    print(f"{shown(text)}\n", end="", file=stream or sys.stdout, flush=True)


def show_table(title: str, rows: Sequence[Mapping[str, Any]], stream: TextIO | None = None) -> None:
    """Rows with the same keys as a table; says so when there are none.

    Where the terminal is too narrow for the columns, each row becomes a block of lines.
    """
    from whetstone import tables

    tables.show_table(title, rows, stream)


def show_records(
    title: str, rows: Sequence[Mapping[str, Any]], stream: TextIO | None = None
) -> None:
    """Records of many columns: a line a column, records side by side, long values cut.

    Where not even short values fit side by side, each record becomes a block of lines.
    """
    from whetstone import tables

    tables.show_records(title, rows, stream)


def show_values(title: str, values: Mapping[str, Any]) -> None:
    """Names and values, a line each."""
    from whetstone import tables

    tables.show_values(title, values)


def show_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line."""
    print(json.dumps(value, default=str, sort_keys=True), flush=True)


def shown(text: str) -> str:
    """Text with its control characters made visible."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
