"""Results that outlive a run: a file of JSON lines, one a cell of an experiment, in any order.

cells = Cells.of(Path("labelling.jsonl"))
row = cells.get_or({"dataset": "nsl_kdd", "seed": 1}, lambda: measured(...))
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cells:
    """What was measured already.

    Attributes:
        path: where each cell is appended as soon as it is measured; None: nothing is kept.
        known: by the cell's key.
    """

    path: Path | None
    known: dict[str, Any] = field(default_factory=dict[str, Any])

    @staticmethod
    def of(path: Path | None) -> "Cells":
        """The cells of a file; a last line that was cut short is no cell."""
        cells = Cells(path)
        if path is not None and path.exists():
            lines = path.read_text().split("\n")[:-1]
            for line in map(json.loads, lines):
                cells.known[_key(line["cell"])] = line["result"]
            path.write_text("".join(f"{line}\n" for line in lines))
        return cells

    def get_or(self, cell: Mapping[str, Any], measure: Callable[[], Any]) -> Any:
        """The result of a cell, measured and kept where it is not known.

        Args:
            cell: all that the result depends on, as JSON takes it.
            measure: gives the result, as JSON takes it.
        """
        key = _key(cell)
        if key not in self.known:
            self.known[key] = measure()
            if self.path is not None:
                with self.path.open("a") as file:
                    file.write(json.dumps({"cell": cell, "result": self.known[key]}) + "\n")
        return self.known[key]


def _key(cell: Mapping[str, Any]) -> str:
    return json.dumps(cell, sort_keys=True)
