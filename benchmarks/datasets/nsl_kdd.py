"""NSL-KDD: connections of a simulated network, half of the attacks of the test of other kinds.

Tavallaee, Bagheri, Lu, Ghorbani, A Detailed Analysis of the KDD CUP 99 Data Set, CISDA 2009.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

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

_LABEL = 41  # column of a record, after its 41 fields; the difficulty follows
_CLASSES = "nsl_kdd/attack_types.csv"
# Kinds of attack that occur in the test files alone, which `_CLASSES` therefore does not name.
_NEW = {
    "dos": ("apache2", "mailbomb", "processtable", "udpstorm", "worm"),
    "probe": ("mscan", "saint"),
    "r2l": ("httptunnel", "named", "sendmail", "snmpgetattack", "snmpguess", "xlock", "xsnoop"),
    "u2r": ("ps", "sqlattack", "xterm"),
}


def _parts(data: Path, into: Path) -> list[Part]:
    find(data, _CLASSES)
    return [
        _part(find(data, "nsl_kdd/KDDTrain+_20Percent*"), into, "train", "2026-01-01"),
        _part(find(data, "nsl_kdd/KDDTest+*"), into, "test", "2026-01-02"),
    ]


def _part(files: list[Path], into: Path, split: Literal["train", "test"], day: str) -> Part:
    """The records as they are, which the source reads without their label, and their labels."""
    raw = join_lines(files, into / f"{split}.csv.gz")
    return Part(raw, write_labels(into / f"{split}_labels.csv", _labels(raw)), split, day)


def _labels(raw: Path) -> Iterator[tuple[str, str]]:
    for number, record in enumerate(csv.reader(read_lines(raw)), start=1):
        yield str(number), record[_LABEL]


def _measure(judged: Judged) -> Mapping[str, Any]:
    """Recall by class of attack, on kinds of attack that training did not have, and on the others.

    A model of benign units had none of them; what training had is then only what it could have had.
    """
    test = judged.examples["test"]
    labels = np.array(test["label"].to_pylist())
    known = set(judged.examples["train"]["label"].to_pylist())
    known |= set(judged.examples["validation"]["label"].to_pylist())
    unseen = judged.positive & ~np.isin(labels, list(known))
    classes = np.array([_classes(judged.data).get(label, "") for label in labels])
    groups = {
        "unseen_types": unseen,
        "seen_types": judged.positive & ~unseen,
        **{name: classes == name for name in _NEW},
    }
    return {
        f"recall_{name}": float(judged.alerts[group].mean())
        for name, group in groups.items()
        if group.any()
    } | {"unseen_type_units": int(unseen.sum())}


def _classes(data: Path) -> dict[str, str]:
    (path,) = find(data, _CLASSES)
    known = dict(csv.reader(read_lines(path)))
    return known | {kind: name for name, kinds in _NEW.items() for kind in kinds}


DATASET = Dataset(
    golden="nsl_kdd",
    detectors=("nsl_kdd_ensemble", "nsl_kdd_neighbours"),
    parts=_parts,
    protocol="KDDTrain+_20Percent trains, KDDTest+ tests, as published; the threshold lets 5 % of "
    "the normal units of a fifth of the training file pass it",
    published_split=True,
    published={
        "accuracy, J48 (Tavallaee 2009, KDDTest+)": 0.8105,
        "accuracy, NB tree (Tavallaee 2009, KDDTest+)": 0.8202,
        "accuracy, random forest (Tavallaee 2009, KDDTest+)": 0.8067,
        "accuracy, SVM (Tavallaee 2009, KDDTest+)": 0.6952,
    },
    goals=(Goal("accuracy", 0.90),),
    measure=_measure,
)
