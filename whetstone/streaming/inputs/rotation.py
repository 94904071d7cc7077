"""Files that were rotated away, found again by what they begin with."""

import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

_HEAD_BYTES = 1024
_LOOKS = 20
_COPIED_SECONDS = 2.0  # between the end of a copy and the truncation of what was copied
# What logrotate, newsyslog and loggers of programs put behind a name.
_ROTATED = re.compile(r"[.-]\d[\dT:._-]*(?:\.log)?")


@dataclass(frozen=True)
class Fingerprint:
    """What a file begins with: by it a file is known under another name, or as a copy.

    Attributes:
        size: how many bytes of it are known, at most 1024.
        hash: of these.
    """

    size: int
    hash: str

    @classmethod
    def of(cls, descriptor: int, size: int = _HEAD_BYTES) -> "Fingerprint":
        """The fingerprint of an open file by its first bytes, as many as there are."""
        return cls._of(os.pread(descriptor, size, 0))

    @classmethod
    def of_nothing(cls) -> "Fingerprint":
        """That of a file of which nothing is known."""
        return cls._of(b"")

    @classmethod
    def _of(cls, head: bytes) -> "Fingerprint":
        return cls(len(head), blake2b(head, digest_size=16).hexdigest())

    def fits(self, descriptor: int) -> bool:
        """Whether an open file begins with the same bytes."""
        return Fingerprint.of(descriptor, self.size) == self

    def grown(self, descriptor: int) -> "Fingerprint | None":
        """The fingerprint of an open file if it begins with the same bytes; more are known now."""
        head = os.pread(descriptor, _HEAD_BYTES, 0)
        return self._of(head) if self._of(head[: self.size]) == self else None

    @property
    def complete(self) -> bool:
        """Whether no more of a file would be known."""
        return self.size >= _HEAD_BYTES


@dataclass(frozen=True)
class Found:
    """An open file and what it begins with."""

    descriptor: int
    known: Fingerprint


def moved_to(path: Path, inode: int, known: Fingerprint, offset: int) -> Found | None:
    """Open the file that was read at a path up to an offset; None: it is nowhere.

    A file of the same inode goes before a copy, which copytruncate leaves behind. Of a file that
    was empty only the inode is known.
    """
    return _undisturbed(path, lambda files: _moved_to(path, files, inode, known, offset))


def next_after(path: Path, descriptor: int) -> Found | None:
    """Open the file to read behind an open one that was rotated away; None: there is none yet.

    A writer may go on with the old file until it has begun the new one.

    Raises:
        OSError: it cannot be read.
    """
    at_path = _Seen.at(path)
    if at_path and at_path.inode == os.fstat(descriptor).st_ino:
        return None
    return _undisturbed(path, lambda files: _next_after(path, files, descriptor))


class NoFileError(OSError):
    """What is at a path is a directory, a pipe or a device."""


def open_regular(path: Path) -> int:
    """Open a file to be read.

    Raises:
        NoFileError: it is no regular file.
        OSError: it is not there, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise NoFileError


class _RenamedError(Exception):
    """A rotation came in between: what was seen of the directory holds no more."""


@dataclass(frozen=True)
class _Seen:
    """A file as it was at one moment."""

    path: Path
    inode: int
    written: int
    size: int

    @classmethod
    def at(cls, path: Path) -> "_Seen | None":
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(path, found.st_ino, found.st_mtime_ns, found.st_size)

    def open(self) -> int:
        """Open just this file.

        Raises:
            _RenamedError: it is elsewhere now.
            OSError: it cannot be read.
        """
        try:
            descriptor = open_regular(self.path)
        except FileNotFoundError as error:
            raise _RenamedError from error
        if os.fstat(descriptor).st_ino != self.inode:
            os.close(descriptor)
            raise _RenamedError
        return descriptor


def _undisturbed(path: Path, look: Callable[[list[_Seen]], Found | None]) -> Found | None:
    """What a look finds while no rotation goes on; nothing, if they go on all the time.

    Amid renames a listing may lack a file, and a name may mean another one when it is opened.
    """
    for _ in range(_LOOKS):
        files = _rotated(path)
        with suppress(_RenamedError):
            found = look(files)
            if _names(files) == _names(_rotated(path)):
                return found
            if found:
                os.close(found.descriptor)
    return None


def _names(files: list[_Seen]) -> set[tuple[Path, int]]:
    return {(file.path, file.inode) for file in files}


def _moved_to(
    path: Path, files: list[_Seen], inode: int, known: Fingerprint, offset: int
) -> Found | None:
    at_path = _Seen.at(path)
    seen = [at_path, *files] if at_path else files
    same = [file for file in seen if file.inode == inode]
    copies = [file for file in seen if file.inode != inode] if known.size else []
    for file in (*same, *copies):
        if file.size < offset:
            continue
        try:
            descriptor = file.open()
        except OSError:  # what cannot be read is not known to be the same
            continue
        if known.fits(descriptor):
            return Found(descriptor, known)
        os.close(descriptor)
    return None


def _next_after(path: Path, files: list[_Seen], descriptor: int) -> Found | None:
    last = os.fstat(descriptor)
    inodes = [file.inode for file in files]
    if last.st_ino in inodes:
        later = files[inodes.index(last.st_ino) + 1 :]
    else:
        later = [file for file in files if file.written > last.st_mtime_ns]
    at_path = _Seen.at(path)
    following = later[0] if later else at_path
    if following is None or following.inode == last.st_ino or not (later or following.size):
        return None
    opened = following.open()
    if not later and _is_copy(descriptor, opened):
        os.close(opened)
        return None
    return Found(opened, Fingerprint.of(opened))


def _is_copy(copy: int, original: int) -> bool:
    """Whether a file is just being copied, to be truncated then: it would be read twice."""
    about = os.fstat(copy)
    if abs(time.time() - about.st_mtime) > _COPIED_SECONDS or not about.st_size:
        return False
    end = max(0, about.st_size - _HEAD_BYTES)
    return all(
        os.pread(copy, _HEAD_BYTES, at)
        == os.pread(original, min(_HEAD_BYTES, about.st_size - at), at)
        for at in (0, end)
    )


def _rotated(path: Path) -> list[_Seen]:
    """The rotated files of a path, oldest first by when they were written last."""
    keyed: list[tuple[int, int, str, _Seen]] = []
    for file in path.parent.glob(f"{_escaped(path.name)}*"):
        suffix = file.name[len(path.name) :]
        seen = _Seen.at(file) if _ROTATED.fullmatch(suffix) else None
        if seen:
            # Of those written last at the same time, .2 is older than .1, but 2026-02 than 2026-03.
            count = -int(suffix[1:]) if suffix[1:].isdigit() and len(suffix) < 5 else 0
            keyed.append((seen.written, count, file.name, seen))
    return [seen for *_, seen in sorted(keyed, key=lambda each: each[:3])]


def _escaped(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)
