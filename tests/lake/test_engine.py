"""The engine that runs definitions reaches the lake and nothing else."""

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
