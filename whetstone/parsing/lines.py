"""Raw files as Arrow batches of numbered lines, in bounded memory.

Gzip and zstd are recognised by their first bytes and stream. A line that cannot be text (invalid
UTF-8) or is longer than the limit stays in its place with the problem beside it, so that it
becomes a counted reject; so does the place where a compressed file breaks off.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import gzip
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.errors import InputError

SCHEMA = pa.schema([("line", pa.string()), ("raw_line", pa.int64()), ("problem", pa.string())])
CHUNK_BYTES = 8 << 20
# Of nulls: to make arrays of values pyarrow imports pandas, where it is installed.
EMPTY = pa.RecordBatch.from_arrays([pa.nulls(0, each.type) for each in SCHEMA], schema=SCHEMA)
KEPT_OF_A_BAD_LINE = 1000
BROKEN_OFF = "file breaks off"


def read_lines(
    path: Path, max_line_bytes: int, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[pa.RecordBatch]:
    """Yield the lines of a raw file as batches of `SCHEMA`, in order.

    Args:
        path: a plain, gzip or zstd file; lines end with LF or CR LF, a byte order mark is no text.
        max_line_bytes: longer lines keep their beginning and get the problem "line too long".
        chunk_bytes: how much is read at a time; memory is a few times this.

    Raises:
        InputError: the file cannot be opened or read.
    """
    lines = Lines(max_line_bytes)
    try:
        for chunk in read_chunks(path, chunk_bytes):
            yield lines.take(chunk)
        yield lines.end()
    except BrokenOffError as error:
        yield error.row(lines.number)


class Lines:
    """Cuts bytes that come in pieces, torn anywhere, into numbered lines.

    Attributes:
        number: of the line that comes next, from 1.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self.number = 1
        self._limit = max_line_bytes
        self._carry = bytearray()  # the line that has not ended
        self._cut_short = False  # whether the rest of that line is beyond the limit

    def take(self, data: bytes) -> pa.RecordBatch:
        """The lines that end in the next bytes, as a batch of `SCHEMA`."""
        if self._cut_short:
            newline = data.find(b"\n")
            if newline < 0:
                return EMPTY
            data = data[newline:]
            self._cut_short = False
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(data)
            return EMPTY
        block = b"".join((self._carry, memoryview(data)[:end])) if self._carry else data[:end]
        self._carry.clear()
        self._keep(data[end:])
        return self._batch(block)

    def end(self) -> pa.RecordBatch:
        """The line that has not ended, if there is one; what follows begins a new one."""
        block = bytes(self._carry) + b"\n" if self._carry else b""
        self.drop()
        return self._batch(block) if block else EMPTY

    def drop(self) -> None:
        """Forget the line that has not ended."""
        self._carry.clear()
        self._cut_short = False

    def state(self) -> dict[str, Any]:
        """All that is kept between two calls, as JSON takes it."""
        return {
            "number": self.number,
            "carry": self._carry.decode("latin-1"),
            "cut_short": self._cut_short,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self.number = state["number"]
        self._carry = bytearray(state["carry"], "latin-1")
        self._cut_short = state["cut_short"]

    def _keep(self, data: bytes) -> None:
        self._carry += data
        # An endless line is cut just above the limit.
        if len(self._carry) > self._limit:
            del self._carry[self._limit + 1 :]
            self._cut_short = True

    def _batch(self, block: bytes) -> pa.RecordBatch:
        batch = _batch(block, self.number, self._limit)
        self.number += batch.num_rows
        return batch


class BrokenOffError(Exception):
    """The compressed stream is damaged or ends too early; what came before is good."""

    def row(self, raw_line: int) -> pa.RecordBatch:
        """The place where it broke off, as a row with that problem."""
        row = {"line": "", "raw_line": raw_line, "problem": f"{BROKEN_OFF}: {self}"}
        return pa.RecordBatch.from_pylist([row], SCHEMA)


def read_chunks(path: Path, chunk_bytes: int, start: int = 0) -> Iterator[bytes]:
    """Yield the content of a raw file, decompressed and without a byte order mark.

    Args:
        path: a plain, gzip or zstd file.
        chunk_bytes: how much is read at a time.
        start: how many bytes of the content are left out.

    Raises:
        InputError: the file cannot be opened or read.
        BrokenOffError: a compressed file is damaged here.
    """
    try:
        with path.open("rb") as file:
            for chunk in _without_mark(_chunks(file, chunk_bytes)):
                if len(chunk) > start:
                    yield chunk[start:]
                start = max(0, start - len(chunk))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error}); check the file and land it again"
        ) from error


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    magic = file.read(4)
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return _decompressed(gzip.GzipFile(fileobj=file), size)
    if magic == b"\x28\xb5\x2f\xfd":
        return _decompressed(pa.CompressedInputStream(file, "zstd"), size)
    return iter(lambda: file.read(size), b"")


def _decompressed(stream: Any, chunk_bytes: int) -> Iterator[bytes]:
    pieces: list[bytes] = []
    size = 0
    while True:
        try:
            # Small reads: damage costs only what lies in the same piece.
            piece = stream.read(1 << 16)
        except (EOFError, zlib.error, OSError, pa.ArrowException) as error:
            yield b"".join(pieces)
            raise BrokenOffError(str(error)) from error
        pieces.append(piece)
        size += len(piece)
        if size >= chunk_bytes or not piece:
            yield b"".join(pieces)
            pieces, size = [], 0
        if not piece:
            return


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks without a byte order mark, which editors and shells put before the first line."""
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= len(BOM_UTF8):
            yield start.removeprefix(BOM_UTF8)
            break
    else:
        yield start.removeprefix(BOM_UTF8)
    yield from chunks


def _batch(block: bytes, first: int, limit: int) -> pa.RecordBatch:
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    lengths = np.diff(offsets)
    raw = pa.Array.from_buffers(
        pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    )
    problems = pa.nulls(len(ends), pa.string())
    try:
        if (lengths - 1 > limit).any():
            raise pa.ArrowInvalid("a line is too long")
        lines = raw.cast(pa.string())
    except pa.ArrowInvalid:
        lines, problems = _with_problems(raw, limit)
    numbers = pa.array(np.arange(first, first + len(ends)), pa.int64())
    return pa.RecordBatch.from_arrays([_without_ends(lines), numbers, problems], schema=SCHEMA)


def _without_ends(lines: pa.Array) -> pa.Array:
    return pc.call_function("ascii_rtrim", [lines], pc.TrimOptions("\r\n"))


def _with_problems(raw: pa.Array, limit: int) -> tuple[pa.Array, pa.Array]:
    lines: list[str] = []
    problems: list[str | None] = []
    for value in raw.to_pylist():
        if len(value) - 1 > limit:
            # No more than the limit: how much more is there depends on where chunks end.
            kept = min(limit, KEPT_OF_A_BAD_LINE)
            lines.append(value[:kept].decode(errors="replace"))
            problems.append("line too long")
            continue
        try:
            lines.append(value.decode())
            problems.append(None)
        except UnicodeDecodeError:
            lines.append(value[:KEPT_OF_A_BAD_LINE].decode(errors="replace"))
            problems.append("not UTF-8")
    return pa.array(lines, pa.string()), pa.array(problems, pa.string())
