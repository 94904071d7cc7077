"""The engine that runs definitions reaches the lake and nothing else."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
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
