"""Builders of examples and detectors."""

import csv
import gzip
import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from detectors.interface import Examples
from whetstone.catalog import catalog_pb2

FAMILIES = ("gradient_boosting", "pca_spe", "isolation_forest")


def detector(family: str, features: tuple[str, ...] = (), **point: float) -> catalog_pb2.Detector:
    """A small detector of the family; `point` is its operating point."""
    message = catalog_pb2.Detector(
        name=f"a_{family}",
        features=features,
        operating_point=catalog_pb2.OperatingPoint(**point or {"max_false_positive_rate": 0.01}),
    )
    getattr(message, family).SetInParent()
    message_parameters = {
        "gradient_boosting": {"iterations": 10, "max_leaf_nodes": 8},
        "isolation_forest": {"trees": 30},
    }
    for name, value in message_parameters.get(family, {}).items():
        setattr(getattr(message, family), name, value)
    return message


def examples(n: int = 400, seed: int = 0, missing: float = 0.0) -> Examples:
    """Heavy-tailed features of which attacks raise the first two; the fourth is constant."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.15
    features = rng.lognormal(sigma=1.5, size=(n, 5))
    features[:, 1] = features[:, 0] * rng.lognormal(sigma=0.05, size=n)
    features[positive, 0] *= 30
    features[positive, 2] += 50
    features[:, 3] = 7
    features[rng.random(features.shape) < missing] = np.nan
    names = tuple(f"feature_{at}" for at in range(5))
    return Examples(features.astype(np.float32), names, positive)


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
