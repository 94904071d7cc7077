"""No test example is seen before it is written down who looks."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from whetstone.errors import InputError, NotReadyError, StorageError
from whetstone.lake import Lake, Manifest, Place
from whetstone.vault import open_test, openings, vault_log

GOLDEN = Place("golden", "web")


def lake_of(root: Path, version: str = "t1", test: int = 2) -> Lake:
    lake = Lake(root / "lake")
    rows = pa.table({"unit": [*"abcd"], "split": ["test"] * test + ["train"] * (4 - test)})
    with lake.stage(GOLDEN) as staged:
        pq.write_table(rows, staged.path("part.parquet"))
        staged.commit(Manifest("c", {}, "g", 4, facts={"test_version": version}))
    return lake


def gate(lake: Lake, challenger: str) -> None:
    open_test(lake, "web", "evaluation/x", "gate", purpose="gate", details={"c": challenger})


def test_it_hands_out_the_test_examples_and_nothing_else(tmp_path: Path) -> None:
    rows = open_test(lake_of(tmp_path), "web", "ada", "to see", columns=["unit"])
    assert rows.to_pydict() == {"unit": ["a", "b"]}


def test_an_opening_says_who_what_why_and_of_which_version(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    open_test(lake, "web", "ada", "to see", purpose="idea", details={"idea": "bursts"})
    (entry,) = vault_log(lake).read().entries
    assert (entry.who, entry.what, entry.why) == ("ada", "idea", "to see")
    assert entry.details == {"idea": "bursts", "dataset": "web", "version": "t1"}


@pytest.mark.parametrize(("who", "why"), [("", "to see"), ("ada", " ")])
def test_nobody_and_no_reason_open_nothing(tmp_path: Path, who: str, why: str) -> None:
    with pytest.raises(InputError):
        open_test(lake_of(tmp_path), "web", who, why)


def test_what_cannot_be_written_down_is_not_handed_out(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    (tmp_path / "audit").write_text("a file where the directory should be")
    with pytest.raises(StorageError):
        open_test(lake, "web", "ada", "to see")


def test_a_dataset_that_is_not_there_is_no_opening(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    with pytest.raises(NotReadyError, match="golden/web"):
        open_test(lake, "web", "ada", "to see")
    assert vault_log(lake).read().entries == []


def test_a_decision_counts_once_and_on_the_test_examples_that_it_was_taken_on(
    tmp_path: Path,
) -> None:
    lake = lake_of(tmp_path)
    for challenger in ("m1", "m1", "m2"):
        gate(lake, challenger)
    open_test(lake, "web", "model/x", "judge the model")
    found = openings(lake, "web")
    assert (found.by_purpose, found.decisions) == ({"gate": 3, "judge": 1}, 2)
    assert openings(lake, "other").decisions == 0
    assert openings(lake_of(tmp_path, version="t2"), "web").decisions == 0


def test_each_decision_may_flatter_a_little_more(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    bounds = []
    for number in range(4):
        bounds.append(openings(lake, "web").optimism(200))
        gate(lake, f"m{number}")
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(0.0865, abs=1e-4)  # sqrt(ln 20 / 400): Hoeffding alone
    assert bounds[3] == pytest.approx(0.1126, abs=1e-4)  # and three bits of choice
    assert openings(lake, "web").optimism(0) is None


def test_a_line_that_was_changed_shows(tmp_path: Path) -> None:
    lake = lake_of(tmp_path)
    for challenger in ("m1", "m2", "m3"):
        gate(lake, challenger)
    log = tmp_path / "audit" / "vault.jsonl"
    log.write_text(log.read_text().replace('"m2"', '"m1"'))
    assert openings(lake, "web").problems == ("line 3 does not follow the line before it",)
