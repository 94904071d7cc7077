"""Proposed features on training examples: missing values, likeness to others, tell-tale labels."""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from whetstone.ideas import CheckedIdea, LeakCheck

REDUNDANT = 0.98
"""Rank correlation from which on a feature says what another one says."""
_TELLS = 0.99
_FEWEST = 10

Floats = npt.NDArray[np.float64]


def described(idea: CheckedIdea, examples: pa.Table) -> list[dict[str, Any]]:
    """Of each proposed feature: share of missing values, and the feature that it is most like."""
    own = [f.name for f in idea.view.features if f.name not in idea.names]
    rows: list[dict[str, Any]] = []
    for name in idea.names:
        column = examples.column(name)
        others = [each for each in own if each in examples.column_names]
        like, correlation = _most_like(column, {each: examples.column(each) for each in others})
        rows.append(
            {
                "feature": name,
                "examples": len(column),
                "missing": column.null_count / max(len(column), 1),
                "most_like": like,
                "rank_correlation": correlation,
                "redundant": correlation is not None and abs(correlation) >= REDUNDANT,
            }
        )
    return rows


def labels_told(idea: CheckedIdea, examples: pa.Table) -> list[LeakCheck]:
    """Whether a number alone tells the label: too good to be true, more often than not."""
    positive = examples.column("positive").to_numpy(zero_copy_only=False).astype(bool)
    checks: list[LeakCheck] = []
    for name in idea.names:
        values = _numbers(examples.column(name))
        if values is None or min(positive.sum(), (~positive).sum()) < _FEWEST:
            continue
        area = _auc(values, positive)
        if max(area, 1 - area) > _TELLS:
            text = (
                f"alone it separates attacks from benign examples (AUC {max(area, 1 - area):.4f}):"
                " make sure that it is not the label, or how the examples were made"
            )
            checks.append(LeakCheck("label", name, None, len(values), 0, text))
    return checks


def _most_like(
    column: pa.ChunkedArray, others: dict[str, pa.ChunkedArray]
) -> tuple[str, float | None]:
    values = _numbers(column)
    best: tuple[str, float | None] = ("", None)
    for name, other in others.items():
        theirs = _numbers(other)
        if values is None or theirs is None:
            continue
        ranks = [_ranks(values), _ranks(theirs)]
        if min(each.std() for each in ranks) == 0:
            continue
        found = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
        if best[1] is None or abs(found) > abs(best[1]):
            best = (name, found)
    return best


def _numbers(column: pa.ChunkedArray) -> Floats | None:
    """The numbers of a column, missing ones as the least of all; None: it holds none."""
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return None
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    return np.where(np.isnan(values), -np.inf, values)


def _auc(values: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Probability that an attack has the higher value, ties counting half (Mann and Whitney)."""
    attacks = int(positive.sum())
    total = _ranks(values)[positive].sum() - attacks * (attacks + 1) / 2
    return float(total / (attacks * (len(values) - attacks)))


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]
