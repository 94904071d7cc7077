"""What a column is made from and what is made from it."""

from collections.abc import Iterable
from typing import Any

from whetstone import console
from whetstone.catalog import Catalog
from whetstone.column_lineage import DETECTOR, KINDS, Column, assets_of, column_lineage


def read_columns(catalog: Catalog, name: str) -> dict[str, Any]:
    """The lineage of the columns that a name means, as plain values.

    Raises:
        InputError: the name means none.
    """
    lineage = column_lineage(catalog)
    return {
        "asked": name,
        "columns": [
            {
                "column": _text(column),
                "kind": column.kind,
                "made_from": _by_kind(lineage.up(column, rows=False)),
                "rows_decided_by": _by_kind(lineage.up(column) - lineage.up(column, rows=False)),
                "used_by": _by_kind(lineage.down(column, rows=False)),
                "decides_rows_of": _by_kind(
                    lineage.down(column) - lineage.down(column, rows=False)
                ),
                "an_edit_runs_again": sorted(assets_of(catalog, lineage, column)),
            }
            for column in lineage.named(name)
        ],
    }


def show_columns(found: dict[str, Any]) -> None:
    """Print the lineage for people."""
    for column in found["columns"]:
        console.show(f"{column['kind']} {column['column']}")
        for what in ("made_from", "rows_decided_by", "used_by", "decides_rows_of"):
            for kind, names in column[what].items():
                console.show(f"  {what.replace('_', ' ')} {kind}: {', '.join(names)}")
        if column["an_edit_runs_again"]:
            console.show(f"  an edit runs again: {', '.join(column['an_edit_runs_again'])}")
        console.show()


def _by_kind(columns: Iterable[Column]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for column in sorted(columns, key=lambda c: (KINDS.index(c.kind), c.owner, c.name)):
        found.setdefault(column.kind, []).append(_text(column))
    return found


def _text(column: Column) -> str:
    return column.owner if column.kind == DETECTOR else str(column)
