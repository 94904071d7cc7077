"""Finding, reading and writing the files of public datasets."""

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from whetstone.errors import InputError


class MissingDataError(InputError):
    """A public file that a dataset needs is not there; its row is skipped with this reason."""


def find(data: Path, *patterns: str) -> list[Path]:
    """The files below `data` that match any of the glob patterns, in order of their names.

    Raises:
        MissingDataError: a pattern matches nothing.
    """
    found: set[Path] = set()
    for pattern in patterns:
        matching = {path for path in data.glob(pattern) if path.is_file()}
        if not matching:
            raise MissingDataError(f"{data / pattern}: no such file; see the data's README")
        found |= matching
    return sorted(found)


def find_one(data: Path, pattern: str) -> Path:
    """The only file below `data` that matches a glob pattern.

    Raises:
        MissingDataError: there is none, or there are several.
    """
    found = find(data, pattern)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise MissingDataError(f"{data / pattern}: one file is expected, there are {names}")
    return found[0]


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a plain or gzip text file, without their ends; bytes that are no UTF-8 stay."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for line in file:
            yield line.rstrip("\r\n")


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write a text file, gzip where its name ends in `.gz`; returns it.

    Equal lines and names give equal bytes, so that what is contributed twice is recognised.
    """
    with path.open("wb") as raw:
        zipped = path.suffix == ".gz"
        # A fast level: the file is read once or twice and then gone.
        with gzip.GzipFile(path.name, "wb", 1, raw, mtime=0) if zipped else nullcontext(raw) as out:
            for line in lines:
                out.write(line.encode("utf-8", "surrogateescape") + b"\n")
    return path


def join_lines(paths: Iterable[Path], into: Path, header: bool = False) -> Path:
    """Put the lines of several files into one; with `header`, that of the first file alone."""

    def lines() -> Iterator[str]:
        for number, path in enumerate(paths):
            part = read_lines(path)
            if header and number:
                next(part, None)
            yield from part

    return write_lines(into, lines())


def write_labels(path: Path, rows: Iterable[Sequence[str]]) -> Path:
    """Write a CSV of labels; returns it.

    Args:
        path: to write.
        rows: (unit, label) each, or (unit, label, start, end) each; the unit `*` is the rest.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, row in enumerate(rows):
            if not number:
                writer.writerow(("unit", "label", "start", "end")[: len(row)])
            writer.writerow(row)
    return path
