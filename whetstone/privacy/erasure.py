"""Erasure of a subject: the records of raw files that tell of it are blanked.

The raw files are the source of all else: what was made from them is made anew when they change. A
blanked line stays as an empty one, so that the numbers of the others keep their meaning; an empty
line is no record. A file is replaced whole, and only when all other records of it can still be
read.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

import csv
import gzip
import io
import shutil
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import ADDRESS, CSV, HOST, JSON, USER, PersonalData, Source
from whetstone.contributions import Contribution, contribute
from whetstone.durable import flush
from whetstone.engine import open_engine
from whetstone.errors import InputError
from whetstone.parsing import RawFile, parse_files
from whetstone.parsing.records import read_records
from whetstone.privacy.addresses import pack
from whetstone.privacy.text import Own, Texts
from whetstone.sql import identifier

_KINDS: dict[str, PersonalData] = {"address": ADDRESS, "user": USER, "host": HOST}
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_END_OF_FILE = 1 << 62


@dataclass(frozen=True)
class Subject:
    """A person's address, account or machine."""

    kind: PersonalData
    value: str

    def is_named(self, value: str | None) -> bool:
        """Whether a field's value names the subject."""
        if value is None:
            return False
        packed = pack(self.value) if self.kind == ADDRESS else None
        return value == self.value if packed is None else pack(value) == packed

    @property
    def stands_out(self) -> bool:
        """Whether text that bears the value tells of the subject; `root` may be a mere word."""
        return self.kind == ADDRESS or "@" in self.value


def subject_of(text: str) -> Subject:
    """A subject from `KIND=VALUE`.

    Raises:
        InputError: it is of another form.
    """
    kind, _, value = text.partition("=")
    if kind not in _KINDS or not value.strip():
        raise InputError(f"--subject {text}: write address=VALUE, user=VALUE or host=VALUE")
    subject = Subject(_KINDS[kind], value.strip())
    if kind == "address" and pack(subject.value) is None:
        raise InputError(f"--subject {text}: {subject.value} is no IPv4 or IPv6 address")
    return subject


@dataclass(frozen=True)
class Erasure:
    """What there is to erase in a raw file: ranges of lines, and how many records they hold."""

    ranges: list[tuple[int, int]]
    events: int
    rejects: int

    def __bool__(self) -> bool:
        return bool(self.ranges)

    @property
    def records(self) -> int:
        """Events and rejects that will be gone."""
        return self.events + self.rejects


def find_in_file(
    source: Source, path: Path, day: str, subject: Subject, max_line_bytes: int
) -> Erasure:
    """Where a raw file tells of a subject: in fields, in text that bears it, in rejects."""
    columns = [f.name for f in source.fields if f.personal_data == subject.kind]
    named: set[int] = set()
    numbers: list[int] = []
    with _parsed(source, path, day, max_line_bytes) as connection:
        for column, data_type in connection.sql("DESCRIBE events").project("#1, #2").fetchall():
            if column in columns:
                named |= _lines_naming(connection, column, data_type.endswith("[]"), subject)
        events = [line for (line,) in connection.sql("SELECT raw_line FROM events").fetchall()]
        rejects = [line for (line,) in connection.sql("SELECT raw_line FROM rejects").fetchall()]
    rejected = set(rejects)
    for batch in read_records(source, path, max_line_bytes):
        lines = batch["raw_line"].to_pylist()
        numbers += lines
        told = np.flatnonzero(_tells(batch["line"], subject))
        named |= {lines[i] for i in told if subject.stands_out or lines[i] in rejected}
    ranges = _ranges(source, sorted(named), numbers)
    return Erasure(ranges, _within(events, ranges), _within(rejects, ranges))


def erase_from_file(
    source: Source, path: Path, day: str, erasure: Erasure, max_line_bytes: int
) -> None:
    """Blank what was found, in place.

    Raises:
        InputError: the file would not be read as before; it is as it was.
    """
    hidden = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        _blank(path, hidden, erasure.ranges)
        before = _counts(source, path, day, max_line_bytes)
        after = _counts(source, hidden, day, max_line_bytes)
        if (before[0] - after[0], before[1] - after[1]) != (erasure.events, erasure.rejects):
            raise InputError(
                f"{path}: without these records the others could not be read any more;"
                " remove the file, or mend it and land it anew"
            )
        shutil.copymode(path, hidden)
        flush(hidden)
        hidden.replace(path)
        flush(path.parent)
    except (OSError, EOFError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be rewritten ({error}); nothing was changed") from error
    finally:
        hidden.unlink(missing_ok=True)


def find_in_labels(contribution: Contribution, subject: Subject) -> int:
    """How many rows of a contribution's labels name a subject."""
    return sum(_names(row, subject) for row in _rows(contribution.labels))


def erase_from_contribution(
    root: Path, source: Source, contribution: Contribution, erasure: Erasure, subject: Subject,
    max_line_bytes: int,
) -> Contribution | None:  # fmt: skip
    """Replace a contribution by one that does not tell of a subject, under the id of its content.

    Returns:
        The new one; None: nothing was left of it.
    """
    aside = contribution.directory.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        aside.mkdir()
        raw, labels = aside / contribution.raw_name, aside / "labels.csv"
        shutil.copyfile(contribution.raw, raw)
        if erasure:
            erase_from_file(source, raw, contribution.day, erasure, max_line_bytes)
        rows = [row for row in _rows(contribution.labels) if not _names(row, subject)]
        with labels.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        left = None
        if len(rows) > 1 and any(_counts(source, raw, contribution.day, max_line_bytes)):
            left, _ = contribute(
                root,
                contribution.dataset,
                contribution.source,
                raw,
                labels,
                contributor=contribution.contributor,
                day=date.fromisoformat(contribution.day),
                note=contribution.note,
            )
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    if left is None or left.id != contribution.id:
        hidden = contribution.directory.with_name(f".{uuid.uuid4().hex}.tmp")
        contribution.directory.rename(hidden)
        shutil.rmtree(hidden)
    return left


@contextmanager
def _parsed(source: Source, path: Path, day: str, max_line_bytes: int) -> Generator[Any]:
    with open_engine() as connection:
        parse_files(connection, source, [RawFile(path, "-", path.name)], day, max_line_bytes)
        yield connection


def _lines_naming(connection: Any, column: str, is_list: bool, subject: Subject) -> set[int]:
    value = f"unnest({identifier(column)})" if is_list else identifier(column)
    values = f"(SELECT raw_line, {value}::VARCHAR AS value FROM events)"
    distinct = connection.sql(f"SELECT DISTINCT value FROM {values}").fetchall()
    names = [each for (each,) in distinct if subject.is_named(each)]
    found = connection.execute(
        f"SELECT DISTINCT raw_line FROM {values} WHERE list_contains($1::VARCHAR[], value)", [names]
    )
    return {line for (line,) in found.fetchall()}


def _counts(source: Source, path: Path, day: str, max_line_bytes: int) -> tuple[int, int]:
    with open_engine() as connection:
        raw = RawFile(path, "-", path.name)
        parsed = parse_files(connection, source, [raw], day, max_line_bytes)
    return parsed.events, sum(parsed.rejects.values())


def _tells(lines: pa.StringArray, subject: Subject) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which lines bear the subject's value."""
    own = [] if subject.kind == ADDRESS else [Own(subject.kind, [subject.value] * len(lines))]
    texts = Texts(lines)
    found = texts.find([subject.kind], own)
    at = [item.start for item in found if subject.is_named(item.value)]
    tells = np.zeros(len(lines), np.bool_)
    tells[texts.rows_of(at)] = True
    return tells


def _ranges(source: Source, named: Sequence[int], numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First line and the line after the last of each record."""
    if not (source.format in (CSV, JSON) or source.record_start):
        return [(line, line + 1) for line in named]
    following = np.unique(np.array([*numbers, _END_OF_FILE], np.int64))
    places = np.searchsorted(following, np.array(named, np.int64), side="right")
    return list(zip(named, following[places].tolist(), strict=True))


def _within(lines: Sequence[int], ranges: Sequence[tuple[int, int]]) -> int:
    starts = np.array([start for start, _ in ranges], np.int64)
    ends = np.array([0, *(end for _, end in ranges)], np.int64)
    given = np.array(lines, np.int64)
    return int((given < ends[np.searchsorted(starts, given, side="right")]).sum())


def _blank(path: Path, target: Path, ranges: Sequence[tuple[int, int]]) -> None:
    blanked = iter(ranges)
    start, end = next(blanked, (_END_OF_FILE, _END_OF_FILE))
    with _reading(path) as lines, _writing(path, target) as out:
        for number, line in enumerate(lines, start=1):
            if number >= end:
                start, end = next(blanked, (_END_OF_FILE, _END_OF_FILE))
            inside = start <= number < end
            out.write(b"\n" * line.endswith(b"\n") if inside else line)


@contextmanager
def _reading(path: Path) -> Generator[Any]:
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic[:2] == _GZIP:
            with gzip.open(file) as stream:
                yield stream
        elif magic == _ZSTD:
            with pa.CompressedInputStream(file, "zstd") as stream:
                yield io.BufferedReader(stream)
        else:
            yield file


@contextmanager
def _writing(like: Path, target: Path) -> Generator[Any]:
    with like.open("rb") as file:
        magic = file.read(4)
    with target.open("wb") as out:
        if magic[:2] == _GZIP:
            with gzip.open(out, "wb") as stream:
                yield stream
        elif magic == _ZSTD:
            with pa.CompressedOutputStream(out, "zstd") as stream:
                yield stream
        else:
            yield out


def _rows(labels: Path) -> list[list[str]]:
    content = labels.read_bytes()
    if content.startswith(_GZIP):
        content = gzip.decompress(content)
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def _names(row: Sequence[str], subject: Subject) -> bool:
    return any(subject.is_named(part) for cell in row for part in (cell, *cell.split("|")))
