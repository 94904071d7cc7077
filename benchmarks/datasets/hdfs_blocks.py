"""HDFS: raw lines of whole blocks with the verdict of an operator.

Xu et al., Detecting Large-Scale System Problems by Mining Console Logs, SOSP 2009.
"""

from pathlib import Path

from benchmarks.datasets import Dataset, Part, find, join_lines, write_labels
from benchmarks.datasets.records import drawn_split, read_records


def _parts(data: Path, into: Path) -> list[Part]:
    """One raw file for both parts, for the lines of all blocks are interleaved."""
    lines = find(data, "hdfs/raw/HDFS_sessions_*.log*")
    raw = join_lines(lines, into / "hdfs.log.gz")
    labelled = [
        (record.values["session_id"], record.values["label"])
        for path in find(data, "hdfs/raw/HDFS_sessions_*_labels.csv*")
        for record in read_records(path)
    ]
    return [
        Part(
            raw,
            write_labels(
                into / f"{split}.csv", [row for row in labelled if drawn_split(row[0]) == split]
            ),
            split,
        )
        for split in ("train", "test")
    ]


DATASET = Dataset(
    golden="hdfs_blocks",
    detectors=("hdfs_block_sequence", "hdfs_block_pca"),
    parts=_parts,
    protocol="30 % of the blocks test, by a hash of their names; the rest train",
)
