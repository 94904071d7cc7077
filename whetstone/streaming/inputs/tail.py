"""Follows a file that is being written, through rotation, truncation and restarts.

A file is known by its inode and by what it begins with, so that it is found again under the name
that a rotation gave it, or as the copy that copytruncate left: what was not read of it is read
there first. A rotated file that is compressed before it was read to its end cannot be read on
(logrotate: delaycompress); that is counted in `gaps`.
"""

import os
import time
from pathlib import Path

from whetstone.errors import InputError
from whetstone.streaming.flow import Chunk, Position
from whetstone.streaming.inputs.rotation import (
    Fingerprint,
    Found,
    NoFileError,
    moved_to,
    next_after,
    open_regular,
)

_POLL_SECONDS = 0.01
_TRIES = 3
_LAST_LINE_BYTES = 1 << 20


class Tail:
    """An `Input` of a file that grows.

    Args:
        path: it may appear later.
        from_end: whether a scorer that knows no position begins with the lines that are still to
            come, not with the first of the file.

    Attributes:
        gaps: how often lines may have been lost: the rest of a file was nowhere to be found.
    """

    def __init__(self, name: str, source: str, path: Path, from_end: bool = False) -> None:
        self.gaps = 0
        self.name, self.source, self.finite = name, source, False
        self._path, self._from_end = path, from_end
        self._file: int | None = None
        self._offset = 0
        self._known = Fingerprint.of_nothing()
        self._torn = False  # whether what was given last ends within a line

    def behind(self) -> int:
        """How many bytes of the file are still to be read."""
        file = self._file
        return max(0, os.fstat(file).st_size - self._offset) if file is not None else 0

    def open(self, position: Position | None) -> None:
        """See `Input`."""
        self.close()
        if position:
            self._known = Fingerprint(position["size"], position["hash"])
            self._offset, self._torn = position["offset"], position["torn"]
            self._find(position["inode"])
        elif self._from_end and self._take_up(self._path):
            self._offset = self._last_line()

    def read(self, most: int, wait: float) -> Chunk | None:
        """See `Input`."""
        deadline = time.monotonic() + wait
        while True:
            try:
                data = self._more(most)
            except OSError as error:
                raise self._failure(error) from error
            if data:
                self._torn = not data.endswith(b"\n")
                return Chunk(data, self._position(), time.monotonic())
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(left, _POLL_SECONDS))

    def commit(self, position: Position) -> None:
        """See `Input`; the file is another's, and stays."""

    def close(self) -> None:
        """See `Input`."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _more(self, most: int) -> bytes:
        """The next bytes; none if there are none now."""
        if self._file is None and not self._take_up(self._path):
            return b""
        assert self._file is not None
        if self._torn and not self._offset:
            # The file before broke off within a line.
            return b"\n"
        data = os.pread(self._file, most, self._offset)
        # Looked at behind each reading: what was read before a truncation is good.
        same = self._is_same(self._file)
        if data and same:
            self._offset += len(data)
            return data
        if not same or os.fstat(self._file).st_size < self._offset:
            # Truncated, and perhaps written again since.
            self._find(os.fstat(self._file).st_ino)
            return self._more(most)
        return self._more(most) if self._turned(self._file) else b""

    def _is_same(self, file: int) -> bool:
        """Whether the file begins as it did; more of its beginning is known then."""
        if self._known.complete:
            return self._known.fits(file)
        grown = self._known.grown(file)
        if grown:
            self._known = grown
        return grown is not None

    def _turned(self, file: int) -> bool:
        """Go on to the next file, if this one was rotated away and has been read to its end."""
        following = next_after(self._path, file)
        if following is None:
            return False
        if os.fstat(file).st_size != self._offset:
            os.close(following.descriptor)
            return False
        self._begin(following)
        return True

    def _find(self, inode: int) -> None:
        """Take up the file that is known where it is now, else the one at the path from its start.

        What is kept of a file that was truncated is in a copy.
        """
        known, offset = self._known, self._offset
        for _ in range(_TRIES):
            found = moved_to(self._path, inode, known, offset)
            if found:
                self._begin(found)
                self._offset = offset
                return
            # Perhaps it is being renamed at this moment.
            time.sleep(_POLL_SECONDS)
        self.gaps += 1
        self.close()
        self._take_up(self._path)

    def _take_up(self, path: Path) -> bool:
        """Begin a file, if it is there."""
        try:
            file = open_regular(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._failure(error) from error
        # What it begins with is known at once: it may be truncated before it is read.
        self._begin(Found(file, Fingerprint.of(file)))
        return True

    def _begin(self, found: Found) -> None:
        self.close()
        self._file, self._known, self._offset = found.descriptor, found.known, 0

    def _last_line(self) -> int:
        """Where the line begins that has no end yet."""
        assert self._file is not None
        size = os.fstat(self._file).st_size
        begin = max(0, size - _LAST_LINE_BYTES)
        newline = os.pread(self._file, size - begin, begin).rfind(b"\n")
        self._known = Fingerprint.of(self._file)
        return begin + newline + 1

    def _position(self) -> Position:
        assert self._file is not None
        return {
            "inode": os.fstat(self._file).st_ino,
            "offset": self._offset,
            "size": self._known.size,
            "hash": self._known.hash,
            "torn": self._torn,
        }

    def _failure(self, error: OSError) -> InputError:
        if isinstance(error, NoFileError):
            return InputError(f"tail://{self._path}: is no file; a pipe can be given as stdin:")
        return InputError(
            f"tail://{self._path}: cannot be read ({error}); fix the permissions of the file"
        )
