"""Builders of examples and detectors: of each family a small one, with examples it can learn."""

import csv
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from detectors.interface import Examples
from whetstone.catalog import catalog_pb2


def rows(features: np.ndarray, names: tuple[str, ...], positive: np.ndarray | None) -> Examples:
    """Examples whose features are the columns of a matrix (n, d)."""
    matrix = features.astype(np.float32)
    columns = {name: pa.array(matrix[:, at]) for at, name in enumerate(names)}
    return Examples(pa.table(columns), positive)


def examples(n: int = 400, seed: int = 0, missing: float = 0.0) -> Examples:
    """Heavy-tailed numbers; attacks raise the first and the third, the fourth is constant."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.15
    features = rng.lognormal(sigma=1.5, size=(n, 5))
    features[:, 1] = features[:, 0] * rng.lognormal(sigma=0.05, size=n)
    features[positive, 0] *= 30
    features[positive, 2] += 50
    features[:, 3] = 7
    features[rng.random(features.shape) < missing] = np.nan
    return rows(features, tuple(f"feature_{at}" for at in range(5)), positive)


def matrix(given: Examples) -> np.ndarray:
    """The features of such examples, (n, d)."""
    return np.column_stack([column.to_numpy() for column in given.units.columns])


def odd_rows() -> pa.Table:
    """Units whose numbers are missing, infinite or the largest there are."""
    nan, inf = np.nan, np.inf
    odd = np.array([[nan] * 5, [inf] * 5, [-inf] * 5, [3e38] * 5, [-3e38] * 5, [0] * 5])
    return rows(odd, examples().names, None).units


def sessions(n: int = 200, seed: int = 0) -> Examples:
    """Sessions of events in a fixed order with repetitions; attacks skip, swap or add events."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.2
    events: list[list[str]] = []
    for attack in positive:
        usual = ["open", *["read"] * int(rng.integers(1, 4)), "write", "sync", "close"]
        if attack:
            at = int(rng.integers(1, len(usual)))
            usual[at:at] = [("close", "write", "fail")[int(rng.integers(3))]] * 2
        events.append(usual)
    return Examples(pa.table({"events": pa.array(events, pa.list_(pa.string()))}), positive)


def odd_sessions() -> pa.Table:
    """Sessions without an event, with one, with unknown ones, and a very long one."""
    odd = [[], ["open"], ["never", "seen"], ["read"] * 700, None]
    return pa.table({"events": pa.array(odd, pa.list_(pa.string()))})


def programs(n: int = 200, seed: int = 0) -> Examples:
    """Sessions of either of two programs, in any order; attacks do what belongs to both."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.2
    mail, web = ["accept", "queue", "send", "sync"], ["listen", "read", "render", "sync"]
    used = [[mail, web, mail + web][2 if attack else int(rng.integers(2))] for attack in positive]
    events = [rng.permutation(keys * int(rng.integers(1, 4))).tolist() for keys in used]
    return Examples(pa.table({"events": pa.array(events, pa.list_(pa.string()))}), positive)


def processes(n: int = 300, seed: int = 0) -> Examples:
    """Sessions as above with numbers beside them, some of which an attack raises."""
    both, numbers = sessions(n, seed), examples(n, seed + 1)
    assert both.positive is not None and numbers.positive is not None
    units = both.units
    for name in ("feature_0", "feature_2"):
        units = units.append_column(name, numbers.units.column(name))
    return Examples(units, both.positive | numbers.positive)


def odd_processes() -> pa.Table:
    """Odd sessions with odd numbers."""
    odd, units = odd_rows(), odd_sessions()
    for name in ("feature_0", "feature_2"):
        units = units.append_column(name, odd.column(name).slice(0, len(units)))
    return units


def texts(n: int = 200, seed: int = 0) -> Examples:
    """Values of URL parameters; attacks inject SQL or scripts."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    names = ("anna", "bert", "carla", "dora", "emil", "frida", "gustav")
    attacks = ("' or 1=1 --", "<script>alert(1)</script>", "../../etc/passwd", "1; drop table t")
    values = [
        f"{names[int(rng.integers(7))]}{int(rng.integers(100))}"
        + (attacks[int(rng.integers(4))] if attack else "")
        for attack in positive
    ]
    return Examples(pa.table({"value": values}), positive)


def odd_texts() -> pa.Table:
    """Texts that are empty, missing, of unknown characters, of control characters, or very long."""
    odd = ["", None, "\N{SNOWMAN}\N{GRINNING FACE}", "\x00\x1b[31m\u202e", "a" * 5000]
    return pa.table({"value": pa.array(odd, pa.string())})


def flows(n: int = 200, seed: int = 0) -> Examples:
    """Flows between two hosts; those of attacks come at equal times, the others in bursts."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    columns: dict[str, list[np.ndarray]] = {"times": [], "sizes": []}
    for attack in positive:
        count = int(rng.integers(6, 20))
        gaps = rng.normal(60, 2, count) if attack else rng.lognormal(1, 3, count)
        columns["times"].append(1e9 + np.cumsum(gaps))
        columns["sizes"].append(rng.integers(60, 5000, count).astype(float))
    lists = {name: pa.array(column, pa.list_(pa.float64())) for name, column in columns.items()}
    return Examples(pa.table(lists), positive)


def odd_flows() -> pa.Table:
    """No flows, a single one, unknown and infinite numbers, time that goes back, very many."""
    odd = [[], [1.0], [None, np.nan], [np.inf, -np.inf, 3e300], [9.0, 3.0, 3.0], [7.0] * 700, None]
    column = pa.array(odd, pa.list_(pa.float64()))
    return pa.table({"times": column, "sizes": column})


@dataclass(frozen=True)
class Case:
    """How a family is tried.

    Attributes:
        parameters: of its message; small, for training must be quick.
        build: gives n examples by a seed, attacks and benign ones.
        odd: units such as nobody expects, which must be scored all the same.
        supervised: whether it learns from attacks too.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    build: Callable[[int, int], Examples] = examples
    odd: Callable[[], pa.Table] = odd_rows
    supervised: bool = False


CASES: dict[str, Case] = {
    "gradient_boosting": Case({"iterations": 10, "max_leaf_nodes": 8}, supervised=True),
    "pca_spe": Case(),
    "isolation_forest": Case({"trees": 30}),
    "random_forest": Case({"trees": 20}, supervised=True),
    "logistic_regression": Case(supervised=True),
    "nearest_neighbours": Case({"neighbours": 2, "kept": 250}),
    "mahalanobis": Case(),
    "sequence_ngrams": Case(build=sessions, odd=odd_sessions),
    "sequence_sets": Case({"kept": 50}, programs, odd_sessions),
    "ensemble": Case(
        {
            "members": [
                {"name": "calls", "features": ["events"], "sequence_ngrams": {"longest": 3}},
                {
                    "name": "numbers",
                    "features": ["feature_0", "feature_2"],
                    "isolation_forest": {"trees": 20},
                },
            ]
        },
        processes,
        odd_processes,
    ),
    "flow_sequence": Case(
        {"convolutional": {"channels": 8}, "epochs": 4, "times": "times", "learning_rate": 0.02},
        build=flows,
        odd=odd_flows,
        supervised=True,
    ),
    "text_ngrams": Case({"longest": 4}, build=texts, odd=odd_texts, supervised=True),
    "text_cnn": Case(
        {"channels": 8, "epochs": 6, "learning_rate": 0.02},
        build=texts,
        odd=odd_texts,
        supervised=True,
    ),
    "language_model": Case(
        {"recurrent": {"cell": "GRU", "hidden": 16}, "epochs": 15, "learning_rate": 0.02},
        build=texts,
        odd=odd_texts,
    ),
    "log_key_sequence": Case(
        {"hidden": 24, "epochs": 12, "max_length": 64}, build=sessions, odd=odd_sessions
    ),
}
FAMILIES = tuple(CASES)
TABULAR = tuple(name for name, case in CASES.items() if case.build is examples)


def detector(family: str, features: tuple[str, ...] = (), **point: float) -> catalog_pb2.Detector:
    """A small detector of the family; `point` is its operating point."""
    message = catalog_pb2.Detector(
        name=f"a_{family}",
        features=features,
        operating_point=catalog_pb2.OperatingPoint(**point or {"max_false_positive_rate": 0.01}),
    )
    getattr(message, family).MergeFrom(type(getattr(message, family))(**CASES[family].parameters))
    getattr(message, family).SetInParent()
    return message


def hdfs_training_set(data: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """3,414 HDFS sessions as counts of their 30 templates; a fixed hash holds 40 % out."""
    path = data / "hdfs" / "raw" / "HDFS_sessions_early30pct_labels.csv.gz"
    with gzip.open(path, "rt") as lines:
        rows = list(csv.DictReader(lines))
    names = tuple(f"template_{key}" for key in range(1, 31))
    counts = np.zeros((len(rows), 30), dtype=np.int64)
    for at, row in enumerate(rows):
        np.add.at(counts[at], [int(key) - 1 for key in row["expected_keys"].split()], 1)
    shares = [hashlib.sha256(row["session_id"].encode()).digest()[0] / 256 for row in rows]
    table = {
        "environment": ["hadoop"] * len(rows),
        "unit": [row["session_id"] for row in rows],
        "positive": [row["label"] == "Anomaly" for row in rows],
        "split": [
            "test" if share < 0.4 else "validation" if share < 0.6 else "train" for share in shares
        ],
    }
    return pa.table(table | dict(zip(names, counts.T, strict=True))), names
