"""What tests of inputs share."""

import time
from collections.abc import Callable
from typing import Any

from whetstone.streaming.flow import Chunk, EndOfInput, Input, Position

SECONDS = 10.0


def until(condition: Callable[[], Any]) -> Any:
    """What a condition says once it says something; fails after 10 seconds."""
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)
    return found


def read_all(one: Input, wait: float = 0.02, most: int = 1 << 20) -> tuple[bytes, Position | None]:
    """All that an input has now, and where it goes on."""
    data, position = b"", None
    try:
        while chunk := one.read(most, wait):
            data += chunk.data
            position = chunk.position
    except EndOfInput:
        pass
    return data, position


def read_lines(one: Input, count: int) -> list[Chunk]:
    """Chunks until so many lines have come."""
    chunks: list[Chunk] = []
    deadline = time.monotonic() + SECONDS
    while sum(chunk.data.count(b"\n") for chunk in chunks) < count:
        assert time.monotonic() < deadline, f"only {chunks} came"
        if chunk := one.read(1 << 20, 0.2):
            chunks.append(chunk)
    return chunks


def joined(chunks: list[Chunk]) -> bytes:
    return b"".join(chunk.data for chunk in chunks)
