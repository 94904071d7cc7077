"""Reads a file once, from its beginning to its end: plain, gzip or zstd."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from whetstone.errors import InputError
from whetstone.parsing.lines import BrokenOffError, read_chunks
from whetstone.streaming.flow import Chunk, EndOfInput, Position
from whetstone.streaming.inputs.rotation import Fingerprint

_CHUNK_BYTES = 1 << 20


class File:
    """An `Input` of a file that is complete.

    `EndOfInput` says why where a compressed file breaks off.

    Attributes:
        whole_file: for `Framer`: documents of JSON may be wrapped.
    """

    def __init__(self, name: str, source: str, path: Path) -> None:
        self.whole_file = True
        self.name, self.source, self.finite = name, source, True
        self._path = path
        self._known = Fingerprint.of_nothing()
        self._chunks: Iterator[bytes] = iter(())
        self._rest = b""
        self._offset = 0

    def open(self, position: Position | None) -> None:
        """See `Input`."""
        self.close()
        self._offset = position["offset"] if position else 0
        known = Fingerprint(position["size"], position["hash"]) if position else None
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            self._known = Fingerprint.of(file)
            os.close(file)
        except OSError as error:
            raise InputError(
                f"file://{self._path}: cannot be read ({error}); check path and permissions"
            ) from error
        if known and self._known != known:
            raise InputError(
                f"file://{self._path}: is another file than the one that was begun; put that back, "
                "or give the input another name: ?name=…"
            )
        self._chunks = read_chunks(self._path, _CHUNK_BYTES, self._offset)

    def read(self, most: int, wait: float) -> Chunk | None:
        """See `Input`."""
        try:
            data = self._rest or next(self._chunks, b"")
        except BrokenOffError as error:
            raise EndOfInput(str(error)) from error
        if not data:
            raise EndOfInput
        data, self._rest = data[:most], data[most:]
        self._offset += len(data)
        position = {"offset": self._offset, "size": self._known.size, "hash": self._known.hash}
        return Chunk(data, position, time.monotonic())

    def commit(self, position: Position) -> None:
        """See `Input`; the file stays."""

    def close(self) -> None:
        """See `Input`."""
        self._chunks, self._rest = iter(()), b""
