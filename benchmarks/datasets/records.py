"""Datasets that are CSV files with a header and one record a line: split, and labelled."""

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.datasets.files import read_lines, write_labels, write_lines

TEST_SHARE = 0.3


@dataclass(frozen=True)
class Record:
    """One record of a file.

    Attributes:
        line: as it stands there.
        values: by the names in the header.
    """

    line: str
    values: Mapping[str, str]


def read_records(path: Path) -> Iterator[Record]:
    """The records of a plain or gzip CSV file."""
    lines = read_lines(path)
    names = next(csv.reader([next(lines)]))
    for line in lines:
        yield Record(line, dict(zip(names, next(csv.reader([line])), strict=True)))


def write_records(
    records: Sequence[Record],
    label_of: Callable[[Record], str],
    into: Path,
    name: str,
    unit: str | None = None,
) -> tuple[Path, Path]:
    """Write records in their original format, and their labels; returns both files.

    Args:
        records: one at least.
        label_of: the label of a record.
        into: the directory.
        name: of the files.
        unit: the column that names a record; None: its line does.
    """
    header = ",".join(f'"{column}"' for column in records[0].values)
    raw = write_lines(into / f"{name}.csv.gz", [header, *(record.line for record in records)])
    labels = (
        (str(line) if unit is None else record.values[unit], label_of(record))
        for line, record in enumerate(records, start=2)
    )
    return raw, write_labels(into / f"{name}_labels.csv", labels)


def drawn_split(group: str) -> Literal["train", "test"]:
    """The split of all records of a group, for ever: a share of `TEST_SHARE` of groups tests."""
    digest = hashlib.sha256(group.encode("utf-8", "surrogateescape")).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return "test" if share < TEST_SHARE else "train"
