"""Scoring speed of the tabular families, beside scikit-learn's own prediction.

    python -m benchmarks.scoring --rows 1000000 --features 20 --json

Each family is trained on 20,000 generated units and scores N others. Ours goes from an Arrow table
to scores by the exported graph; scikit-learn begins with a ready matrix of numbers, which is put on
the logarithmic scale first where the family has it. Both may use all cores, and both answers are
compared. The last line on stdout is a JSON object.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors as SklearnNeighbours

from detectors.gradient_boosting import GradientBoosting
from detectors.interface import Examples, Family, Training
from detectors.isolation_forest import IsolationForest
from detectors.logistic_regression import LogisticRegression
from detectors.mahalanobis import Mahalanobis
from detectors.nearest_neighbours import NearestNeighbours
from detectors.pca_spe import PcaSpe
from detectors.random_forest import RandomForest
from detectors.scaling import LogScale
from detectors.tabular import Matrix
from whetstone.catalog import catalog_pb2 as messages

Floats = NDArray[np.floating[Any]]

_TRAINING_ROWS = 20_000
_RUNS = 3  # of which the fastest counts
_SLOW = {"nearest_neighbours": 50_000}  # rows at most: its cost grows with the training units
_SUPERVISED = ("logistic_regression", "random_forest", "gradient_boosting")
# Forests of the size that a sensor has time for; the cost of a score is that of its trees.
_FAMILIES: dict[str, Family] = {
    "logistic_regression": LogisticRegression(messages.LogisticRegression()),
    "pca_spe": PcaSpe(messages.PcaSpe()),
    "mahalanobis": Mahalanobis(messages.Mahalanobis()),
    "random_forest": RandomForest(messages.RandomForest(trees=10, max_depth=6)),
    "gradient_boosting": GradientBoosting(
        messages.GradientBoosting(iterations=20, max_leaf_nodes=15)
    ),
    "isolation_forest": IsolationForest(messages.IsolationForest()),
    "nearest_neighbours": NearestNeighbours(messages.NearestNeighbours(kept=4096)),
}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    learned = generate(_TRAINING_ROWS, options.features, seed=0)
    asked = generate(options.rows, options.features, seed=1).units
    families = [
        measure(name, learned, asked.slice(0, _SLOW.get(name, len(asked))))
        for name in options.only or _FAMILIES
    ]
    result = {
        "rows": options.rows,
        "features": options.features,
        "cores": len(os.sched_getaffinity(0)),
        "families": families,
    }
    print(json.dumps(result, indent=None if options.json else 2))


def generate(rows: int, features: int, seed: int) -> Examples:
    """Counts of events, some frequent and some rare; attacks have rather more of the rare ones."""
    rng = np.random.default_rng(seed)
    rates = np.geomspace(0.05, 500, features)
    positive = rng.random(rows) < 0.05
    means = rates * rng.lognormal(sigma=0.5, size=(rows, 1))
    means[positive, : features // 2] *= 2
    counts = rng.poisson(means)
    columns = {f"count_{at}": pa.array(counts[:, at]) for at in range(features)}
    return Examples(pa.table(columns), positive)


def measure(name: str, learned: Examples, asked: pa.Table) -> dict[str, Any]:
    """Both ways of scoring `asked` with a family's model of `learned`."""
    family = _FAMILIES[name]
    model = family.fit(learned, Training(seed=1))
    given = Matrix.of(learned if name in _SUPERVISED else learned.benign())
    matrix = Matrix.of(Examples(asked, None), given.encoding)
    plain = _plain(family, given)
    ours_seconds, ours = _fastest(lambda: model.score(asked))
    plain_seconds, expected = _fastest(lambda: plain(matrix.features))
    row = {
        "family": name,
        "rows": len(asked),
        "rows_per_second": round(len(asked) / ours_seconds),
        "sklearn_rows_per_second": round(len(asked) / plain_seconds),
        "ratio": round(plain_seconds / ours_seconds, 2),
        "largest_difference": float(np.abs(ours - expected).max() / np.abs(expected).max()),
        "graph_bytes": len(model.export()),
    }
    print(
        f"{name}: {row['rows_per_second']:,} rows/s,"
        f" scikit-learn {row['sklearn_rows_per_second']:,} rows/s",
        file=sys.stderr,
    )
    return row


def _plain(family: Family, given: Matrix) -> Callable[[NDArray[np.float32]], Floats]:
    """How scikit-learn scores rows (n, d) with the same model."""
    if isinstance(family, RandomForest):
        forest = family.fit_forest(given, seed=1)
        forest.n_jobs = -1
        return lambda rows: np.asarray(forest.predict_proba(rows))[:, 1]
    if isinstance(family, GradientBoosting):
        boosted = family.fit_classifier(given, seed=1)
        return lambda rows: boosted.predict_proba(rows)[:, 1]
    if isinstance(family, IsolationForest):
        isolating = family.fit_forest(given, seed=1)
        isolating.n_jobs = -1
        return lambda rows: -isolating.score_samples(rows)
    scale = LogScale.of(given)
    scaled = _plain_of_scaled(family, given, scale)
    return lambda rows: scaled(scale.apply(rows))


def _plain_of_scaled(
    family: Family, given: Matrix, scale: LogScale
) -> Callable[[NDArray[np.float64]], Floats]:
    """The same of rows that are on the logarithmic scale."""
    if isinstance(family, LogisticRegression):
        regression = family.fit_regression(given, scale)
        return lambda rows: regression.predict_proba(rows)[:, 1]
    if isinstance(family, Mahalanobis):
        covariance = LedoitWolf(assume_centered=True).fit(scale.apply(given.features))
        return covariance.mahalanobis
    if isinstance(family, PcaSpe):
        pca = PCA(n_components=0.95).fit(scale.apply(given.features))
        return lambda rows: ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).sum(axis=1)
    assert isinstance(family, NearestNeighbours)
    neighbours = SklearnNeighbours(n_neighbors=1, algorithm="brute", n_jobs=-1)
    neighbours.fit(family.references(given, scale, seed=1))
    return lambda rows: neighbours.kneighbors(rows.astype(np.float32))[0][:, 0]


def _fastest(score: Callable[[], Floats]) -> tuple[float, Floats]:
    """Seconds of the fastest run, and what it gave."""
    seconds = np.inf
    scores = np.empty(0)
    for _ in range(_RUNS):
        began = time.perf_counter()
        scores = score()
        seconds = min(seconds, time.perf_counter() - began)
    return seconds, scores


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scoring",
        description="Measure how fast the tabular families score, beside scikit-learn.",
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--only", nargs="*", choices=list(_FAMILIES))
    parser.add_argument("--json", action="store_true", help="print the result on one line")
    return parser


if __name__ == "__main__":
    main()
