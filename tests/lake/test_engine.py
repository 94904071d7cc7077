"""The engine that runs definitions reaches the lake and nothing else."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from whetstone.engine import only_row, open_engine


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "lake").mkdir()
    duckdb.sql("SELECT 1 AS x").write_parquet(str(tmp_path / "lake" / "in.parquet"))
    duckdb.sql("SELECT 1 AS x").write_parquet(str(tmp_path / "out.parquet"))
    return tmp_path / "lake"


def test_files_of_the_lake_are_read_and_written(lake: Path) -> None:
    with open_engine(lake) as engine:
        engine.execute(f"COPY (FROM '{lake}/in.parquet') TO '{lake}/copy.parquet'")
        assert only_row(engine, f"FROM '{lake}/copy.parquet'") == (1,)


@pytest.mark.parametrize(
    "sql",
    [
        "FROM '{lake}/../out.parquet'",
        "FROM read_text('/etc/hostname')",
        "FROM 'https://example.invalid/x.parquet'",
        "COPY (SELECT 1) TO '{lake}/../written.parquet'",
        "ATTACH '{lake}/../x.duckdb' AS x",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
    ],
)
def test_whatever_lies_outside_the_lake_is_out_of_reach(lake: Path, sql: str) -> None:
    with open_engine(lake) as engine, pytest.raises(duckdb.Error):
        engine.execute(sql.format(lake=lake)).fetchall()
    assert {path.name for path in lake.parent.iterdir()} == {"lake", "out.parquet"}


def test_without_a_lake_no_file_is_in_reach(lake: Path) -> None:
    with open_engine() as engine, pytest.raises(duckdb.PermissionException):
        engine.execute(f"FROM '{lake}/in.parquet'")


def test_times_are_utc_whatever_the_machine_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with open_engine() as engine:
        sql = "SELECT CAST('2026-03-01T00:00:00+02:00' AS TIMESTAMPTZ)::TIMESTAMP::VARCHAR"
        assert only_row(engine, sql) == ("2026-02-28 22:00:00",)


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE mine AS SELECT 1 AS x",
        "CREATE TEMP TABLE mine AS SELECT 1 AS x",
        "CREATE TEMP VIEW mine AS SELECT 1 AS x",
        "CREATE MACRO mine() AS TABLE SELECT 1 AS x",
        "PREPARE mine AS SELECT 1 AS x",
    ],
)
def test_nothing_that_one_piece_of_work_made_is_there_for_the_next(made: str) -> None:
    for _ in range(2):
        with open_engine() as engine:
            engine.execute(made)
    with open_engine() as engine:
        for read in ("FROM mine", "FROM mine()", "EXECUTE mine"):
            with pytest.raises(duckdb.Error, match="does not exist"):
                engine.execute(read)


def test_what_python_lends_an_engine_is_not_lent_to_the_next() -> None:
    with open_engine() as engine:
        engine.register("lent", pa.table({"x": [1]}))
        assert only_row(engine, "FROM lent") == (1,)
    with open_engine() as engine, pytest.raises(duckdb.CatalogException, match="lent"):
        engine.execute("FROM lent")


def test_work_in_one_lake_reaches_no_other_in_which_work_was_done(lake: Path) -> None:
    other = lake.parent / "other"
    other.mkdir()
    for _ in range(2):
        with open_engine(lake) as engine:
            assert only_row(engine, f"FROM '{lake}/in.parquet'") == (1,)
        with open_engine(other) as engine, pytest.raises(duckdb.PermissionException):
            engine.execute(f"FROM '{lake}/in.parquet'")


def test_after_an_error_the_next_finds_an_engine_that_works() -> None:
    for _ in range(2):
        with pytest.raises(duckdb.Error), open_engine() as engine:
            engine.execute("CREATE TABLE mine AS SELECT 1 AS x")
            engine.execute("SELECT error('stop')")
    with open_engine() as engine:
        assert only_row(engine, "SELECT 1") == (1,)


def test_engines_that_are_open_at_once_know_nothing_of_each_other() -> None:
    for _ in range(2):
        with open_engine() as one, open_engine() as other:
            one.execute("CREATE TABLE mine AS SELECT 1 AS x")
            other.execute("CREATE TABLE mine AS SELECT 2 AS x")
            assert only_row(one, "FROM mine") == (1,)


def test_a_process_that_is_forked_after_work_opens_engines_too() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.split()) == (0, ["1", "1", "1"])


def test_what_spills_never_lies_in_a_directory_that_somebody_else_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_engine():
        (before,) = tmp_path.iterdir()
    assert not before.exists()
    before.mkdir()
    with open_engine():
        (spill,) = set(tmp_path.iterdir()) - {before}
        assert (spill.stat().st_mode & 0o777) == 0o700
        assert not list(before.iterdir())


def test_what_was_spilled_is_gone_and_the_next_may_spill_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for _ in range(2):
        with open_engine(threads=1, memory_limit="32MB") as engine:
            engine.execute("CREATE TABLE large AS SELECT random() AS x FROM range(8_000_000)")
            (spill,) = tmp_path.iterdir()
            assert len(list(spill.iterdir())) > 1
            assert only_row(engine, "SELECT count(*) FROM large") == (8_000_000,)
        assert list(tmp_path.iterdir()) == []


def test_large_work_leaves_no_memory_behind() -> None:
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, timeout=60)
    small, large, after = map(int, done.stdout.split())
    assert large > small + (150 << 20)
    assert after < small + (80 << 20)


LARGE = """
import psutil
from whetstone.engine import open_engine
def print_memory():
    print(psutil.Process().memory_info().rss, flush=True)
with open_engine() as engine:
    print_memory()
with open_engine() as engine:
    engine.execute("CREATE TABLE large AS SELECT random() AS x, range FROM range(15_000_000)")
    print_memory()
print_memory()
"""

FORK = """
import os
from whetstone.engine import only_row, open_engine
def work():
    with open_engine() as engine:
        os.write(1, b"%d " % only_row(engine, "SELECT count(*) FROM range(1)"))
work()
child = os.fork()
work()
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""

HOLD = """
from whetstone.engine import open_engine
with open_engine():
    print("ready", flush=True)
    input()
"""


def test_the_spill_of_a_killed_process_is_removed_by_the_next_and_that_of_a_running_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spilled: list[Path] = []
    processes: list[subprocess.Popen[str]] = []
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(tmp_path)},
        )
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        processes.append(process)
        spilled += [path for path in tmp_path.iterdir() if path not in spilled]
    killed, running = processes
    killed.kill()
    killed.communicate()
    for path in spilled:
        os.utime(path, (time.time() - 3600,) * 2)
    with open_engine():
        assert [path.exists() for path in spilled] == [False, True]
    running.communicate("\n")
    assert list(tmp_path.iterdir()) == []
