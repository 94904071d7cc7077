"""Checkpoints: what a scorer has to know to go on as if it had never stopped.

<directory>/manifest.json            positions, watermarks, open alerts; which files belong to it
<directory>/<number>-<view>.*.arrow  events of open units, as they were added since the one before

Open units are written once, in parts, as they come; when the parts of a view are many, all that is
still open is written anew. The manifest is replaced last, by rename: a checkpoint is there whole or
not at all, whatever happens in between.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from whetstone.durable import flush
from whetstone.errors import StorageError
from whetstone.releases.files import TEMPORARY, write_whole
from whetstone.streaming.buckets import Saved

_FORMAT = 1
_MANIFEST = "manifest.json"
_MOST_PARTS = 24
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What was kept.

    Attributes:
        state: what the scorer gave, as JSON takes it.
        views: the open units of each view, in parts, in order.
    """

    state: dict[str, Any]
    views: Mapping[str, tuple[Saved, ...]]


class Checkpoints:
    """The checkpoint of one scorer, replaced again and again.

    Args:
        directory: of its own; made if it is not there.

    Raises:
        StorageError: the directory cannot be used, or what lies there is damaged.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = 0
        self._parts: dict[str, list[_Part]] = {}
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{directory}: {error}; give another --state") from error

    @property
    def nbytes(self) -> int:
        """Size of the files."""
        return sum(part.nbytes for parts in self._parts.values() for part in parts)

    def load(self) -> Checkpoint | None:
        """The last checkpoint; None if there never was one.

        Raises:
            StorageError: it is damaged, or of another version of Whetstone.
        """
        path = self._directory / _MANIFEST
        try:
            manifest = json.loads(path.read_bytes())
            if manifest["format"] != _FORMAT:
                raise ValueError(f"it has format {manifest['format']}, this version {_FORMAT}")
            self._number = manifest["number"]
            self._parts = {
                view: [_Part(**part) for part in parts] for view, parts in manifest["parts"].items()
            }
            buckets = {view: dict(pairs) for view, pairs in manifest["buckets"].items()}
            views = {
                view: tuple(self._read(part, buckets[view]) for part in parts)
                for view, parts in self._parts.items()
            }
        except FileNotFoundError as error:
            if error.filename == str(path):
                return None
            raise self._damaged(error) from error
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise self._damaged(error) from error
        self._remove_strays()
        return Checkpoint(manifest["state"], views)

    def is_whole_due(self, view: str) -> bool:
        """Whether the next checkpoint shall hold all open units of a view, not the added ones."""
        return len(self._parts.get(view, ())) >= _MOST_PARTS

    def save(self, state: dict[str, Any], views: Mapping[str, tuple[Saved, bool]]) -> None:
        """Replace the checkpoint, durably.

        Args:
            state: as JSON takes it.
            views: open units that were added since the last one, or (True) all of them. Views that
                are not named are gone.

        Raises:
            StorageError: it cannot be written; the one before stays.
        """
        self._number += 1
        try:
            parts = {
                view: [
                    *([] if whole else self._parts.get(view, [])),
                    *self._written(view, saved),
                ]
                for view, (saved, whole) in views.items()
            }
            manifest = {
                "format": _FORMAT,
                "number": self._number,
                "state": state,
                "buckets": {view: [*saved.buckets.items()] for view, (saved, _) in views.items()},
                "parts": {view: [vars(part) for part in of] for view, of in parts.items()},
            }
            write_whole(self._directory / _MANIFEST, json.dumps(manifest).encode())
        except OSError as error:
            raise StorageError(
                f"the checkpoint in {self._directory} cannot be written: {error}; free space or fix"
                " permissions. Scoring goes on from the one before after a restart"
            ) from error
        self._parts = parts
        self._remove_strays()

    def _written(self, view: str, saved: Saved) -> list["_Part"]:
        if not (saved.rows.num_rows or saved.names.num_rows or saved.evicted):
            return []
        files = (f"{self._number}-{view}.rows.arrow", f"{self._number}-{view}.names.arrow")
        for name, table in zip(files, (saved.rows, saved.names), strict=True):
            path = self._directory / name
            with (
                pa.OSFile(str(path), "wb") as sink,
                pa.ipc.new_file(sink, table.schema, options=_OPTIONS) as writer,
            ):
                writer.write_table(table)
            flush(path)
        size = sum((self._directory / name).stat().st_size for name in files)
        return [_Part(*files, [list(pair) for pair in saved.evicted], size)]

    def _read(self, part: "_Part", buckets: Mapping[int, int]) -> Saved:
        rows, names = (
            # Not mapped into memory: the file may be removed while the rows are in use.
            pa.ipc.open_file(pa.OSFile(str(self._directory / name))).read_all()
            for name in (part.rows, part.names)
        )
        evicted = tuple((start, unit) for start, unit in part.evicted)
        return Saved(rows, names, evicted, buckets)

    def _remove_strays(self) -> None:
        """Remove the files of checkpoints that were replaced, or never came about."""
        known = {
            name for parts in self._parts.values() for p in parts for name in (p.rows, p.names)
        }
        for path in self._directory.iterdir():
            stray = path.suffix == ".arrow" and path.name not in known
            if stray or path.name.startswith(TEMPORARY):
                path.unlink(missing_ok=True)

    def _damaged(self, error: Exception) -> StorageError:
        return StorageError(
            f"the checkpoint in {self._directory} cannot be read: {error}. Restore it from"
            " a backup, or remove the directory: the scorer then begins anew"
        )


@dataclass(frozen=True)
class _Part:
    """Files with open units of one view, and the units that were closed before their time."""

    rows: str
    names: str
    evicted: list[list[int]]
    nbytes: int
