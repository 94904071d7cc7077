"""The quality benchmark: rows that keep the rules, whatever a dataset does."""

import gzip
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dataset_of_blocks
import pytest

from benchmarks.datasets import DATASETS, load
from benchmarks.quality import rows_of
from benchmarks.quality_examples import prepare
from whetstone.catalog import Catalog


@pytest.fixture(scope="module")
def blocks(real_data: Path) -> dict[str, tuple[str, list[str]]]:
    """Label and lines of 500 real blocks."""
    raw = real_data / "hdfs" / "raw"
    with gzip.open(raw / "HDFS_sessions_early30pct_labels.csv.gz", "rt") as rows:
        labels = dict(row.split(",")[:2] for row in rows)
    found: dict[str, tuple[str, list[str]]] = {}
    with gzip.open(raw / "HDFS_sessions_early30pct.log.gz", "rt") as lines:
        for line in lines:
            match = re.search(r"blk_-?\d+", line)
            assert match is not None
            if match[0] in found or len(found) < 500:
                found.setdefault(match[0], (labels[match[0]], []))[1].append(line)
    return found


def write(data: Path, split: str, blocks: dict[str, Any], names: Sequence[str]) -> None:
    (data / f"{split}.log").write_text("".join(line for n in names for line in blocks[n][1]))
    labels = "".join(f"{name},{blocks[name][0]}\n" for name in names)
    (data / f"{split}.csv").write_text(f"unit,label\n{labels}")


@pytest.fixture(scope="module")
def data(blocks: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 blocks train and 140 test, 40 of them the same."""
    directory = tmp_path_factory.mktemp("blocks")
    names = list(blocks)
    write(directory, "train", blocks, names[:400])
    write(directory, "test", blocks, names[360:])
    return directory


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(DATASETS, "some_blocks", "dataset_of_blocks")
    return "some_blocks"


def test_a_row_has_all_that_a_reader_needs_to_trust_it(
    known: str, catalog: Catalog, data: Path
) -> None:
    (row,) = rows_of(known, catalog, data, seeds=[1, 2])
    assert (row["detector"], row["family"]) == ("hdfs_block_pca", "pca_spe")
    assert row["n"]["test"] == 140
    assert row["n"]["train"] + row["n"]["validation"] == 360
    assert [one["seed"] for one in row["metrics"]["by_seed"]] == row["seeds"] == [1, 2]
    assert 0.8 < row["metrics"]["mean"]["auc"] <= row["ceiling"]["auc"] <= 1
    low, high = row["intervals"]["auc"]
    assert low <= row["metrics"]["mean"]["auc"] <= high
    assert set(row["baselines"]) >= {"unseen_vector", "nearest_benign"}
    assert row["metrics"]["mean"]["alert_share"] > 0
    assert row["added"] == {"classes": ["anomaly", "normal"]}
    assert row["coverage"] == 1
    assert 0 < row["duplicate_share"] < 1
    assert row["false_alerts_per_million"]["value"] > 0


def test_a_goal_that_is_missed_says_what_speaks_for_and_against_it(
    known: str, catalog: Catalog, data: Path
) -> None:
    (row,) = rows_of(known, catalog, data, seeds=[1])
    met, missed = row["goals"]
    assert (met["met"], missed["met"], row["met"]) == (True, False, False)
    for part in ("is below 1.0100", "95 % interval", "best baseline", "no scorer"):
        assert part in missed["reason"]


def test_units_of_the_test_are_taken_out_of_training(catalog: Catalog, data: Path) -> None:
    dataset = dataset_of_blocks.DATASET
    ours = prepare(catalog, dataset, dataset.parts(data, data))
    by_split = Counter(ours.examples["split"].to_pylist())
    assert (ours.repeated, ours.duplicates) == (40, 40)
    assert by_split["test"] == 140
    assert by_split["validation"] == pytest.approx(72, abs=25)
    assert len(set(ours.examples["unit"].to_pylist())) == ours.examples.num_rows == 500


def test_a_published_split_is_kept_and_its_repetitions_counted(
    catalog: Catalog, data: Path
) -> None:
    dataset = replace(dataset_of_blocks.DATASET, published_split=True)
    published = prepare(catalog, dataset, dataset.parts(data, data))
    assert (published.repeated, published.duplicates) == (40, 0)
    assert published.examples.num_rows == 540


def test_labels_of_units_that_are_not_there_lower_the_coverage(
    known: str, catalog: Catalog, blocks: dict[str, Any], tmp_path: Path
) -> None:
    names = list(blocks)
    write(tmp_path, "train", blocks, names[:300])
    write(tmp_path, "test", blocks, names[300:400])
    with (tmp_path / "test.csv").open("a") as labels:
        labels.writelines(f"blk_{n},Normal\n" for n in range(100))
    (row,) = rows_of(known, catalog, tmp_path, seeds=[1])
    assert row["coverage"] == pytest.approx(0.8)


def test_missing_files_and_failures_are_rows_with_a_reason(
    known: str, catalog: Catalog, data: Path, tmp_path: Path
) -> None:
    (missing,) = rows_of(known, catalog, tmp_path, seeds=[1])
    assert "train.log" in missing["skipped"]
    for split in ("train", "test"):
        (tmp_path / f"{split}.log").write_text("nothing that a source knows\n")
        (tmp_path / f"{split}.csv").write_text("unit,label\nblk_1,Normal\n")
    (failed,) = rows_of(known, catalog, tmp_path, seeds=[1])
    assert "no label fits" in failed["failed"]


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_dataset_names_what_the_catalog_has(name: str, catalog: Catalog) -> None:
    dataset = load(name)
    assert dataset.golden in catalog.golden_datasets
    assert dataset.detectors
    for detector in dataset.detectors:
        assert catalog.detectors[detector].golden_dataset == dataset.golden
    assert dataset.protocol
