"""Files that were rotated away, found again by what they begin with."""

import os
import re
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

_HEAD_BYTES = 1024
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


def moved_to(path: Path, inode: int, known: Fingerprint, offset: int) -> Path | None:
    """Where a file is now that was read at a path up to an offset; None: it is nowhere.

    A file of the same inode goes before a copy, which copytruncate leaves behind. Of a file that
    was empty only the inode is known.
    """
    found = [file for file in [path, *rotated(path)] if _is(file, known, offset)]
    same = [file for file in found if file.stat().st_ino == inode]
    return next(iter(same + (found if known.size else [])), None)


def rotated(path: Path) -> list[Path]:
    """The rotated files of a path, oldest first by when they were written last."""
    keyed: list[tuple[int, int, str, Path]] = []
    for file in path.parent.glob(f"{_escaped(path.name)}*"):
        suffix = file.name[len(path.name) :]
        if _ROTATED.fullmatch(suffix):
            # Of those written last at the same time, .2 is older than .1, but 2026-02 than 2026-03.
            count = -int(suffix[1:]) if suffix[1:].isdigit() and len(suffix) < 5 else 0
            try:
                keyed.append((file.stat().st_mtime_ns, count, file.name, file))
            except FileNotFoundError:
                continue
    return [file for *_, file in sorted(keyed)]


def next_after(path: Path, descriptor: int) -> Path:
    """The file to read behind an open one that is at the path no more: rotated, or at the path."""
    last = os.fstat(descriptor)
    files = rotated(path)
    inodes = [file.stat().st_ino for file in files]
    if last.st_ino in inodes:
        later = files[inodes.index(last.st_ino) + 1 :]
    else:
        later = [file for file in files if file.stat().st_mtime_ns > last.st_mtime_ns]
    return next(iter(later), path)


def _is(file: Path, known: Fingerprint, offset: int) -> bool:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.fstat(descriptor).st_size >= offset and known.fits(descriptor)
    finally:
        os.close(descriptor)


def _escaped(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)
