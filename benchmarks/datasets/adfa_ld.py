"""ADFA-LD: system calls of the processes of a Linux server, in daily work and under six attacks.

Creech, Hu, Generation of a New IDS Test Dataset: Time to Retire the KDD Collection, WCNC 2013.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.datasets import Dataset, Goal, Judged, Part, find, read_lines, write_lines
from benchmarks.datasets.files import write_labels
from detectors.evaluation.curves import Ranking, auc

_FILES = "adfa_ld/adfa_ld_*.tsv*"
_TRACE, _SPLIT, _ATTACK = 0, 1, 2  # columns; the calls follow


def _parts(data: Path, into: Path) -> list[Part]:
    lines = [line for path in find(data, _FILES) for line in read_lines(path)]
    trained = [line for line in lines if line.split("\t", 3)[_SPLIT] == "train"]
    others = [line for line in lines if line.split("\t", 3)[_SPLIT] in ("validation", "attack")]
    return [_part(trained, into, "train"), _part(others, into, "test")]


def _part(lines: list[str], into: Path, split: Literal["train", "test"]) -> Part:
    """The records as they are, of which the source reads name and calls alone, and their labels."""
    raw = write_lines(into / f"{split}.tsv.gz", lines)
    return Part(raw, write_labels(into / f"{split}_labels.csv", _labels(lines)), split)


def _labels(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        columns = line.split("\t", 3)
        yield columns[_TRACE], columns[_ATTACK]


def _measure(judged: Judged) -> Mapping[str, Any]:
    """By attack, none of which training had: ranking against all normal traces, and recall.

    `traces_of_training` is the share of normal test traces that training had, call by call.
    """
    labels = np.array(judged.examples["test"]["label"].to_pylist())
    found: dict[str, Any] = {}
    for attack in sorted(set(labels[judged.positive])):
        asked = (labels == attack) | ~judged.positive
        ranking = Ranking.of(judged.scores[asked], threshold=np.inf)
        found[f"auc_{attack}"] = float(auc(*ranking.count(judged.positive[asked])))
        found[f"recall_{attack}"] = float(judged.alerts[labels == attack].mean())
    known = {tuple(calls) for calls in judged.examples["train"]["calls"].to_pylist()}
    normal = judged.examples["test"].filter(~judged.examples["test"]["positive"].to_numpy())
    repeated = [tuple(calls) in known for calls in normal["calls"].to_pylist()]
    return found | {"traces_of_training": float(np.mean(repeated))}


DATASET = Dataset(
    golden="adfa_ld",
    detectors=("adfa_ld_trace",),
    parts=_parts,
    protocol="833 normal traces train (a fifth of them chooses the threshold), the other normal "
    "traces and all attacks test, as published; nothing is learned from attacks, so each of the "
    "six is a new one",
    published_split=True,
    published={"AUC, ensemble of LSTM (Kim 2016)": 0.928},
    goals=(Goal("auc", 0.93), Goal("recall_at_fpr_0.05", 0.60)),
    measure=_measure,
)
