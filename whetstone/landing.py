"""The landing area: raw files as they arrived, `landing/<environment>/<source>/<day>/<file>`."""

import hashlib
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from whetstone.durable import flush
from whetstone.errors import InputError
from whetstone.lake import version_of
from whetstone.parsing import RawFile

_UTC = "UTC"


@dataclass(frozen=True)
class Landed:
    """A raw file in the landing area; `new` tells whether it was not there before."""

    path: Path
    new: bool


def land(landing: Path, file: Path, environment: str, source: str, day: date) -> Landed:
    """Copy a raw file into the landing area, whole or not at all.

    Landing the same content again changes nothing. A file of the same name with other content is
    kept beside the first, its name extended by its hash.

    Raises:
        InputError: the file does not exist, is empty, or bears a name that means unfinished.
    """
    if not file.is_file():
        raise InputError(f"{file}: no such file")
    if _is_unfinished(file):
        raise InputError(f"{file}: .* and *.tmp are files that are being written; rename it")
    if not file.stat().st_size:
        raise InputError(f"{file}: the file is empty; nothing to land")
    digest = file_hash(file)
    directory = landing / environment / source / day.isoformat()
    for there in raw_files_in(directory):
        if file_hash(there) == digest:
            return Landed(there, new=False)
    for name in (file.name, f"{digest[:8]}-{file.name}"):
        if copy_whole(file, directory / name):
            return Landed(directory / name, new=True)
        if file_hash(directory / name) == digest:  # somebody else landed it at this very moment
            return Landed(directory / name, new=False)
    raise InputError(f"{file}: {directory} holds other files of its name; rename it and repeat")


def copy_whole(file: Path, target: Path) -> bool:
    """Copy under a hidden name, then give it its own: nobody sees half a file.

    Returns:
        Whether it was copied; what is there already stays as it is.

    Raises:
        InputError: the target cannot be written.
    """
    hidden = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, hidden)
        flush(hidden)
        target.hardlink_to(hidden)
    except FileExistsError:
        return False
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error}); free space and repeat") from error
    finally:
        hidden.unlink(missing_ok=True)
    return True


def landed_days(landing: Path, source: str) -> list[str]:
    """The days on which raw files of a source have landed, in any environment, ascending."""
    directories = landing.glob(f"*/{source}/????-??-??")
    return sorted({p.name for p in directories if _is_day(p.name) and any(_raw_files(p))})


def first_landed_day(landing: Path) -> str:
    """The first day on which anything has landed; empty when nothing has."""
    return min((path.name for path in landing.glob("*/*/????-??-??")), default="")


def landed_files(
    landing: Path, source: str, day: str, zones: Mapping[str, str] | None = None
) -> list[RawFile]:
    """The raw files of a source and day, in the order of environment and name.

    `zones` are the time zones of environments; UTC for one that it does not name.
    """
    return [
        RawFile(path, name, str(path.relative_to(landing)), (zones or {}).get(name) or _UTC)
        for directory in sorted(landing.glob(f"*/{source}/{day}"))
        for name in [directory.parent.parent.name]
        for path in raw_files_in(directory)
    ]


def landed_version(
    landing: Path, source: str, day: str, zones: Mapping[str, str] | None = None
) -> str:
    """The version of a day's raw files: a hash of their names, content and time zones."""
    parts = [
        (file.name, file_hash(file.path), *(zone for zone in [file.time_zone] if zone != _UTC))
        for file in landed_files(landing, source, day, zones)
    ]
    return version_of(*(part for file in parts for part in file))


def raw_files_in(directory: Path) -> list[Path]:
    """The whole files of a directory; hidden ones and `*.tmp` are still being written."""
    return sorted(_raw_files(directory))


def _raw_files(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        for path in directory.iterdir():
            if not _is_unfinished(path) and path.is_file():
                yield path


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content; read again only when size, time or inode changed."""
    status = path.stat()
    return _hash(path, status.st_size, status.st_mtime_ns, status.st_ino)


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(".") or path.suffix == ".tmp"


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@lru_cache(maxsize=100_000)
def _hash(path: Path, size: int, modified: int, inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
