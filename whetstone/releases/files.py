"""Files that are whole or absent, and directories that one process changes at a time."""

import fcntl
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from whetstone.durable import flush
from whetstone.errors import ReleaseError

TEMPORARY = ".partial-"
"""How the name of a file begins that is still being written."""


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Writes `path` so that a reader, also after a power cut, sees the old or the new content.

    Raises:
        OSError: The disk is full or the directory cannot be written; `path` is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
        replace_durably(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def replace_durably(partial: Path, path: Path) -> None:
    """Renames `partial`, in the same directory, to `path`, both flushed to the disk."""
    flush(partial)
    os.replace(partial, path)  # noqa: PTH105 - the one call that decides what readers see
    flush(path.parent)


@contextmanager
def only_one(
    lock: Path,
    what: str,
    timeout: float,
    remedy: str = "Repeat when it is done; if it hangs, end it",
) -> Generator[None]:
    """Lets one process at a time do `what`; the system frees the lock of a process that died.

    Args:
        lock: The lock file; it is created, and stays.
        what: Such as "publishing", for the error.
        timeout: Seconds to wait for the other process.
        remedy: What to do about the other process, for the error.

    Raises:
        ReleaseError: Another process still held the lock after `timeout` seconds.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+b") as file:
        deadline = time.monotonic() + timeout
        while not _acquired(file.fileno()):
            if time.monotonic() > deadline:
                file.seek(0)
                raise ReleaseError(
                    f"another process (pid {file.read(20).decode(errors='replace')}) has been "
                    f"{what} for more than {timeout:g} s; nothing was changed. {remedy}: the lock "
                    f"{lock} frees itself"
                )
            time.sleep(0.02)
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        yield


def _acquired(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
