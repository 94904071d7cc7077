"""A file of JSON lines: `file:///var/log/whetstone/alerts.jsonl?rotate=64M&keep=5`.

Every line says in `event.sequence` which record of the journal it holds. So the file itself knows
where it left off, and after a kill at any moment it goes on with neither a gap nor a repetition.

Beyond `rotate` bytes the file becomes `alerts.jsonl.1`, the one before `alerts.jsonl.2`, and so on
up to `keep`. If somebody else moves the file away, a new one is begun.
"""

import fcntl
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from whetstone.durable import flush
from whetstone.streaming.outputs.entries import Entry, decoded_sequence, delivered, to_json
from whetstone.streaming.outputs.output import Output, OutputError
from whetstone.streaming.outputs.segments import write_all
from whetstone.streaming.urls import Url

OPTIONS = ("rotate", "keep")
ROTATE_BYTES = 64 << 20
KEEP = 5
_TAIL_BYTES = 1 << 16


class File(Output):
    """Appends to a file and rotates it.

    Args:
        path: of the file; directories are made if missing.
        rotate: bytes after which a new file is begun.
        keep: files kept beside the present one, at least one.
    """

    batch: int = 1000

    def __init__(self, path: Path, rotate: int = ROTATE_BYTES, keep: int = KEEP) -> None:
        self._path = path.absolute()
        self._rotate = rotate
        self._keep = keep
        self._descriptor = -1
        self._last: int | None = None

    @classmethod
    def at(cls, url: Url) -> "File":
        """The output of a URL."""
        if not url.path or url.path.endswith("/"):
            raise url.wrong("path", "name a file: file:///var/log/whetstone/alerts.jsonl")
        rotate, keep = url.number("rotate", ROTATE_BYTES, 1), url.number("keep", KEEP, 1)
        return cls(Path(url.path), rotate, keep)

    @property
    def name(self) -> str:
        """The file's URL."""
        return f"file://{self._path}"

    def cursor(self) -> int | None:
        """Sequence number of the last whole line, in the file or in the newest rotated one."""
        with _explained(self._path):
            self._open()
        return self._last

    def send(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Append what the file does not hold; on disk when this returns."""
        with _explained(self._path):
            self._open()
            fresh = [(at, entry) for at, entry in entries if self._last is None or at > self._last]
            if fresh:
                self._append(b"".join(to_json(delivered(*entry)) + b"\n" for entry in fresh))
                self._last = fresh[-1][0]
            if os.fstat(self._descriptor).st_size >= self._rotate:
                self._begin_another()

    def close(self) -> None:
        """Let the file go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        """Have the file open under its name, whole lines in it, and know its last line."""
        if self._descriptor >= 0:
            if self._still_there():
                return
            self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            flush(self._path.parent)
            held = _repaired(self._descriptor)
        except OSError:
            self.close()
            raise
        known = [at for at in (self._last, held, self._rotated_last()) if at is not None]
        self._last = max(known, default=None)

    def _still_there(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def _rotated_last(self) -> int | None:
        newest = self._numbered(1)
        if not newest.exists():
            return None
        with newest.open("rb") as file:
            return _last_line(file.fileno())[0]

    def _append(self, lines: bytes) -> None:
        size = os.fstat(self._descriptor).st_size
        try:
            write_all(self._descriptor, lines)
            os.fdatasync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, size)
            raise

    def _begin_another(self) -> None:
        """Shift the rotated files up to the first gap, which a kill amid the shifting left."""
        self.close()
        numbers = range(1, self._keep + 1)
        gap = next((n for n in numbers if not self._numbered(n).exists()), self._keep)
        for number in range(gap, 1, -1):
            self._numbered(number - 1).replace(self._numbered(number))
        self._path.replace(self._numbered(1))
        flush(self._path.parent)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


@contextmanager
def _explained(path: Path) -> Generator[None]:
    """Turn errors of the system into errors that say what to do."""
    try:
        yield
    except BlockingIOError as error:
        raise OutputError(
            f"{path}: another process writes this file: give each scorer its own"
        ) from error
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}): free space, or let the scorer "
            "write there; alerts are kept until then"
        ) from error


def _repaired(descriptor: int) -> int | None:
    """Cut off a torn line at the end; the sequence number of the last whole one."""
    last, end = _last_line(descriptor)
    if end < os.fstat(descriptor).st_size:
        os.ftruncate(descriptor, end)
        os.fdatasync(descriptor)
    return last


def _last_line(descriptor: int) -> tuple[int | None, int]:
    """Sequence number of the last whole line, None if it has none; and where that line ends."""
    size = os.fstat(descriptor).st_size
    length = _TAIL_BYTES
    while True:
        begin = max(0, size - length)
        *lines, torn = os.pread(descriptor, size - begin, begin).split(b"\n")
        # A single line may begin before what was read.
        if len(lines) > 1 or begin == 0:
            return decoded_sequence(lines[-1]) if lines else None, size - len(torn)
        length *= 2
