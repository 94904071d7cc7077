"""What came over a connection, kept in files until a checkpoint covers it.

Segments are named by the place of their first byte in all that was ever spooled. What a process
wrote outlives its death at any moment; a line that it was writing then has no end and is cut off.
It is not written through to the disk: a power failure may cost the last lines.
"""

import os
from itertools import pairwise
from pathlib import Path

from whetstone.errors import InputError

SEGMENT_BYTES = 64 << 20
_CUT_BYTES = 1 << 20


class Spool:
    """Whole lines in order; one thread writes and reads, another may `forget`.

    Attributes:
        end: the place behind the last byte.

    Args:
        directory: its own; it is made when it is opened.
        segment_bytes: when the next segment begins.
    """

    def __init__(self, directory: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.end = 0
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._begin = 0  # of the segment that is written
        self._writing: int | None = None
        self._reading: tuple[int, int] | None = None  # the segment that is read: begin, descriptor

    def open(self, at: int | None) -> int:
        """Take the segments up; where reading goes on: at a place, None: at the oldest byte.

        Raises:
            InputError: the directory cannot be written, or what is at the place is gone.
        """
        self.close()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            begins = self._segments()
            if at is not None and begins and at < begins[0]:
                raise InputError(
                    f"{self._directory}: begins at {begins[0]}, the checkpoint ends at {at}: lines "
                    "between are gone; move the state directory away to begin anew"
                )
            self._begin = begins[-1] if begins else at or 0
            self._writing = self._segment(self._begin, os.O_WRONLY | os.O_CREAT)
            self.end = self._begin + self._cut()
            if at is not None and self.end < at:
                # The checkpoint outlived the spool.
                self._next(at)
        except OSError as error:
            raise self._failure(error) from error
        oldest = begins[0] if begins else self._begin
        return oldest if at is None else at

    def append(self, lines: bytes) -> int:
        """Keep whole lines; the place behind them.

        Raises:
            InputError: they cannot be written; none of them is kept.
        """
        assert self._writing is not None, "the spool is not open"
        try:
            if self.end - self._begin >= self._segment_bytes:
                self._next(self.end)
            written = 0
            while written < len(lines):
                rest = memoryview(lines)[written:]
                written += os.pwrite(self._writing, rest, self.end - self._begin + written)
        except OSError as error:
            os.ftruncate(self._writing, self.end - self._begin)
            raise self._failure(error) from error
        self.end += len(lines)
        return self.end

    def read(self, at: int, most: int) -> bytes:
        """Bytes from a place before the end on, at least one, at most `most`.

        Raises:
            InputError: they cannot be read.
        """
        try:
            begins = self._segments()
            begin = max(begin for begin in begins if begin <= at)
            if not self._reading or self._reading[0] != begin:
                self._stop_reading()
                self._reading = begin, self._segment(begin, os.O_RDONLY)
            data = os.pread(self._reading[1], min(most, self.end - at), at - begin)
        except (OSError, ValueError) as error:
            raise self._failure(error) from error
        if not data:
            raise InputError(f"{self._directory}: lacks what was at {at}; restore the segment")
        if at + len(data) == self.end:
            self._stop_reading()
        return data

    def forget(self, before: int) -> None:
        """Remove segments that lie wholly before a place.

        Raises:
            InputError: a segment cannot be removed.
        """
        begins = self._segments()
        try:
            for begin, next_begin in pairwise(begins):
                if next_begin <= before:
                    self._path(begin).unlink(missing_ok=True)
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Give the files back."""
        self._stop_reading()
        if self._writing is not None:
            os.close(self._writing)
            self._writing = None

    def _next(self, begin: int) -> None:
        writing = self._segment(begin, os.O_WRONLY | os.O_CREAT)
        if self._writing is not None:
            os.close(self._writing)
        self._writing, self._begin, self.end = writing, begin, begin

    def _cut(self) -> int:
        """Cut off what is behind the last end of a line; the size that remains."""
        assert self._writing is not None
        path = self._path(self._begin)
        size = path.stat().st_size
        end = size
        newline = -1
        with path.open("rb") as file:
            while end and newline < 0:
                begin = max(0, end - _CUT_BYTES)
                file.seek(begin)
                newline = file.read(end - begin).rfind(b"\n")
                end = begin + newline + 1
        if end < size:
            os.ftruncate(self._writing, end)
        return end

    def _segments(self) -> list[int]:
        """Where the segments begin, in order."""
        return sorted(int(path.stem) for path in self._directory.glob("*.lines"))

    def _segment(self, begin: int, flags: int) -> int:
        return os.open(self._path(begin), flags | os.O_CLOEXEC, 0o600)

    def _path(self, begin: int) -> Path:
        return self._directory / f"{begin:020}.lines"

    def _stop_reading(self) -> None:
        if self._reading:
            os.close(self._reading[1])
            self._reading = None

    def _failure(self, error: Exception) -> InputError:
        return InputError(
            f"{self._directory}: the spool cannot be used ({error}); "
            "free space or fix permissions, nothing was lost"
        )
