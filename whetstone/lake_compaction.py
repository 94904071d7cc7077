"""Compaction: the rows of past days, packed as small as they get.

A day is written quickly, while people wait for it, and read for a year. Compaction writes its file
again with a higher level of zstd, in the better of two encodings. The rows, their order and their
content version stay what they were, so nothing becomes stale; and a day stays a file of its own,
because a late raw file or an erasure replaces a day, and only that.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from whetstone.engine import open_engine
from whetstone.errors import StorageError
from whetstone.lake import PART, TEMPORARY, Content, Lake, content_of
from whetstone.lake_changes import restate
from whetstone.lake_usage import Partition, age
from whetstone.sql import literal

_LEVEL = 15
"""Of zstd: beyond it, writing takes three times as long for two per cent less."""
_VERSIONS = ("V1", "V2")
"""Encodings of Parquet: V1 packs measures better, V2 counters and times."""
_SETTLED_DAYS = 2
"""Late files still come for younger days."""
_WORTH = 0.98
_SMALL_BYTES = 50_000
"""What takes fewer is left alone: there are many of them, and little to save."""
_SAID_EVERY = 200


@dataclass(frozen=True)
class Compacted:
    """What came of it: partitions looked at, and those written again with their bytes."""

    partitions: int
    rewritten: int
    bytes_before: int
    bytes_after: int


def compactable(lake: Lake, found: Iterable[Partition], today: date) -> list[Partition]:
    """Partitions of past days that have not been packed yet."""
    return [
        each
        for each in found
        if each.rows > _SMALL_BYTES
        and each.place.day
        and age(each.place.day, today) > _SETTLED_DAYS
        if (made := lake.manifest(each.place)) and not made.compact and not made.expired_at
    ]


def compact(lake: Lake, chosen: Iterable[Partition], say: Callable[[str], None]) -> Compacted:
    """Pack partitions; may be killed at any moment and begun again.

    Raises:
        StorageError: the disk is full; what was there before stands.
    """
    looked = rewritten = before = after = 0
    with open_engine(lake.root, threads=1) as connection:
        for each in chosen:
            looked += 1
            saved = _compact(connection, lake, each)
            if saved is not None:
                rewritten, before, after = rewritten + 1, before + saved[0], after + saved[1]
            if looked % _SAID_EVERY == 0:
                say(f"{looked} partitions, {(before - after) / 1e6:.1f} MB saved")
    return Compacted(looked, rewritten, before, after)


def _compact(
    connection: duckdb.DuckDBPyConnection, lake: Lake, partition: Partition
) -> tuple[int, int] | None:
    """Bytes before and after; None: the file stays as it is."""
    known = lake.manifest(partition.place)
    part = lake.directory(partition.place) / PART
    if known is None or known.expired_at or not part.exists():
        return None
    hidden = part.with_name(f"{PART}.{uuid.uuid4().hex}{TEMPORARY}")
    packed = replace(known, compact=True)
    try:
        pack(connection, part, hidden)
        before, after = part.stat().st_size, hidden.stat().st_size
        if after > before * _WORTH:
            restate(lake, partition.place, known, packed)
            return None
        if _content(connection, hidden) != _content(connection, part):
            raise StorageError(
                f"{partition.place}: {part} does not read as it was written; check the disk, and"
                " make the partition anew"
            )
        return (before, after) if restate(lake, partition.place, known, packed, hidden) else None
    except (OSError, duckdb.IOException) as error:
        if lake.manifest(partition.place) != known:  # made anew, or expired, in the meantime
            return None
        raise StorageError(
            f"{partition.place} cannot be packed: {error}; free space and repeat (what was there"
            " before is untouched)"
        ) from error
    finally:
        hidden.unlink(missing_ok=True)


def pack(connection: duckdb.DuckDBPyConnection, part: Path, target: Path) -> None:
    """Write a Parquet file again, the same rows in the same order, in as few bytes as it gets."""
    relation = f"read_parquet({literal(str(part))}, hive_partitioning = false)"
    sizes: list[int] = []
    for version in _VERSIONS:
        # The second is written beside the first, and takes its place where it is smaller.
        file = target.with_name(f"{target.name}{TEMPORARY}") if sizes else target
        try:
            connection.execute(
                f"COPY (FROM {relation}) TO {literal(str(file))} (FORMAT parquet,"
                f" COMPRESSION zstd, COMPRESSION_LEVEL {_LEVEL}, PARQUET_VERSION {version})"
            )
            sizes.append(file.stat().st_size)
            if file != target and sizes[-1] < sizes[0]:
                file.replace(target)
        finally:
            if file != target:
                file.unlink(missing_ok=True)


def _content(connection: duckdb.DuckDBPyConnection, file: Path) -> Content:
    relation = f"read_parquet({literal(str(file))}, hive_partitioning = false)"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW packed AS SELECT * FROM {relation}")
    return content_of(connection, "packed")
