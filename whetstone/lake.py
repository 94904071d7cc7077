"""The lake: Parquet partitions with a manifest beside each, replaced whole by rename.

`lake/<layer>/<name>/[day=YYYY-MM-DD/]part.parquet` holds the rows; `manifest.json` says from which
inputs and definitions they were made and what their content version is. A reader sees the old file
or the new one. Data are renamed before their manifest, under a lock, so a manifest never
promises what is not there; after a crash the partition counts as stale and is made again.
"""

import fcntl
import hashlib
import json
import os
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from whetstone.engine import only_row
from whetstone.errors import NotReadyError, StorageError
from whetstone.sql import identifier, literal

_PART = "part.parquet"
_MANIFEST = "manifest.json"
_TEMPORARY = ".tmp"
_LEFT_BEHIND_SECONDS = 86400


@dataclass(frozen=True)
class Place:
    """A layer's thing, `parsed/sshd`, or one day of it."""

    layer: str
    name: str
    day: str | None = None

    @property
    def asset(self) -> str:
        """The asset this is (part of), as in the graph: `layer/name`."""
        return f"{self.layer}/{self.name}"

    def __str__(self) -> str:
        return self.asset if self.day is None else f"{self.asset}[{self.day}]"


@dataclass(frozen=True)
class Manifest:
    """What is known of a partition's content.

    Attributes:
        code_version: hash of the definitions that made it.
        inputs: version of each input, by the input's name, as of the making.
        version: content version; equal content has an equal version.
        rows: number of rows.
        made_at: UTC time, ISO 8601.
        facts: what else the asset has to say, such as counts and metrics; JSON.
    """

    code_version: str
    inputs: Mapping[str, str]
    version: str
    rows: int
    made_at: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Content:
    """Rows and content version of a table."""

    rows: int
    version: str


class Lake:
    """The partitions below one directory."""

    def __init__(self, root: Path):
        self.root = root

    def directory(self, place: Place) -> Path:
        """Where a partition lies."""
        base = self.root / place.layer / place.name
        return base if place.day is None else base / f"day={place.day}"

    def part(self, place: Place) -> Path:
        """A partition's Parquet file; NotReadyError when it has not been made."""
        path = self.directory(place) / _PART
        if not path.exists():
            raise NotReadyError(f"{place} does not exist yet: materialize it first")
        return path

    def days(self, layer: str, name: str) -> list[str]:
        """The days that have been made, ascending."""
        found = (self.root / layer / name).glob(f"day=*/{_MANIFEST}")
        return sorted(path.parent.name.removeprefix("day=") for path in found)

    def glob(self, layer: str, name: str) -> str:
        """A glob of all daily partitions, for DuckDB."""
        return f"{self.root}/{layer}/{name}/day=*/{_PART}"

    def manifest(self, place: Place) -> Manifest | None:
        """A partition's manifest; None when it has not been made."""
        try:
            text = (self.directory(place) / _MANIFEST).read_bytes()
        except FileNotFoundError:
            return None
        return Manifest(**json.loads(text))

    @contextmanager
    def stage(self, place: Place) -> Generator["Staged"]:
        """Write a partition's files aside, then `commit` them together.

        Raises:
            StorageError: the disk is full or cannot be written; what was there before stands.
        """
        directory = self.directory(place)
        staged = Staged(directory, f".{uuid.uuid4().hex}{_TEMPORARY}")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _remove_left_behind(directory)
            yield staged
        except (OSError, duckdb.IOException) as error:
            raise StorageError(
                f"{place} cannot be written: {error}; free space or fix permissions below"
                f" {self.root} and run it again (what was there before is untouched)"
            ) from error
        finally:
            staged.discard()


class Staged:
    """Files of one partition that are written but not yet visible."""

    def __init__(self, directory: Path, suffix: str):
        self._directory = directory
        self._suffix = suffix
        self._files: list[str] = []

    def path(self, name: str) -> Path:
        """A path to write the future file `name` to."""
        self._files.append(name)
        return self._directory / f"{name}{self._suffix}"

    def write(
        self, connection: duckdb.DuckDBPyConnection, table: str, name: str = _PART
    ) -> Content:
        """Write a table as Parquet and tell its content version."""
        content = content_of(connection, table)
        path = self.path(name)
        connection.execute(
            f"COPY {identifier(table)} TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
        )
        return content

    def commit(self, manifest: Manifest) -> Manifest:
        """Make the files visible, then the manifest; returns it with its time."""
        manifest = replace(manifest, made_at=datetime.now(UTC).isoformat(timespec="milliseconds"))
        path = self.path(_MANIFEST)
        path.write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True), encoding="utf-8")
        with _locked(self._directory):
            while self._files:
                name = self._files[0]
                written = self._directory / f"{name}{self._suffix}"
                _flush(written)
                if name == _MANIFEST:
                    _flush(self._directory)  # the renames before it, so that it comes after them
                written.replace(self._directory / name)
                self._files.pop(0)
        return manifest

    def discard(self) -> None:
        """Remove what was written but not committed."""
        for name in self._files:
            (self._directory / f"{name}{self._suffix}").unlink(missing_ok=True)


def content_of(connection: duckdb.DuckDBPyConnection, table: str) -> Content:
    """Rows and content version of a table, whatever the order of its rows.

    The version is a hash of the number of rows and the sum of the rows' hashes; a sum, because
    in an exclusive or two equal rows cancel.
    """
    rows, total = only_row(
        connection,
        f"SELECT count(*), coalesce(sum(hash(t)::HUGEINT), 0) FROM {identifier(table)} t",
    )
    return Content(rows, version_of(rows, total))


def version_of(*parts: object) -> str:
    """A short hash of values that have one text form."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:16]


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_left_behind(directory: Path) -> None:
    """Remove what killed processes left: files being written that nobody wrote to for a day."""
    for path in directory.glob(f"*{_TEMPORARY}"):
        try:
            if time.time() - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                path.unlink()
        except FileNotFoundError:  # its writer has committed or discarded it
            continue


@contextmanager
def _locked(directory: Path) -> Generator[None]:
    """Two runs of one partition must not mix one's data with the other's manifest."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
