"""Public data becomes contributions, once."""

import re
from pathlib import Path

import pytest

from benchmarks.datasets import DATASETS, MissingDataError, find, find_one, join_lines, write_lines
from benchmarks.golden import contributed, next_steps
from whetstone.catalog import Catalog
from whetstone.contributions import contributions

LINE = (
    "081109 203518 143 INFO dfs.DataNode$DataXceiver: Receiving block blk_{}"
    " src: /10.250.19.102:54106 dest: /10.250.19.102:50010\n"
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(DATASETS, "some_blocks", "dataset_of_blocks")
    directory = tmp_path / "data"
    directory.mkdir()
    for at, split in enumerate(("train", "test")):
        numbers = range(100 * at, 100 * at + 20)
        (directory / f"{split}.log").write_text("".join(LINE.format(n) for n in numbers))
        (directory / f"{split}.csv").write_text("unit,label\n*,normal\n")
    return directory


def test_each_part_is_contributed_once_however_often_it_is_handed_in(
    catalog: Catalog, data: Path, tmp_path: Path
) -> None:
    rows = [contributed("some_blocks", catalog, data, tmp_path / "into") for _ in range(2)]
    assert [row["new"] for row in rows] == [2, 0]
    assert [row["contributions"] for row in rows] == [2, 2]
    assert [row["units"] for row in rows] == [40, 40]
    accepted = contributions(tmp_path / "into", "hdfs_blocks")
    assert {one.raw_name for one in accepted} == {"train.log", "test.log"}
    assert {one.contributor for one in accepted} == {"public-data"}
    assert "make up" in next_steps(rows[:1])
    assert "before" in next_steps(rows[1:])


def test_missing_files_and_labels_that_do_not_fit_are_told_apart(
    catalog: Catalog, data: Path, tmp_path: Path
) -> None:
    (data / "test.csv").write_text("unit,label\nblk_5555,normal\n")
    failed = contributed("some_blocks", catalog, data, tmp_path / "into")
    assert failed["state"] == "failed"
    assert "no label fits" in failed["reason"]
    (data / "train.log").unlink()
    missing = contributed("some_blocks", catalog, data, tmp_path / "into")
    assert missing["state"] == "missing"
    assert "train.log" in missing["reason"]


def test_derived_files_are_equal_byte_by_byte(tmp_path: Path) -> None:
    written = []
    for directory in (tmp_path / "first", tmp_path / "second"):
        directory.mkdir()
        written.append(write_lines(directory / "a.gz", ["eins", "zwei"]).read_bytes())
    assert written[0] == written[1]


def test_halves_beside_each_other_become_one_file_with_one_header(tmp_path: Path) -> None:
    for name, row in (("b_half", "3,x"), ("a_half", "1,\udcff")):
        write_lines(tmp_path / f"{name}.csv.gz", ["unit,label", row])
    joined = join_lines(find(tmp_path, "*_half*"), tmp_path / "all.csv", header=True)
    assert joined.read_bytes() == b"unit,label\n1,\xff\n3,x\n"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=re.escape("nsl_kdd/KDDTest+*")):
        find(tmp_path, "nsl_kdd/KDDTest+*")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    with pytest.raises(MissingDataError, match=r"a\.csv, b\.csv"):
        find_one(tmp_path, "*.csv")
