"""Raw files as Arrow batches of records: lines put together, headers taken off, wraps undone.

Framing is the same code on every engine. Every line is in exactly one record, unless it is a
header or wraps documents. What the format says about records goes before what a line looks like:
a record that cannot be right stays in its place with the problem beside it.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

import csv
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.catalog.catalog_pb2 import CSV, JSON, TSV, ZEEK, Source
from whetstone.parsing.documents import TOO_LONG, read_documents
from whetstone.parsing.lines import BROKEN_OFF, CHUNK_BYTES, KEPT_OF_A_BAD_LINE, read_lines
from whetstone.parsing.lines import SCHEMA as LINE_SCHEMA

# A header is the same for many records: it is stored once a batch.
_HEADER = pa.dictionary(pa.int32(), pa.string())
RECORD_SCHEMA = pa.schema([*LINE_SCHEMA, ("header", _HEADER)])
_LONGEST_HEADER = 64 << 10
_NO_HEADER = "no header before it"
_ODD_HEADER = "its header is not one that Zeek writes by default"

Batches = Iterator[pa.RecordBatch]
# Which lines of a batch begin a record, given whether the batch goes on within one.
Starts = Callable[[pa.Array], np.ndarray]


def read_records(
    source: Source, path: Path, max_line_bytes: int, chunk_bytes: int = CHUNK_BYTES
) -> Batches:
    """Yield the records of a raw file as batches of `RECORD_SCHEMA`, in order.

    Args:
        source: its format and framing say what a record is.
        path: a plain, gzip or zstd file.
        max_line_bytes: longer records keep their beginning and get the problem "record too long".
        chunk_bytes: how much is read at a time; memory is a few times this.

    Raises:
        InputError: the file cannot be opened or read.
    """
    if source.format == JSON:
        yield from map(_headless, read_documents(path, max_line_bytes, chunk_bytes))
        return
    lines = read_lines(path, max_line_bytes, chunk_bytes)
    if source.format == ZEEK:
        yield from _zeek(lines)
    elif source.format == CSV:
        records = _joined(lines, _Quotes().starts, max_line_bytes)
        yield from _named(records, ",") if source.header else map(_headless, records)
    elif source.format == TSV and source.header:
        yield from _named(lines, "\t")
    elif source.record_start:
        starts = partial(_matches, pattern=source.record_start)
        records = _joined(lines, starts, max_line_bytes)
        yield from map(_headless, records)
    else:
        yield from map(_headless, lines)


def _headless(batch: pa.RecordBatch) -> pa.RecordBatch:
    header = pa.nulls(batch.num_rows, _HEADER)
    return pa.RecordBatch.from_arrays([*batch.columns, header], schema=RECORD_SCHEMA)


def _matches(texts: pa.Array, pattern: str) -> np.ndarray:
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def _joined(lines: Batches, starts: Starts, limit: int) -> Batches:
    """Records of lines: a line that begins none belongs to the one before."""
    record = _Record(limit)
    for batch in lines:
        begins = starts(batch["line"])
        if batch["problem"].null_count < batch.num_rows:
            broken = pc.starts_with(batch["problem"], BROKEN_OFF).fill_null(False)
            begins = begins | broken.to_numpy(zero_copy_only=False)
        first = np.flatnonzero(begins)
        if not len(first):
            record.extend(batch)
            continue
        record.extend(batch.slice(0, first[0]))
        yield record.batch()
        # The last record may go on in the next batch.
        yield _whole_records(batch.slice(first[0], first[-1] - first[0]), first - first[0], limit)
        record = _Record(limit)
        record.extend(batch.slice(first[-1]))
    yield record.batch()


def _whole_records(batch: pa.RecordBatch, first: np.ndarray, limit: int) -> pa.RecordBatch:
    """The records of a batch that begins and ends with whole ones; `first` are their lines."""
    if len(first) - 1 == batch.num_rows:
        return batch
    offsets = pa.array(first, pa.int32())
    lines = pc.binary_join(pa.ListArray.from_arrays(offsets, batch["line"]), "\n")
    several = np.diff(first) > 1
    long = pc.greater(pc.binary_length(lines), limit).to_numpy(zero_copy_only=False) & several
    problems = _problems(batch, first, long)
    if problems:
        texts = lines.to_pylist()
        for record in problems:
            if several[record]:
                texts[record] = _beginning(texts[record], limit)
        lines = pa.array(texts, pa.string())
    columns = [
        pc.ascii_rtrim(lines, "\n"),
        batch["raw_line"].take(pa.array(first[:-1])),
        pa.array([problems.get(record) for record in range(len(lines))], pa.string())
        if problems
        else pa.nulls(len(lines), pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=LINE_SCHEMA)


def _problems(batch: pa.RecordBatch, first: np.ndarray, long: np.ndarray) -> dict[int, str]:
    """What is wrong with which records: they are too long, or the first problem of their lines."""
    found: dict[int, str] = {}
    for line in np.flatnonzero(batch["problem"].is_valid().to_numpy(False)).tolist():
        record = int(np.searchsorted(first, line, side="right")) - 1
        found.setdefault(record, batch["problem"][line].as_py())
    return found | dict.fromkeys(np.flatnonzero(long).tolist(), TOO_LONG)


def _beginning(text: str, limit: int) -> str:
    """What is kept of a record that cannot be right."""
    return text.encode()[: min(limit, KEPT_OF_A_BAD_LINE)].decode(errors="replace")


class _Record:
    """A record that is put together line by line, no longer than the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._texts: list[str] = []
        self._size = -1
        self._several = False
        self._number: int | None = None
        self._problem: str | None = None

    def extend(self, lines: pa.RecordBatch) -> None:
        """Add lines; those beyond the limit are dropped."""
        if not lines.num_rows:
            return
        self._several = self._number is not None or lines.num_rows > 1
        if self._number is None:
            self._number = lines["raw_line"][0].as_py()
        problems = lines["problem"].drop_null()
        if self._problem is None and len(problems):
            self._problem = problems[0].as_py()
        if self._size <= self._limit:
            self._texts += lines["line"].to_pylist()
        self._size += lines.num_rows + (pc.sum(pc.binary_length(lines["line"])).as_py() or 0)

    def batch(self) -> pa.RecordBatch:
        """The record as a batch of one row; of none when it has no lines."""
        text = "\n".join(self._texts)
        problem = TOO_LONG if self._several and self._size > self._limit else self._problem
        if problem and self._several:
            text = _beginning(text, self._limit)
        row = {"line": text.rstrip("\n"), "raw_line": self._number, "problem": problem}
        rows = [] if self._number is None else [row]
        return pa.RecordBatch.from_pylist(rows, LINE_SCHEMA)


# A record of CSV, or what of it a line may be, from its beginning to an open quote.
_CLOSED = '"[^"]*(?:""[^"]*)*"(?:[^",][^,]*)?'
_OPEN = '"[^"]*(?:""[^"]*)*$'
_CELL = f'(?:{_CLOSED}|[^",][^,]*|)'
_OPENS = f"(?s)^(?:{_CELL},)*{_OPEN}"
_REMAINS_OPEN = f'(?s)^[^"]*(?:""[^"]*)*(?:$|"(?:[^",][^,]*)?,(?:{_CELL},)*{_OPEN})'


class _Quotes:
    """Tells the lines of CSV that begin a record from those within quotes."""

    def __init__(self) -> None:
        self._within = False

    def starts(self, texts: pa.Array) -> np.ndarray:
        begins = np.ones(len(texts), bool)
        quoted = pc.match_substring(texts, '"').to_numpy(zero_copy_only=False)
        lines = np.flatnonzero(quoted)
        some = texts.take(pa.array(lines))
        opens = lines[_matches(some, _OPENS)]
        if not len(opens) and not self._within:
            return begins
        closes = lines[~_matches(some, _REMAINS_OPEN)]
        at = 0
        while at < len(texts):
            changes = closes if self._within else opens
            number = int(np.searchsorted(changes, at))
            end = int(changes[number]) + 1 if number < len(changes) else len(texts)
            # The line that opens a quote begins a record, the one that closes it does not.
            if self._within:
                begins[at:end] = False
            self._within ^= number < len(changes)
            at = end
        return begins


def _named(records: Batches, separator: str) -> Batches:
    """Records below a header: the first of the file, wherever it stands again."""
    header = names = ""
    for batch in records:
        if not header:
            full = np.flatnonzero(pc.greater(pc.binary_length(batch["line"]), 0).to_numpy(False))
            if not len(full):
                yield _headless(batch.filter(batch["problem"].is_valid()))
                continue
            header = str(batch["line"][int(full[0])])
            names = _names(header, separator)
        rest = batch.filter(pc.not_equal(batch["line"], header))
        if names:
            yield _with_headers(rest, np.zeros(rest.num_rows, np.int32), [names])
        else:
            yield _headless(_with_problem(rest, np.ones(rest.num_rows, bool), _NO_HEADER))


def _names(header: str, separator: str) -> str:
    """The names of a header, joined by the separator: quotes undone, each on one line."""
    if len(header) > _LONGEST_HEADER:
        return ""
    if separator == "\t":
        return header
    try:
        cells = next(csv.reader([header], strict=False), [])
    except csv.Error:
        return ""
    return separator.join(" ".join(cell.replace(separator, " ").split()) for cell in cells)


def _zeek(lines: Batches) -> Batches:
    """Records of Zeek: JSON objects, or values below the last `#fields` line."""
    header: str | None = None
    plain = True  # whether values are written as by default
    for batch in lines:
        texts = batch["line"]
        comments = _matches(texts, "^#")
        headers: list[str | None] = [header]
        legible = [plain]
        fields: list[int] = []
        for number in np.flatnonzero(comments).tolist():
            text = texts[number].as_py()
            if text.startswith("#separator"):
                plain = True
            plain = plain and not _is_odd(text)
            if text.startswith("#fields"):
                header = text.partition("\t")[2] if len(text) <= _LONGEST_HEADER else None
                headers.append(header)
                legible.append(plain)
                fields.append(number)
        which = np.searchsorted(fields, np.arange(len(texts)), side="right")[~comments]
        rest = batch.filter(pa.array(~comments))
        objects = _matches(rest["line"], r"^\s*\{")
        known = np.array([bool(name) for name in headers])[which]
        rest = _with_problem(rest, ~objects & ~known & _filled(rest), _NO_HEADER)
        rest = _with_problem(rest, ~objects & ~np.array(legible)[which], _ODD_HEADER)
        indices = np.where(objects | ~known, -1, which)
        yield _with_headers(rest, indices, [name or "" for name in headers])


def _is_odd(text: str) -> bool:
    """Whether a # line says that values are written in another way than is Zeek's default."""
    key, _, value = text.replace(" ", "\t", 1).partition("\t")
    usual = {"#separator": r"\x09", "#set_separator": ",", "#unset_field": "-"}
    return key in usual and value != usual[key]


def _filled(batch: pa.RecordBatch) -> np.ndarray:
    return pc.greater(pc.binary_length(batch["line"]), 0).to_numpy(zero_copy_only=False)


def _with_problem(batch: pa.RecordBatch, where: np.ndarray, problem: str) -> pa.RecordBatch:
    """The batch with a problem beside some records that had none."""
    if not where.any():
        return batch
    chosen = pc.if_else(pa.array(where), problem, pa.scalar(None, pa.string()))
    problems = pc.coalesce(batch["problem"], chosen)
    columns = [batch["line"], batch["raw_line"], problems]
    return pa.RecordBatch.from_arrays(columns, schema=LINE_SCHEMA)


def _with_headers(batch: pa.RecordBatch, which: np.ndarray, headers: list[str]) -> pa.RecordBatch:
    """The batch with the header of each record, by number; -1: none."""
    numbers = pa.array(which.astype(np.int32), pa.int32(), mask=which < 0)
    column = pa.DictionaryArray.from_arrays(numbers, pa.array(headers, pa.string()))
    return pa.RecordBatch.from_arrays([*batch.columns, column], schema=RECORD_SCHEMA)
