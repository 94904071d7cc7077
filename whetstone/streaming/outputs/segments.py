"""The files of the journal: whole lines of JSON, of which only the last may be torn."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from whetstone.durable import flush
from whetstone.streaming.outputs.entries import decode

_BLOCK_BYTES = 1 << 20


@dataclass(eq=False)
class Segment:
    """A file of the journal.

    Attributes:
        path: where it lies.
        first: no record in it has a lower sequence number.
        size: bytes that are safely on disk, in whole lines.
    """

    path: Path
    first: int
    size: int


def segments_in(directory: Path) -> list[Segment]:
    """All there are, oldest first."""
    return [
        Segment(path, int(path.stem), path.stat().st_size)
        for path in sorted(directory.glob("*.jsonl"))
    ]


def repaired(segment: Segment) -> int:
    """Cut off what follows the last whole line; the sequence number of that line."""
    data = segment.path.read_bytes()
    last = segment.first - 1
    while data := data[: data.rfind(b"\n") + 1]:
        read = decode(data[data.rfind(b"\n", 0, -1) + 1 :])
        if read is not None:
            last = read[0]
            break
        data = data[:-1]
    if len(data) < segment.size:
        os.truncate(segment.path, len(data))
        flush(segment.path)
        segment.size = len(data)
    return last


def whole_lines(segment: Segment, offset: int) -> bytes:
    """A block of lines from `offset`; empty at the end, and where the segment was removed.

    Only a damaged segment ends within a line, which then comes as it is.
    """
    rest = segment.size - offset
    most = min(_BLOCK_BYTES, rest)
    with suppress(FileNotFoundError), segment.path.open("rb") as file:
        while most > 0:
            file.seek(offset)
            data = file.read(most)
            if end := data.rfind(b"\n") + 1:
                return data[:end]
            if most == rest or len(data) < most:
                return data
            most = min(2 * most, rest)
    return b""


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, however often the system takes only a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
