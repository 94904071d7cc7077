"""Sessions of log keys in one CSV file, `session_id,split,label,keys`, as LogHub's are published.

Landauer, Skopik, Wurzenberger, A Critical Review of Common Log Data Sets Used for Evaluation of
Sequence-based Anomaly Detection Techniques, FSE 2024.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.datasets import Judged, Part, find_one, read_lines, write_labels, write_lines
from benchmarks.datasets.records import drawn_split
from detectors.evaluation.identity import identities

PROTOCOL = (
    "30 % of all sessions test, the normal ones of the rest train; the published split has fewer"
    " than 20 sessions to train on, too few to choose a threshold"
)
_SESSION, _LABEL = 0, 2  # columns; one of keys is longer than the csv module reads


def parts(data: Path, into: Path, pattern: str) -> list[Part]:
    """The sessions of the file that matches the pattern."""
    header, *sessions = read_lines(find_one(data, pattern))
    return [_part(header, sessions, into, split) for split in ("train", "test")]


def _part(header: str, sessions: list[str], into: Path, split: Literal["train", "test"]) -> Part:
    chosen = [line for line in sessions if drawn_split(line.split(",", 1)[0]) == split]
    rows = [line.split(",", 3) for line in chosen]
    return Part(
        write_lines(into / f"{split}.csv.gz", [header, *chosen]),
        write_labels(into / f"{split}_labels.csv", [(r[_SESSION], r[_LABEL]) for r in rows]),
        split,
    )


def contradictions(judged: Judged) -> Mapping[str, Any]:
    """How far the labels contradict themselves, for whom a good F1 would be a mistake.

    - `anomalies_equal_to_normal`: share of the anomalous test sessions whose very keys a normal
      session of any part has.
    - `f1_of_flagging_all`: F1 of calling each test session anomalous.
    """
    tables = list(judged.examples.values())
    keys = identities(*(table.select(["keys"]) for table in tables))
    normal = [
        codes[~table["positive"].to_numpy().astype(bool)]
        for codes, table in zip(keys, tables, strict=True)
    ]
    tested = keys[list(judged.examples).index("test")][judged.positive]
    positives = int(judged.positive.sum())
    return {
        "anomalies_equal_to_normal": float(np.isin(tested, np.concatenate(normal)).mean()),
        "f1_of_flagging_all": 2 * positives / (positives + len(judged.positive)),
    }
