"""DuckDB as the engine: one in-memory connection a piece of work, bounded and closed.

To make an in-memory DuckDB takes longer than many a piece of work. So one whose work ended well
waits, empty, for the next piece of work with the same limits, unless the work was large: only a
DuckDB that is closed gives the memory back.
"""

import atexit
import fcntl
import os
import shutil
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from threading import Lock
from typing import Any, NamedTuple

import duckdb

from whetstone.settings import settings

_SPILL = "whetstone-duckdb-"
_LOCK = "in-use"
# Between making its directory and locking it, a process lives shorter than that.
_YOUNG_SECONDS = 60
_MOST_IDLE = 4
_MOST_GROWN = 64 << 20  # bytes, of the process, while the DuckDB was there


@contextmanager
def open_engine(
    lake: Path | None = None, threads: int = 0, memory_limit: str = ""
) -> Generator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB within the limits given, else those of the settings, in UTC.

    Definitions are hostile input: the connection reaches no file but those below `lake`, no
    network and no extension, and its configuration cannot be changed any more. It finds nothing
    of what others did, and nothing of what it did stays.
    """
    limits = _Limits(
        lake, threads or settings().threads, memory_limit or settings().memory_limit, gettempdir()
    )
    database = _taken(limits)
    try:
        with _spill_directory(database.spill), closing(database.instance.cursor()) as connection:
            connection.execute(f"ATTACH ':memory:' AS {_WORK}; USE {_WORK}")
            yield connection
            spilled = any(path.name != _LOCK for path in database.spill.glob("*"))
    except BaseException:
        database.instance.close()
        raise
    if not spilled and _small(database) and _emptied(database):
        _give_back(database)
    else:
        database.instance.close()


class _Limits(NamedTuple):
    """What an engine is made for."""

    lake: Path | None
    threads: int
    memory_limit: str
    spills_in: str


class _Database(NamedTuple):
    """A DuckDB: `spill` is there while somebody works in it, `resident_bytes` were before it."""

    limits: _Limits
    spill: Path
    resident_bytes: int | None
    instance: duckdb.DuckDBPyConnection


_WORK = "_work"
_idle: list[_Database] = []
_taking = Lock()


def _taken(limits: _Limits) -> _Database:
    """One that waits, or a new one."""
    while database := _waiting(limits):
        try:
            database.spill.mkdir(mode=0o700)
        except OSError:  # somebody else's, who may read what is spilled
            database.instance.close()
        else:
            return database
    return _made(limits)


def _waiting(limits: _Limits) -> _Database | None:
    with _taking:
        for number, database in enumerate(_idle):
            if database.limits == limits:
                return _idle.pop(number)
    return None


def _give_back(database: _Database) -> None:
    """Let it wait for more work, instead of the one that has waited longest."""
    with _taking:
        _idle.append(database)
        surplus = _idle.pop(0) if len(_idle) > _MOST_IDLE else None
    if surplus:
        surplus.instance.close()


def _close_idle() -> None:
    while _idle:
        _idle.pop().instance.close()


def _before_fork() -> None:
    """The child would have DuckDBs without their threads, and perhaps the lock for ever."""
    _taking.acquire()
    _close_idle()


atexit.register(_close_idle)
os.register_at_fork(
    before=_before_fork, after_in_parent=_taking.release, after_in_child=_taking.release
)


def _made(limits: _Limits) -> _Database:
    spill = Path(mkdtemp(prefix=_SPILL))
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": limits.memory_limit,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if limits.threads:
        config["threads"] = limits.threads
    resident = _resident_bytes()
    instance = duckdb.connect(config=config)
    try:
        instance.execute("SET GLOBAL TimeZone = 'UTC'")
        # It moves a part that occurs twice out of the TRY around it: its errors stop the query.
        instance.execute("SET disabled_optimizers = 'common_subexpressions'")
        if limits.lake is not None:
            instance.execute("SET allowed_directories = $1", [[f"{limits.lake}/"]])
        instance.execute("SET enable_external_access = false")
        instance.execute("SET lock_configuration = true")
    except BaseException:
        instance.close()
        spill.rmdir()
        raise
    return _Database(limits, spill, resident, instance)


def _resident_bytes() -> int | None:
    """What the process has in memory; None where only Linux could tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _emptied(database: _Database) -> bool:
    """Whether what was made is gone: not while a cursor of the connection still reads it."""
    try:
        database.instance.execute(f"DETACH {_WORK}")
    except duckdb.Error:
        return False
    return True


def _small(database: _Database) -> bool:
    """Whether it holds little memory, as far as anybody can tell."""
    before, now = database.resident_bytes, _resident_bytes()
    return before is not None and now is not None and now - before <= _MOST_GROWN


@contextmanager
def _spill_directory(spill: Path) -> Generator[None]:
    """A directory for what does not fit in memory; those of killed processes are removed."""
    for path in Path(gettempdir()).glob(f"{_SPILL}*"):
        if path != spill:
            _remove_if_abandoned(path)
    try:
        with (spill / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _remove_if_abandoned(spill: Path) -> None:
    try:
        if time.time() - spill.stat().st_mtime < _YOUNG_SECONDS:
            return
        with (spill / _LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(spill, ignore_errors=True)
    except OSError:  # in use, somebody else's, or removed at this moment
        return


def only_row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The one row of a query that has one; fetches all, so that the connection is free again."""
    (row,) = connection.execute(sql).fetchall()
    return row
