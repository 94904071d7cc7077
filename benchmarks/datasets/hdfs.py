"""HDFS: sessions of log keys, one a block, in the split of DeepLog.

Xu et al., Detecting Large-Scale System Problems by Mining Console Logs, SOSP 2009 (the logs);
Du et al., DeepLog, CCS 2017 (the split: 4,855 normal sessions train).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import (
    Dataset,
    Goal,
    Judged,
    Part,
    find,
    join_lines,
    read_lines,
    write_labels,
)
from benchmarks.datasets.hdfs_verdicts import Experiment, verdict_rounds
from detectors import family_of
from detectors.evaluation.sequence_baselines import sequence_baselines
from detectors.interface import Examples
from whetstone.catalog import load_catalog
from whetstone.settings import settings

NORMAL, ANOMALOUS = 553_366, 16_838
"""Sessions of the full test set, of which only some of the normal ones are public."""

KEYS = "hdfs/deeplog_keys"
"""Folder of the key files below the data."""

_DETECTOR = "hdfs_keys_sequence"


def _parts(data: Path, into: Path) -> list[Part]:
    train = find(data, f"{KEYS}/hdfs_train*")
    normal = find(data, f"{KEYS}/hdfs_test_normal*")
    abnormal = find(data, f"{KEYS}/hdfs_test_abnormal*")
    return [
        _part(train, [], into, "train", "2026-01-01"),
        _part(normal, abnormal, into, "test", "2026-01-02"),
    ]


def _part(
    normal: list[Path], abnormal: list[Path], into: Path, split: Literal["train", "test"], day: str
) -> Part:
    """All sessions in one file, the normal ones first; units are the numbers of lines."""
    raw = join_lines([*normal, *abnormal], into / f"{split}.txt.gz")
    first = sum(1 for path in normal for _ in read_lines(path)) + 1
    rows = _labels(first, sum(1 for _ in read_lines(raw)))
    return Part(raw, write_labels(into / f"{split}.csv", rows), split, day)


def _labels(first: int, last: int) -> Iterator[tuple[str, str]]:
    for number in range(first, last + 1):
        yield str(number), "anomaly"
    yield "*", "normal"


def weighted(alerts: NDArray[np.bool_], positive: NDArray[np.bool_]) -> dict[str, float]:
    """Precision, recall and F1 as the full test set would have them at the same two rates."""
    recall = float(alerts[positive].mean())
    false_positives = float(alerts[~positive].mean()) * NORMAL
    true_positives = recall * ANOMALOUS
    found = true_positives + false_positives
    precision = true_positives / found if found else 0.0
    f1 = 2 * true_positives / (ANOMALOUS + found)
    return {"weighted_precision": precision, "weighted_recall": recall, "weighted_f1": f1}


def _measure(judged: Judged) -> Mapping[str, Any]:
    train, test = (_examples(judged, name) for name in ("train", "test"))
    unseen = sequence_baselines(train, test)["unseen_count_vector"] > 0
    detector = load_catalog(settings().catalog).detectors[_DETECTOR]
    rounds = verdict_rounds(
        Experiment(
            family=family_of(detector),
            model=judged.trained.model,
            train=train,
            test=test,
            significance=detector.operating_point.significance,
            seed=judged.trained.seed,
        ),
        weighted,
    )
    return {
        **weighted(judged.alerts, judged.positive),
        "false_positives": int((judged.alerts & ~judged.positive).sum()),
        "weighted_f1_unseen_count_vector": weighted(unseen, judged.positive)["weighted_f1"],
        "weighted_precision_after_50_verdicts": rounds[-1]["weighted_precision"],
        "weighted_recall_after_50_verdicts": rounds[-1]["weighted_recall"],
        "after_verdicts": {str(row["verdicts"]): row for row in rounds},
    }


def _examples(judged: Judged, split: str) -> Examples:
    table = judged.examples[split]
    positive = table["positive"].to_numpy().astype(bool)
    return Examples(table.select(["keys"]), positive)


DATASET = Dataset(
    golden="hdfs_key_sessions",
    detectors=(_DETECTOR,),
    parts=_parts,
    protocol="4,855 normal sessions train, of which a fifth validates; the threshold follows from "
    "the tail of the scores of the others. The public part of the other normal and of the abnormal "
    "sessions tests (split of DeepLog). Weighted figures are those of the full test set at the "
    "same rates: 553,366 normal, 16,838 abnormal sessions",
    published_split=True,
    published={
        "weighted F1, DeepLog (Du 2017, paper)": 0.96,
        "weighted F1, DeepLog (LogDeep)": 0.9454,
        "weighted F1, LogAnomaly (LogDeep)": 0.9757,
        "weighted F1, new event + length + count vector clusters (Landauer 2023)": 0.988,
    },
    goals=(
        Goal("weighted_f1", 0.976),
        Goal("weighted_precision_after_50_verdicts", 0.99),
        Goal("weighted_recall_after_50_verdicts", 0.99),
    ),
    measure=_measure,
)
