"""Datasets whose captures are each of one class: split by destination, and how far that is fair."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets import Judged, Part, read_lines, write_labels, write_lines

_TEST_SHARE = 0.4


@dataclass(frozen=True)
class Capture:
    """A file of flows, all of which have the same label.

    Attributes:
        path: plain or gzip.
        label: a class of the golden dataset.
        header: lines at its beginning that are no records.
    """

    path: Path
    label: str
    header: int = 0


def parts_of(
    captures: Sequence[Capture], into: Path, destination_of: Callable[[str], str]
) -> list[Part]:
    """Two fifths of the destinations test, chosen by hash, in each capture; the others train."""
    parts: list[Part] = []
    for number, capture in enumerate(captures):
        lines = list(read_lines(capture.path))
        header, records = lines[: capture.header], lines[capture.header :]
        tested = [_tested(destination_of(line)) for line in records]
        labels = write_labels(into / f"{number}.csv", [("*", capture.label)])
        for split in ("train", "test"):
            own = [
                line
                for line, test in zip(records, tested, strict=True)
                if test == (split == "test")
            ]
            if own:
                name = f"{split}{number}{''.join(capture.path.suffixes)}"
                raw = write_lines(into / name, header + own)
                parts.append(Part(raw, labels, "test" if split == "test" else "train"))
    return parts


def _tested(destination: str) -> bool:
    return sha256(destination.encode()).digest()[0] < _TEST_SHARE * 256


def measure(judged: Judged) -> Mapping[str, Any]:
    """How many hosts stand behind each class, which no other figure of such a dataset shows."""
    tables = [judged.examples[split] for split in ("train", "validation", "test")]
    unit = np.array([unit for table in tables for unit in table["unit"].to_pylist()])
    positive = np.concatenate(
        [table["positive"].to_numpy(zero_copy_only=False) for table in tables]
    )
    sources = np.array([name.partition("|")[0] for name in unit])
    return {
        "sources_positive": float(len(set(sources[positive]))),
        "sources_benign": float(len(set(sources[~positive]))),
    }
