"""What a model has to beat: scores that need no model, and what the data allow at best. Pure."""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from detectors.evaluation.curves import Ranking, auc, average_precision
from detectors.evaluation.identity import identities
from detectors.interface import Examples
from detectors.tabular import Matrix
from whetstone.errors import InputError
from whetstone.scoring.encoding.columns import is_list, is_text, list_offsets

_NEIGHBOURS = 2000  # distinct benign training vectors that distances are measured to
_ROWS = 256  # test rows a step, which bounds the memory of the distances
_CATEGORIES = 256  # of a text column beside numbers; one with more of them is free text

Scores = NDArray[np.float64]
Rule = Callable[[Examples, Examples, int], dict[str, Scores]]


def baselines(train: Examples, test: Examples, seed: int = 0) -> dict[str, Scores]:
    """Scores (n,) of the `test` examples by the simplest rules; all learn from benign ones only.

    - `unseen_vector`: 1 where the very same feature values never occurred in training, else 0.
    - of numbers, truth values and categories: `largest_deviation`, `total`, `nearest_benign`, see
      `number_baselines`; a series of decimal numbers counts by its length, mean, deviation,
      smallest and largest.
    - of sequences of keys: see `detectors.evaluation.sequence_baselines`.
    - of texts: see `detectors.evaluation.text_baselines`.

    Raises:
        InputError: there are no benign training examples, or the features differ.
    """
    if train.names != test.names:
        raise InputError("Training and test examples have different features")
    benign = train.benign()
    if not len(benign):
        raise InputError("Baselines need benign training examples")
    unseen = ~occurring(benign.units, test.units)
    scores = {"unseen_vector": unseen.astype(np.float64)}
    for rule, columns in _rules(benign.units):
        if columns:
            found = rule(benign.select(columns), test.select(columns), seed)
            same = scores.keys() & found.keys()
            scores |= {f"{columns[0]}.{n}" if n in same else n: s for n, s in found.items()}
    return scores


def _rules(units: pa.Table) -> list[tuple[Rule, list[str]]]:
    """The kinds of baselines, each with the features that it is about."""
    kinds = {name: units.schema.field(name).type for name in units.column_names}
    lists = [name for name, kind in kinds.items() if is_list(kind)]
    keys = [name for name in lists if not pa.types.is_floating(kinds[name].value_type)]
    texts = [name for name, kind in kinds.items() if is_text(kind)]
    if len(texts) + len(lists) < len(kinds):
        texts = [n for n in texts if pc.count_distinct(units.column(n)).as_py() > _CATEGORIES]
    numbers = [name for name in kinds if name not in (*keys, *texts)]
    return [(number_baselines, numbers), (_key_baselines, keys), (_text_baselines, texts)]


def _key_baselines(benign: Examples, test: Examples, seed: int) -> dict[str, Scores]:
    from detectors.evaluation.sequence_baselines import sequence_baselines

    return sequence_baselines(benign, test, seed)


def _text_baselines(benign: Examples, test: Examples, seed: int) -> dict[str, Scores]:
    from detectors.evaluation.text_baselines import text_baselines

    return text_baselines(benign, test, seed)


def number_baselines(benign: Examples, test: Examples, seed: int) -> dict[str, Scores]:
    """Baselines of rows of numbers; a category counts as a group of zeros and a one.

    - `largest_deviation`: the largest distance of any number from its training mean, in standard
      deviations; one that was constant counts its distance in units of its own.
    - `total`: how far the sum of the numbers (the length of a session, where they are counts)
      lies from the training median.
    - `nearest_benign`: Euclidean distance, numbers standardized, to the nearest of at most 2,000
      distinct training examples.
    """
    learned = Matrix.of(_summarized(benign))
    judged = Matrix.of(_summarized(test), learned.encoding)
    medians = np.nan_to_num(learned.medians()).astype(np.float64)
    known, asked = (_known(rows.features, medians) for rows in (learned, judged))
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    near, far = (known - mean) / scale, (asked - mean) / scale
    return {
        "largest_deviation": np.abs(far).max(axis=1, initial=0.0),
        "total": np.abs(asked.sum(axis=1) - np.median(known.sum(axis=1))),
        "nearest_benign": _nearest(far, _sample(near, seed)),
    }


def _summarized(examples: Examples) -> Examples:
    """With a few numbers about each series in the place of the series."""
    columns: dict[str, Any] = {}
    for name in examples.names:
        column = examples.units.column(name)
        if is_list(column.type):
            columns |= _summary(name, column.combine_chunks())
        else:
            columns[name] = column
    return Examples(pa.table(columns), examples.positive, examples.labels)


def _summary(name: str, series: pa.Array) -> dict[str, Scores]:
    """(n,) numbers about each of n series; NaN of an empty one, but for its length."""
    offsets = list_offsets(series)
    values = np.asarray(pc.cast(pc.list_flatten(series), pa.float64()), dtype=np.float64)
    lengths = np.diff(offsets).astype(np.float64)
    some = lengths > 0

    def reduced(reduce: np.ufunc, numbers: Scores) -> Scores:
        whole = np.full(len(lengths), np.nan)
        if some.any():
            whole[some] = reduce.reduceat(numbers, offsets[:-1][some])
        return whole

    count = np.maximum(lengths, 1)
    mean = reduced(np.add, values) / count
    variance = np.maximum(reduced(np.add, values**2) / count - mean**2, 0)
    return {
        f"{name}.length": lengths,
        f"{name}.mean": mean,
        f"{name}.deviation": np.sqrt(variance),
        f"{name}.smallest": reduced(np.minimum, values),
        f"{name}.largest": reduced(np.maximum, values),
    }


@dataclass(frozen=True)
class Ceiling:
    """What the best possible scorer reaches, for it cannot tell equal units apart.

    Attributes:
        average_precision: of ranking units by the share of attacks among their equals.
        auc: of the same ranking.
        f1: at the best threshold of that ranking.
        contradictions: examples whose equals occur with both labels.
    """

    average_precision: float | None
    auc: float | None
    f1: float | None
    contradictions: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


def oracle_ceiling(units: pa.Table, positive: NDArray[np.bool_]) -> Ceiling:
    """The ceiling for n units with labels (n,); None where a class is missing."""
    (same,) = identities(units)
    attacks = np.bincount(same, weights=positive)
    sizes = np.bincount(same)
    mixed = (attacks > 0) & (attacks < sizes)
    contradictions = int(sizes[mixed].sum())
    if not positive.any() or positive.all():
        return Ceiling(None, None, None, contradictions)
    ranking = Ranking.of((attacks / sizes)[same], threshold=np.inf)
    counts = ranking.count(positive)
    true, false = (count.cumsum() for count in counts)
    f1 = float((2 * true / (true + false + positive.sum())).max())
    return Ceiling(float(average_precision(*counts)), float(auc(*counts)), f1, contradictions)


def duplicate_share(train: pa.Table, test: pa.Table) -> float:
    """Share of the test units whose very feature values occur in training; 0 for no test units."""
    return float(occurring(train, test).mean()) if test.num_rows else 0.0


def occurring(train: pa.Table, test: pa.Table) -> NDArray[np.bool_]:
    """(n,) which of the n test units have feature values that occur in training."""
    known, asked = identities(train, test)
    return np.isin(asked, known)


def _known(features: NDArray[np.float32], medians: NDArray[np.float64]) -> NDArray[np.float64]:
    finite = np.nan_to_num(features, nan=np.nan)
    return np.where(np.isnan(finite), medians, finite)


def _sample(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    distinct = np.unique(rows, axis=0)
    if len(distinct) <= _NEIGHBOURS:
        return distinct
    return np.random.default_rng(seed).choice(distinct, _NEIGHBOURS, replace=False)


def _nearest(rows: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    nearest = np.empty(len(rows))
    squares = (known**2).sum(axis=1)
    for at in range(0, len(rows), _ROWS):
        part = rows[at : at + _ROWS]
        squared = (part**2).sum(axis=1)[:, None] - 2 * part @ known.T + squares
        nearest[at : at + _ROWS] = np.sqrt(squared.min(axis=1).clip(0))
    return nearest
