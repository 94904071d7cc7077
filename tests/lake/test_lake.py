"""A partition is replaced whole or not at all, whatever happens to those who write it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_processes import WRITE, WRITE_MUCH, manifest_in, run, start

from whetstone.engine import open_engine
from whetstone.errors import NotReadyError, StorageError
from whetstone.lake import Content, Lake, Manifest, Place, content_of

DAY = Place("parsed", "web", "2026-03-01")


def write(lake: Lake, select: str, place: Place = DAY) -> Manifest:
    with open_engine(lake.root) as engine, lake.stage(place) as staged:
        engine.execute(f"CREATE TEMP TABLE t AS {select}")
        content = staged.write(engine, "t")
        return staged.commit(Manifest("code", {"landing": "1"}, content.version, content.rows))


def rows_of(lake: Lake, place: Place = DAY) -> list[dict[str, object]]:
    return pq.ParquetFile(lake.part(place)).read().to_pylist()


def test_what_was_committed_is_what_is_read(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert lake.manifest(DAY) is None
    committed = write(lake, "SELECT 1 AS x UNION ALL SELECT 2")
    assert lake.manifest(DAY) == committed
    assert (committed.rows, committed.inputs) == (2, {"landing": "1"})
    assert rows_of(lake) == [{"x": 1}, {"x": 2}]
    assert lake.days("parsed", "web") == ["2026-03-01"]
    assert duckdb.sql(f"FROM read_parquet('{lake.glob('parsed', 'web')}')").fetchall()


def test_a_partition_that_was_not_made_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match=r"parsed/web\[2026-03-01\] does not exist yet"):
        Lake(tmp_path).part(DAY)


def test_what_fails_while_it_is_staged_leaves_nothing_behind(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    before = write(lake, "SELECT 1 AS x")
    with pytest.raises(ValueError, match="on purpose"), lake.stage(DAY) as staged:
        staged.path("part.parquet").write_bytes(b"half")
        raise ValueError("on purpose")
    assert lake.manifest(DAY) == before
    assert rows_of(lake) == [{"x": 1}]
    assert {path.name for path in lake.directory(DAY).iterdir()} <= {
        *("part.parquet", "manifest.json", ".lock")
    }


@pytest.mark.parametrize("attempt", range(1, 7))
def test_killing_a_writer_leaves_the_old_or_the_new_partition_whole(
    tmp_path: Path, attempt: int
) -> None:
    lake = Lake(tmp_path)
    assert start(WRITE, tmp_path, 0, 1).wait() == 0
    # Killed when it is about to give its n-th file its name: data, manifest, data …
    assert start(WRITE, tmp_path, 1, 9, "SIGKILL", "os.rename", attempt).wait() == -signal.SIGKILL
    rows = rows_of(lake)
    assert len(rows) == 2000
    (data,) = {int(str(row["version"])) for row in rows}
    manifest = lake.manifest(DAY)
    # The data may be one step ahead of the manifest (then they are made again), never behind.
    assert manifest
    assert int(manifest.version) <= data
    assert (data == 0) == (attempt == 1)
    assert start(WRITE, tmp_path, 2, 1).wait() == 0
    assert {row["version"] for row in rows_of(lake)} == {2_000_000}


def test_a_writer_that_is_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for attempt in range(5):
        process = start(WRITE, tmp_path, attempt, 1_000_000)
        part = lake.directory(DAY) / "part.parquet"
        before = part.stat().st_ino if part.exists() else None
        while not part.exists() or part.stat().st_ino == before:
            assert process.poll() is None
        process.kill()
        process.wait()
        assert len({row["version"] for row in rows_of(lake)}) == 1


def test_what_killed_writers_left_is_removed_after_a_day_and_no_sooner(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, "SELECT 1 AS x")
    old, new = (lake.directory(DAY) / f"part.parquet.{n}.tmp" for n in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    write(lake, "SELECT 2 AS x")
    assert (old.exists(), new.exists()) == (False, True)


def test_what_killed_writers_left_where_none_comes_again_is_removed_too(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, "SELECT 1 AS x")
    directory = lake.directory(Place("features", "gone", "2020-01-01"))
    directory.mkdir(parents=True)
    old, new = (directory / f"part.parquet.{n}.tmp" for n in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    lake.remove_left_behind()
    assert (old.exists(), new.exists()) == (False, True)
    assert rows_of(lake) == [{"x": 1}]


def test_two_writers_of_one_partition_never_mix_their_data_and_manifests(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    directory = lake.directory(DAY)
    # The first stops between its data and its manifest; the second comes while it stands there
    # and is let go when it asks for the lock, its second after the engine's (or, would it ask for
    # none, when it has written all).
    first = start(WRITE, tmp_path, 1, 1, "SIGSTOP", "os.rename", 2)
    os.waitid(os.P_PID, first.pid, os.WSTOPPED)
    second = start(WRITE, tmp_path, 2, 1, "SIGSTOP", "fcntl.flock", 2)
    os.waitid(os.P_PID, second.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    for process in (second, first):
        process.send_signal(signal.SIGCONT)
    assert [first.wait(), second.wait()] == [0, 0]
    (version,) = {str(row["version"]) for row in rows_of(lake)}
    assert manifest_in(directory)["version"] == version == "2000000"
    assert not list(directory.glob("*.tmp"))


def test_writers_of_one_partition_all_come_to_an_end(tmp_path: Path) -> None:
    processes = [start(WRITE, tmp_path, number, 30) for number in (1, 2)]
    assert [process.wait() for process in processes] == [0, 0]
    lake = Lake(tmp_path)
    (version,) = {str(row["version"]) for row in rows_of(lake)}
    assert manifest_in(lake.directory(DAY))["version"] == version


def test_readers_see_a_whole_file_while_it_is_replaced(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    write(lake, "SELECT 0::BIGINT AS version FROM range(2000)")
    process = start(WRITE, tmp_path, 1, 40)
    seen: set[str] = set()
    while process.poll() is None:
        rows = rows_of(lake)
        assert len(rows) == 2000
        assert len({str(row["version"]) for row in rows}) == 1
        seen.add(str(rows[0]["version"]))
    assert process.returncode == 0
    assert len(seen) > 1


def assert_that_a_full_disk_is_an_error_and_what_was_there_stands(
    lake: Lake, before: Manifest, said: str
) -> None:
    assert "parsed/web[2026-03-01] cannot be written" in said
    assert "free space" in said
    assert lake.manifest(DAY) == before
    assert rows_of(lake) == [{"x": 1}]
    assert not list(lake.directory(DAY).glob("*.tmp"))


def test_a_file_that_may_not_grow_is_an_error_and_what_was_there_stands(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    before = write(lake, "SELECT 1 AS x")
    said = run(WRITE_MUCH, tmp_path, 1 << 20)
    assert_that_a_full_disk_is_an_error_and_what_was_there_stands(lake, before, said)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A file system of two megabytes; None where mounting one is not allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    yield disk if mounted else None
    if mounted:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_an_error_and_what_was_there_stands(
    small_disk: Path | None, tmp_path: Path
) -> None:
    lake = Lake(small_disk or tmp_path / "limited")
    before = write(lake, "SELECT 1 AS x")
    said = run(WRITE_MUCH, lake.root, *(() if small_disk else (1 << 20,)))
    assert_that_a_full_disk_is_an_error_and_what_was_there_stands(lake, before, said)


def test_a_directory_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "parsed").write_text("a file where a directory should be")
    with pytest.raises(StorageError, match="fix permissions"):
        write(Lake(tmp_path), "SELECT 1 AS x")


ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-3, 3)),
        st.one_of(st.none(), st.text(max_size=3)),
        st.one_of(st.none(), st.floats(allow_nan=False)),
    ),
    max_size=8,
)


@settings(max_examples=15)
@given(st.lists(ROWS, min_size=1, max_size=4))
def test_what_is_written_in_pieces_is_what_is_written_at_once(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[list[tuple[object, ...]]]
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    with open_engine(lake.root) as engine, lake.stage(DAY) as staged:
        engine.execute("CREATE TABLE t (piece INTEGER, a BIGINT, b VARCHAR, c DOUBLE)")
        for number, rows in enumerate(pieces):
            for row in rows:
                engine.execute("INSERT INTO t VALUES (?, ?, ?, ?)", [number, *row])
        with staged.writer(engine) as writer:
            for number in range(len(pieces)):
                rows = engine.sql(f"SELECT a, b, c FROM t WHERE piece = {number}")
                writer.append(rows.to_arrow_table())
        engine.execute("CREATE TABLE whole AS SELECT a, b, c FROM t")
        assert writer.content == content_of(engine, "whole")
        staged.commit(Manifest("code", {}, writer.content.version, writer.content.rows))
        engine.execute(
            f"CREATE VIEW read AS FROM read_parquet('{lake.part(DAY)}', hive_partitioning = false)"
        )
        assert content_of(engine, "read") == writer.content
    assert [tuple(row.values()) for row in rows_of(lake)] == [r for rows in pieces for r in rows]


def content(rows: list[tuple[object, ...]]) -> Content:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (a BIGINT, b VARCHAR, c DOUBLE)")
        if rows:
            connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        return content_of(connection, "t")


@settings(max_examples=40)
@given(ROWS, st.randoms())
def test_the_content_version_does_not_depend_on_the_order_of_rows(
    rows: list[tuple[object, ...]], random: object
) -> None:
    before = content(rows)
    random.shuffle(rows)  # pyright: ignore
    assert content(rows) == before
    assert before.rows == len(rows)


@settings(max_examples=40)
@given(ROWS, ROWS)
def test_other_rows_have_another_content_version(
    rows: list[tuple[object, ...]], others: list[tuple[object, ...]]
) -> None:
    def as_set(table: list[tuple[object, ...]]) -> list[str]:
        return sorted(str([0.0 if value == 0 else value for value in row]) for row in table)

    same = as_set(rows) == as_set(others)
    assert (content(rows).version == content(others).version) == same


def test_every_list_has_a_content_version_of_its_own() -> None:
    lists = ["NULL", "[]", "[NULL]", "[NULL, NULL]", "['']", "['a', NULL]", "[NULL, 'a']"]
    lists += ["['a']", "['a', 'a']", "['a', 'b']", "['b', 'a']"]
    versions: set[str] = set()
    for value in lists:
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE t AS SELECT 1 AS a, {value}::VARCHAR[] AS b")
            versions.add(content_of(connection, "t").version)
    assert len(versions) == len(lists)


@pytest.mark.parametrize(
    ("some", "others"),
    [
        ([(1, "a", 0.5)] * 2, []),
        ([(1, "a", 0.5)] * 2, [(2, "b", 0.5)] * 2),
        ([(1, "a", 0.5)] * 3, [(1, "a", 0.5)]),
        ([(1, None, None)], [(None, "1", None)]),
        ([(1, "2", None), (2, "1", None)], [(1, "1", None), (2, "2", None)]),
        ([(None, None, None)], []),
    ],
)
def test_equal_rows_do_not_cancel_and_values_do_not_change_places(
    some: list[tuple[object, ...]], others: list[tuple[object, ...]]
) -> None:
    assert content(some).version != content(others).version
