"""Cells of an experiment that outlive its runs."""

from pathlib import Path

import pytest

from benchmarks.resuming import Cells

CELL = {"dataset": "nsl_kdd", "seed": 1}


def never() -> int:
    raise AssertionError("measured again")


def test_a_cell_is_measured_once_whatever_the_order_of_its_key(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    assert Cells.of(path).get_or(CELL, lambda: [1, None]) == [1, None]
    again = Cells.of(path)
    assert again.get_or(dict(reversed(CELL.items())), never) == [1, None]
    assert again.get_or(CELL | {"seed": 2}, lambda: 2) == 2
    assert len(path.read_text().splitlines()) == 2


def test_a_cell_whose_line_was_cut_short_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    Cells.of(path).get_or(CELL, lambda: 1)
    with path.open("a") as file:
        file.write('{"cell": {"dataset": "hdfs_bl')
    cells = Cells.of(path)
    assert cells.get_or({"dataset": "hdfs_blocks"}, lambda: 2) == 2
    assert Cells.of(path).get_or({"dataset": "hdfs_blocks"}, never) == 2


def test_without_a_file_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Cells.of(None).get_or(CELL, lambda: 1) == 1
    assert not list(tmp_path.iterdir())
