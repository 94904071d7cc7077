"""The lake: Parquet partitions with a manifest beside each, replaced whole by rename.

`lake/<layer>/<name>/[day=YYYY-MM-DD/]part.parquet` holds the rows; `manifest.json` says from which
inputs and definitions they were made and what their content version is. A reader sees the old file
or the new one. Data are renamed before their manifest, under a lock, so a manifest never
promises what is not there; after a crash the partition counts as stale and is made again.

Rows may expire (`whetstone.lake_retention`): then the manifest says so and stays, and with it all
that was made from them.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import fcntl
import hashlib
import json
import os
import time
import uuid
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from whetstone.durable import flush
from whetstone.engine import only_row
from whetstone.errors import NotReadyError, StorageError
from whetstone.sql import identifier, literal

PART = "part.parquet"
SKETCHES = "sketches.parquet"
"""What a partition looked like: kept beside it, as long as its content stands."""
KEPT = "kept.parquet"
"""What is still needed of the rows of an expired partition."""
MANIFEST = "manifest.json"
TEMPORARY = ".tmp"
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
        expired_at: UTC time at which the rows were given up, ISO 8601; empty: they are there.
        compact: the rows have been packed as small as they get.
        cause: why it was made, as its run was told; empty: by hand, or nobody knows.
        before: what it replaced, see `whetstone.reasons`; empty: it is the first; None: unknown.
    """

    code_version: str
    inputs: Mapping[str, str]
    version: str
    rows: int
    made_at: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    expired_at: str = ""
    compact: bool = False
    cause: str = ""
    before: Mapping[str, Any] | None = None


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
        """A partition's Parquet file; NotReadyError when it has not been made or has expired."""
        made = self.manifest(place)
        if made is not None and made.expired_at:
            raise NotReadyError(
                f"the rows of {place} expired on {made.expired_at[:10]}: choose a later day, or"
                " land a raw file of that day and let the platform make it anew"
            )
        path = self.directory(place) / PART
        if not path.exists():
            raise NotReadyError(f"{place} does not exist yet: materialize it first")
        return path

    def days(self, layer: str, name: str) -> list[str]:
        """The days that have been made, ascending."""
        found = (self.root / layer / name).glob(f"day=*/{MANIFEST}")
        return sorted(path.parent.name.removeprefix("day=") for path in found)

    def days_with_rows(self, layer: str, name: str) -> list[str]:
        """The days whose rows can be read, ascending: made and not expired."""
        found = ((day, self.manifest(Place(layer, name, day))) for day in self.days(layer, name))
        return [day for day, made in found if made is not None and not made.expired_at]

    def glob(self, layer: str, name: str) -> str:
        """A glob of all daily partitions, for DuckDB; it finds a file when any day was made."""
        return f"{self.root}/{layer}/{name}/day=*/{PART}"

    def manifest(self, place: Place) -> Manifest | None:
        """A partition's manifest; None when it has not been made."""
        try:
            text = (self.directory(place) / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None
        return Manifest(**json.loads(text))

    def remove_left_behind(self) -> None:
        """Remove what killed processes left anywhere in the lake, also where none comes again."""
        # Not rglob, which fails where a directory goes that it is about to look into.
        for directory, _, files in os.walk(self.root):
            if any(name.endswith(TEMPORARY) for name in files):
                _remove_left_behind(Path(directory))

    @contextmanager
    def stage(self, place: Place) -> Generator["Staged"]:
        """Write a partition's files aside, then `commit` them together.

        Raises:
            StorageError: the disk is full or cannot be written; what was there before stands.
        """
        directory = self.directory(place)
        staged = Staged(directory, f".{uuid.uuid4().hex}{TEMPORARY}")
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

    def write(self, connection: duckdb.DuckDBPyConnection, table: str, name: str = PART) -> Content:
        """Write a table as Parquet and tell its content version."""
        content = content_of(connection, table)
        path = self.path(name)
        connection.execute(
            f"COPY {identifier(table)} TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
        )
        return content

    @contextmanager
    def writer(
        self, connection: duckdb.DuckDBPyConnection, name: str = PART
    ) -> Generator["PartWriter"]:
        """Write a file a piece at a time: for what is too large to be held as one table."""
        writer = PartWriter(connection, self.path(name))
        try:
            yield writer
        finally:
            writer.close()

    def commit(self, manifest: Manifest) -> Manifest:
        """Make the files visible, then the manifest; returns it with its time."""
        manifest = replace(manifest, made_at=datetime.now(UTC).isoformat(timespec="milliseconds"))
        path = self.path(MANIFEST)
        path.write_text(text_of(manifest), encoding="utf-8")
        with locked(self._directory):
            while self._files:
                name = self._files[0]
                written = self._directory / f"{name}{self._suffix}"
                flush(written)
                if name == MANIFEST:
                    flush(self._directory)  # the renames before it, so that it comes after them
                written.replace(self._directory / name)
                self._files.pop(0)
            # All rows are here again, maybe without those that were to be forgotten.
            for name in (KEPT, SKETCHES):
                (self._directory / name).unlink(missing_ok=True)
        return manifest

    def discard(self) -> None:
        """Remove what was written but not committed."""
        for name in self._files:
            (self._directory / f"{name}{self._suffix}").unlink(missing_ok=True)


class PartWriter:
    """A Parquet file that is written a piece at a time, each while the next is computed.

    It holds the same rows, and has the same content version, as if they had been one table.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path):
        self._connection = connection
        self._path = path
        self._rows = self._total = 0
        self._file: pq.ParquetWriter | None = None
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    @property
    def content(self) -> Content:
        """Rows and content version of what has been appended."""
        return Content(self._rows, version_of(self._rows, self._total))

    def append(self, table: pa.Table) -> None:
        """Append rows; all tables have the same columns, as DuckDB gives them."""
        self._connection.register("appended", table)
        rows, total = _rows_and_sum(self._connection, "appended")
        self._connection.unregister("appended")
        self._rows += rows
        self._total += total
        if rows or self._file is None:
            self._wait()
            if self._file is None:
                self._file = _parquet_writer(self._path, table.schema)
            self._writing = self._thread.submit(self._file.write_table, table)

    def close(self) -> None:
        """Finish the file."""
        try:
            self._wait()
        finally:
            self._thread.shutdown()
            if self._file is not None:
                self._file.close()

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()


def content_of(connection: duckdb.DuckDBPyConnection, table: str) -> Content:
    """Rows and content version of a table, whatever the order of its rows.

    The version is a hash of the number of rows and the sum of the rows' hashes; a sum, because
    in an exclusive or two equal rows cancel.
    """
    rows, total = _rows_and_sum(connection, identifier(table))
    return Content(rows, version_of(rows, total))


def _rows_and_sum(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[int, int]:
    columns = connection.sql(f"FROM {relation}")
    # DuckDB's hash of a list is equal for NULL, [] and [NULL]: their lengths are hashed as well.
    lengths = "".join(
        f", len({identifier(name)})"
        for name, kind in zip(columns.columns, columns.types, strict=True)
        if kind.id == "list"
    )
    rows, total = only_row(
        connection,
        f"SELECT count(*), coalesce(sum(hash(t{lengths})::HUGEINT), 0) FROM {relation} t",
    )
    return rows, total


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    # A dictionary of numbers that hardly repeat costs time and saves nothing.
    repeating = [each.name for each in schema if not pa.types.is_integer(each.type)]
    options: dict[str, Any] = {"compression_level": 1, "use_dictionary": repeating}
    return pq.ParquetWriter(path, schema, compression="zstd", **options)


def version_of(*parts: object) -> str:
    """A short hash of values that have one text form."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:16]


def _remove_left_behind(directory: Path) -> None:
    """Remove what killed processes left: files being written that nobody wrote to for a day."""
    for path in directory.glob(f"*{TEMPORARY}"):
        try:
            if time.time() - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                path.unlink()
        except FileNotFoundError:  # its writer has committed or discarded it
            continue


@contextmanager
def locked(directory: Path) -> Generator[None]:
    """Two runs of one partition must not mix one's data with the other's manifest."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def text_of(manifest: Manifest) -> str:
    """A manifest as its file holds it."""
    return json.dumps(asdict(manifest), indent=1, sort_keys=True)
