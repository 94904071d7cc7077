"""Plot what each ten verdicts gained: from the output of `benchmarks.quality` to an SVG.

python -m benchmarks.quality --data ../shared/data --only hdfs --json > quality.json
python -m benchmarks.verdict_plot quality.json verdicts.svg
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_WIDTH, _HEIGHT, _MARGIN = 560, 320, 50
_LINES = {"weighted_precision": "#1f6f8b", "weighted_recall": "#c8553d"}
_GOAL = 0.99


def main(arguments: list[str] | None = None) -> None:
    """Write the plot of the first row that has verdicts."""
    parser = argparse.ArgumentParser(prog="benchmarks.verdict_plot", description=__doc__)
    parser.add_argument("quality", type=Path, help="output of benchmarks.quality --json")
    parser.add_argument("svg", type=Path, help="where the plot is written")
    options = parser.parse_args(arguments)
    rows = json.loads(options.quality.read_text().splitlines()[-1])["rows"]
    options.svg.write_text(plot(rounds_of(rows)))


def rounds_of(rows: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """The figures after each number of verdicts, of the first row that has them.

    Raises:
        ValueError: none has.
    """
    for row in rows:
        if "after_verdicts" in row.get("added", {}):
            return list(row["added"]["after_verdicts"].values())
    raise ValueError("no row has verdicts: measure with --only hdfs")


def plot(rounds: Sequence[dict[str, float]]) -> str:
    """An SVG of precision and recall by the number of verdicts."""
    lowest = min(min(row[name] for name in _LINES) for row in rounds)
    floor = min(int(lowest * 100) / 100, _GOAL - 0.01)
    most = max(row["verdicts"] for row in rounds) or 1

    def x(verdicts: float) -> float:
        return _MARGIN + verdicts / most * (_WIDTH - 2 * _MARGIN)

    def y(value: float) -> float:
        return _HEIGHT - _MARGIN - (value - floor) / (1 - floor) * (_HEIGHT - 2 * _MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 10}" text-anchor="middle">verdicts</text>',
    ]
    parts += [
        f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{y(value):.1f}" y2="{y(value):.1f}"'
        f' stroke="#ccc"/><text x="{_MARGIN - 6}" y="{y(value) + 4:.1f}"'
        f' text-anchor="end">{value:.2f}</text>'
        for value in (floor, _GOAL, 1.0)
    ]
    parts += [
        f'<text x="{x(row["verdicts"]):.1f}" y="{_HEIGHT - _MARGIN + 18}"'
        f' text-anchor="middle">{row["verdicts"]:.0f}</text>'
        for row in rounds
    ]
    for at, (name, colour) in enumerate(_LINES.items()):
        points = " ".join(f"{x(row['verdicts']):.1f},{y(row[name]):.1f}" for row in rounds)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        parts.append(
            f'<text x="{_MARGIN + 10 + 170 * at}" y="25" fill="{colour}">'
            f"{name.replace('_', ' ')}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
