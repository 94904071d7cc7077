"""What commands print: tables for people, one JSON object for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

_PIPE_WIDTH = 200
_OUT = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
_PROGRESS = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Progress and remarks, on standard error."""
    _PROGRESS.print(text, markup=False)


def show(text: str = "") -> None:
    """A line of the result."""
    _OUT.print(text, markup=False)


def show_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with the same keys as a table; says so when there are none."""
    if not rows:
        show(f"{title}: none")
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in rows[0]:
        numeric = all(isinstance(row[name], int | float | None) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    _OUT.print(table)


def show_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line."""
    print(json.dumps(value, default=str, sort_keys=True), flush=True)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("[", "\\[")  # a cell is text, not markup
