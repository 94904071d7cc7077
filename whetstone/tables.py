"""Tables for people, as wide as the terminal.

Apart from `whetstone.console`, which shows them: the library takes its time to be imported.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from whetstone.console import show, shown

# In a pipe there is no edge to break at.
_PIPE_WIDTH = 10_000
# Records are read by people, in a pipe too: `whetstone catalog test … | less`.
_RECORDS_WIDTH = 160
_MIN_RECORD_CELL = 18
_MIN_LAST_COLUMN = 24
_GAP = 3
_BREAKS = re.compile("[\n\t]")


def show_table(title: str, rows: Sequence[Mapping[str, Any]], stream: TextIO | None = None) -> None:
    """See `console.show_table`."""
    if not rows:
        show(f"{title}: none", stream)
        return
    console = _console(stream or sys.stdout)
    names = [name.replace("_", " ") for name in rows[0]]
    cells = [[_cell(value) for value in row.values()] for row in rows]
    console.print(Text(shown(title), "bold"), soft_wrap=True)
    widths = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
    needed = sum(widths[:-1]) + min(widths[-1], _MIN_LAST_COLUMN) + _GAP * (len(widths) - 1)
    if needed <= console.width:
        console.print(_table(names, cells, _numeric(rows)))
        console.print()
    else:
        _print_blocks(console, names, cells)


def show_records(
    title: str, rows: Sequence[Mapping[str, Any]], stream: TextIO | None = None
) -> None:
    """See `console.show_records`."""
    if not rows:
        show(f"{title}: none", stream)
        return
    console = _console(stream or sys.stdout)
    width = min(console.width, _RECORDS_WIDTH)
    labels = [shown(name) for name in rows[0]]
    room = (width - max(map(cell_len, labels)) - _GAP * len(rows)) // len(rows)
    console.print(Text(shown(title), "bold"), soft_wrap=True)
    if room < _MIN_RECORD_CELL and len(rows) > 1:
        cells = [[_cell(value) for value in row.values()] for row in rows]
        _print_blocks(console, labels, cells)
        return
    columns = [[_cut(_cell(value), room) for value in row.values()] for row in rows]
    heads = ["", *(str(number) for number in range(1, len(rows) + 1))]
    lines = [list(line) for line in zip(labels, *columns, strict=True)]
    console.print(_table(heads, lines, [False] * len(heads)))
    console.print()


def show_values(title: str, values: Mapping[str, Any]) -> None:
    """See `console.show_values`."""
    console = _console(sys.stdout)
    console.print(Text(shown(title), "bold"), soft_wrap=True)
    _print_blocks(console, list(values), [[_cell(value) for value in values.values()]])


def _console(stream: Any) -> Console:
    # Asked for anew each time: streams are replaced, terminals change their width.
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(file=stream, highlight=False, width=width)


def _table(names: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="")
    for position, (name, right) in enumerate(zip(names, numeric, strict=True), start=1):
        table.add_column(
            Text(name),
            justify="right" if right else "left",
            no_wrap=position < len(names),
            overflow="fold",
        )
    for row in cells:
        table.add_row(*map(Text, row))
    return table


def _print_blocks(console: Console, names: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    widest = max(map(cell_len, names))
    for row in cells:
        for name, cell in zip(names, row, strict=True):
            console.print(Text(f"  {name:{widest}}  {cell}"), soft_wrap=True)
        console.print()


def _cut(text: str, cells: int) -> str:
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + "…"


def _numeric(rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    return [all(_is_number(row[name]) for row in rows) for name in rows[0]]


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:.3f}" if isinstance(value, float) else shown(str(value))
    return _BREAKS.sub(" ", text)
