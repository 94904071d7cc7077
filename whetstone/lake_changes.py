"""Changes of a partition that leave its content as it is: other bytes for its rows, or no rows.

Each is a rename under the partition's lock, and only where the partition is still what the caller
read: whoever makes it anew in the meantime wins.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import fcntl
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from whetstone.durable import flush
from whetstone.lake import MANIFEST, PART, TEMPORARY, Lake, Manifest, Place, locked, text_of

_ROWS_LOCK = ".rows.lock"


def restate(
    lake: Lake, place: Place, known: Manifest, new: Manifest, part: Path | None = None
) -> bool:
    """Replace a manifest, and the rows by a file that holds the same ones.

    Args:
        lake: where it lies.
        place: the partition.
        known: its manifest as the caller read it.
        new: what takes its place.
        part: a file beside it that takes the place of the rows; None: they stay as they are.

    Returns:
        False: the partition was made anew in the meantime, and nothing was changed.
    """
    directory = lake.directory(place)
    hidden = _hidden(directory / MANIFEST)
    try:
        hidden.write_text(text_of(new), encoding="utf-8")
        flush(hidden)
        with locked(directory):
            if lake.manifest(place) != known:
                return False
            if part is not None:
                flush(part)
                part.replace(directory / PART)
                flush(directory)
            hidden.replace(directory / MANIFEST)
            flush(directory)
    finally:
        hidden.unlink(missing_ok=True)
    return True


def drop_rows(lake: Lake, place: Place, schema_stays: bool) -> int:
    """Remove the rows of a partition whose manifest says that they have expired.

    Args:
        lake: where it lies.
        place: the partition.
        schema_stays: leave an empty file of the same columns, for globs and views.

    Returns:
        How many bytes are free now; 0: the rows were gone already, or were made anew.
    """
    directory = lake.directory(place)
    part, hidden = directory / PART, _hidden(directory / PART)
    with locked(directory):
        made = lake.manifest(place)
        if made is None or not made.expired_at or not part.exists():
            return 0
        before = part.stat().st_size
        if not schema_stays:
            part.unlink()
            return before
        if not pq.read_metadata(part).num_rows:
            return 0
        try:
            pq.write_table(pq.read_schema(part).empty_table(), hidden)
            hidden.replace(part)
        finally:
            hidden.unlink(missing_ok=True)
    return before - part.stat().st_size


@contextmanager
def rows_stay(lake: Lake) -> Generator[None]:
    """Meanwhile no rows are dropped: for whoever reads many days at once."""
    with _rows_lock(lake, fcntl.LOCK_SH):
        yield


@contextmanager
def rows_go(lake: Lake) -> Generator[None]:
    """Meanwhile nobody reads many days at once; waits for those who do."""
    with _rows_lock(lake, fcntl.LOCK_EX):
        yield


@contextmanager
def _rows_lock(lake: Lake, kind: int) -> Generator[None]:
    lake.root.mkdir(parents=True, exist_ok=True)
    with (lake.root / _ROWS_LOCK).open("a") as lock:
        fcntl.flock(lock, kind)
        yield


def _hidden(path: Path) -> Path:
    return path.with_name(f"{path.name}.{uuid.uuid4().hex}{TEMPORARY}")
