"""The landing area: raw files as they arrived, `landing/<environment>/<source>/<day>/<file>`."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from whetstone.durable import flush
from whetstone.errors import InputError
from whetstone.lake import version_of
from whetstone.parsing import RawFile

Entry: TypeAlias = "os.DirEntry[str]"
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
    found: set[str] = set()
    for _, days in _day_directories(landing, source):
        found.update(day.name for day in days if day.name not in found and _raw_entries(day.path))
    return sorted(found)


def landed_versions(
    landing: Path, source: str, zones: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The versions of all days of a source, as `landed_version` tells them one by one.

    A look at what is stale asks for a hundred thousand files: they are listed once.
    """
    parts: dict[str, list[str]] = {}
    for environment, days in _day_directories(landing, source):
        zone = (zones or {}).get(environment) or _UTC
        for day in days:
            for file in sorted(_raw_entries(day.path), key=_name):
                try:
                    status = file.stat()
                    digest = _hash(file.path, status.st_size, status.st_mtime_ns, status.st_ino)
                except FileNotFoundError:  # somebody took it away this very moment
                    continue
                of_day = parts.setdefault(day.name, [])
                of_day += (f"{environment}/{source}/{day.name}/{file.name}", digest)
                if zone != _UTC:
                    of_day.append(zone)
    return {day: version_of(*parts[day]) for day in sorted(parts)}


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
    parts: list[str] = []
    for file in landed_files(landing, source, day, zones):
        with suppress(FileNotFoundError):  # somebody took it away this very moment
            parts += (file.name, file_hash(file.path))
            parts += [file.time_zone] if file.time_zone != _UTC else []
    return version_of(*parts)


def raw_files_in(directory: Path) -> list[Path]:
    """The whole files of a directory; hidden ones and `*.tmp` are still being written."""
    return sorted(_raw_files(directory))


def _raw_files(directory: Path) -> Iterator[Path]:
    return (Path(entry.path) for entry in _raw_entries(str(directory)))


def _day_directories(landing: Path, source: str) -> Iterator[tuple[str, list[Entry]]]:
    """Environments, ascending, with their directories of days of a source."""
    for environment in sorted(_entries(str(landing)), key=_name):
        yield (
            environment.name,
            [day for day in _entries(f"{environment.path}/{source}") if _is_day(day.name)],
        )


def _raw_entries(directory: str) -> list[Entry]:
    return [
        entry
        for entry in _entries(directory)
        if not entry.name.startswith(".") and not entry.name.endswith(".tmp") and entry.is_file()
    ]


def _entries(directory: str) -> list[Entry]:
    try:
        with os.scandir(directory) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _name(entry: Entry) -> str:
    return entry.name


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content; read again only when size, time or inode changed."""
    status = path.stat()
    return _hash(str(path), status.st_size, status.st_mtime_ns, status.st_ino)


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(".") or path.suffix == ".tmp"


@lru_cache(maxsize=10_000)
def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@lru_cache(maxsize=1_000_000)  # with fewer than there are files, all were read at each look
def _hash(path: str, _size: int, _modified: int, _inode: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
