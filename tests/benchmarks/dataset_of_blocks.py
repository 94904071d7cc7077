"""A dataset as `benchmarks.datasets` wants it: HDFS blocks in files that a test has written."""

from pathlib import Path

from benchmarks.datasets import Dataset, Goal, Judged, Part, find_one


def _parts(data: Path, _into: Path) -> list[Part]:
    return [
        Part(find_one(data, f"{split}.log"), find_one(data, f"{split}.csv"), split, "2008-11-12")
        for split in ("train", "test")
    ]


def _measure(judged: Judged) -> dict[str, object]:
    return {
        "alert_share": float(judged.alerts.mean()),
        "classes": sorted(set(judged.examples["test"]["label"].to_pylist())),
    }


DATASET = Dataset(
    golden="hdfs_blocks",
    detectors=("hdfs_block_pca",),
    parts=_parts,
    protocol="some blocks train, others test",
    published={"F1, nobody": 0.5},
    goals=(Goal("auc", 0.8), Goal("f1", 1.01)),
    measure=_measure,
)
