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
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.errors import InputError

SCHEMA = pa.schema([("line", pa.string()), ("raw_line", pa.int64()), ("problem", pa.string())])
CHUNK_BYTES = 8 << 20
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
    number = 1
    try:
        for block in _whole_lines(read_chunks(path, chunk_bytes), max_line_bytes):
            batch = _batch(block, number, max_line_bytes)
            number += batch.num_rows
            yield batch
    except BrokenOffError as error:
        yield error.row(number)


class BrokenOffError(Exception):
    """The compressed stream is damaged or ends too early; what came before is good."""

    def row(self, raw_line: int) -> pa.RecordBatch:
        """The place where it broke off, as a row with that problem."""
        row = {"line": "", "raw_line": raw_line, "problem": f"{BROKEN_OFF}: {self}"}
        return pa.RecordBatch.from_pylist([row], SCHEMA)


def read_chunks(path: Path, chunk_bytes: int) -> Iterator[bytes]:
    """Yield the content of a raw file, decompressed and without a byte order mark.

    Raises:
        InputError: the file cannot be opened or read.
        BrokenOffError: a compressed file is damaged here.
    """
    try:
        with path.open("rb") as file:
            yield from _without_mark(_chunks(file, chunk_bytes))
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


def _whole_lines(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Blocks that end with a newline; an endless line is cut just above the limit."""
    carry = b""
    cut_short = False
    for chunk in chunks:
        if cut_short:
            newline = chunk.find(b"\n")
            if newline < 0:
                continue
            chunk = chunk[newline:]
            cut_short = False
        block = carry + chunk
        end = block.rfind(b"\n") + 1
        carry = block[end:]
        if end:
            yield block[:end]
        if len(carry) > limit:
            carry, cut_short = carry[: limit + 1], True
    if carry:
        yield carry + b"\n"


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
