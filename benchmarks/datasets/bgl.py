"""BlueGene/L's log: lines that administrators tagged as alerts, and others.

Oliner and Stearley, What Supercomputers Say: A Study of Five System Logs, DSN 2007; from LogHub
(Zhu et al., ISSRE 2023). The tag is the first word of a line, which the source puts into a field
that no feature reads.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.datasets import (
    Dataset,
    Judged,
    Part,
    find,
    join_lines,
    read_lines,
    write_labels,
)


def _parts(data: Path, into: Path) -> list[Part]:
    return [
        _part(find(data, "raw_logs/BGL_*.log*"), into, "train"),
        _part(find(data, "loghub_2k/BGL/BGL_2k.log.gz"), into, "test"),
    ]


def _part(files: list[Path], into: Path, split: Literal["train", "test"]) -> Part:
    return labelled(join_lines(files, into / f"{split}.log.gz"), into, split)


def labelled(raw: Path, into: Path, split: Literal["train", "test"]) -> Part:
    """A file of the log as a part, with the tags of its lines as labels."""
    return Part(raw, write_labels(into / f"{split}_labels.csv", _labels(raw)), split)


def _labels(raw: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_lines(raw), start=1):
        yield str(number), line.split(" ", 1)[0]


def measure(judged: Judged) -> Mapping[str, Any]:
    """Where alerts rank among other lines, and how many of both are new to the model."""
    benign = np.sort(judged.scores[~judged.positive])
    below = np.searchsorted(benign, judged.scores) / max(len(benign), 1)
    lines = judged.examples["test"]["line"].to_pylist()
    known = set(judged.examples["train"]["line"].to_pylist())
    unseen = np.array([line not in known for line in lines])
    return {
        "mean_rank_of_alerts": float(below[judged.positive].mean()),
        "unseen_share_of_alerts": float(unseen[judged.positive].mean()),
        "unseen_share_of_benign": float(unseen[~judged.positive].mean()),
    }


DATASET = Dataset(
    golden="bgl_alerts",
    detectors=("bgl_language_model",),
    parts=_parts,
    protocol="the first 5,000 lines (35 minutes, no alert) train, 2,000 of seven months test: "
    "most of what is normal later does not occur in training, see unseen_share_of_benign",
    published_split=True,
    measure=measure,
)
