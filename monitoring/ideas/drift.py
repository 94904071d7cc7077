"""Proposed features over the last days of production, by the statistics of drift reports."""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.drift.columns import Comparison, compare, compare_days
from monitoring.sketches import sketch_scores


def drift_of(
    units: pa.Table, names: Sequence[str], examples: pa.Table | None
) -> list[dict[str, Any]]:
    """How features of production units moved, a row a feature.

    Args:
        units: of the last days: `environment`, `unit_start`, the features.
        names: the features.
        examples: training examples, with `positive`; None: there are none to compare with.

    Returns:
        `against_days`: the newest day against the days before it; `against_examples`: all days
        against benign examples; in words, with `days`: day, units, share of missing values, mean.
    """
    by_day = _by_day(units)
    sketches = {day: sketch_scores(rows, names).whole.columns for day, rows in by_day.items()}
    whole = sketch_scores(units, names).whole.columns
    benign = None if examples is None else examples.filter(pc.invert(examples.column("positive")))
    known = {} if benign is None else sketch_scores(benign, names).whole.columns
    found: list[dict[str, Any]] = []
    for name in names:
        columns = [sketches[day][name] for day in sketches]
        newest = compare_days(columns[:-1], columns[-1], len(names)) if columns else None
        golden = compare(known[name], whole[name], len(names)) if known else None
        found.append(
            {
                "feature": name,
                "newest_day": next(reversed(sketches), ""),
                "against_days": _words(newest),
                "against_examples": _words(golden),
                "significant": bool(newest and newest.significant),
                "days": [_day(day, rows, name) for day, rows in by_day.items()],
            }
        )
    return found


def _by_day(units: pa.Table) -> dict[str, pa.Table]:
    days = pc.strftime(units.column("unit_start"), "%Y-%m-%d")
    return {
        str(day): units.filter(pc.equal(days, day)) for day in sorted(pc.unique(days).to_pylist())
    }


def _day(day: str, rows: pa.Table, name: str) -> dict[str, Any]:
    column = rows.column(name)
    number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    mean = pc.mean(column).as_py() if number or pa.types.is_boolean(column.type) else None
    missing = column.null_count / max(len(column), 1)
    return {"day": day, "units": len(column), "missing": missing, "mean": mean}


def _words(comparison: Comparison | None) -> str:
    if comparison is None:
        return "nothing to compare with"
    if comparison.reason:
        return comparison.reason
    moved = "moved" if comparison.significant else "as before"
    detail = f" ({comparison.detail})" if comparison.detail else ""
    return f"{moved}: {comparison.statistic} {comparison.value:.3f}{detail}"
