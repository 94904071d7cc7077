"""HttpParamsDataset (Morzeux): values of HTTP parameters, ordinary and of four kinds of injection.

https://github.com/Morzeux/HttpParamsDataset
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets import Dataset, Goal, Judged, Part, find
from benchmarks.datasets.records import Record, drawn_split, read_records, write_records

_NUMBER = re.compile(r"(0x)?[0-9][0-9a-f]*")
_WORD = re.compile(r"(?<![a-z])[a-z]{4}(?![a-z])")


def _parts(data: Path, into: Path) -> list[Part]:
    files = find(data, "web/httpparams*.csv*")
    published = {path: "test" if "test" in path.name else "train" for path in files}
    records = [(published[path], record) for path in files for record in read_records(path)]
    if "test" not in published.values():
        records = [(drawn_split(shape(record)), record) for _, record in records]
    return [
        Part(*write_records([r for s, r in records if s == split], _label, into, split), split)
        for split in ("train", "test")
    ]


def shape(record: Record) -> str:
    """What near-duplicates have in common: numbers and words of four letters, which the tools that
    made most of the attacks drew at random, are one sign each.
    """
    return _WORD.sub("w", _NUMBER.sub("0", record.values["payload"].lower()))


def _label(record: Record) -> str:
    return record.values["attack_type"]


def _measure(judged: Judged) -> Mapping[str, Any]:
    """Recall by kind of attack, with how many there are; kinds of a few dozen vary a lot."""
    labels = np.array(judged.examples["test"]["label"].to_pylist())
    kinds = sorted(set(labels[judged.positive]))
    recall = {f"recall_{kind}": float(judged.alerts[labels == kind].mean()) for kind in kinds}
    return recall | {f"units_{kind}": int((labels == kind).sum()) for kind in kinds}


DATASET = Dataset(
    golden="http_parameter_injection",
    detectors=("http_parameter_injection_ngrams", "http_parameter_injection_cnn"),
    parts=_parts,
    protocol="the published test file tests where it is there; else values of 30 % of the shapes "
    "(numbers and words of four letters alike), so that near-duplicates never straddle the split",
    goals=(Goal("f1", 0.995),),
    measure=_measure,
)
