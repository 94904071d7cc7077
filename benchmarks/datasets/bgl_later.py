"""BlueGene/L's log, split by time: lines up to June 2005 train, those of the next half year test.

See `benchmarks.datasets.bgl`, whose training lines cover 35 minutes only.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from benchmarks.datasets import Dataset, Part, find, read_lines, write_lines
from benchmarks.datasets.bgl import labelled, measure

_TEST_FROM = datetime(2005, 7, 1, tzinfo=UTC).timestamp()


def _parts(data: Path, into: Path) -> list[Part]:
    files = find(data, "raw_logs/BGL_*.log*", "loghub_2k/BGL/BGL_2k.log.gz")
    lines: dict[Literal["train", "test"], list[str]] = {"train": [], "test": []}
    for path in files:
        for line in read_lines(path):
            seconds = int(line.split(" ", 2)[1])
            lines["train" if seconds < _TEST_FROM else "test"].append(line)
    return [
        labelled(write_lines(into / f"{split}.log.gz", lines[split]), into, split)
        for split in ("train", "test")
    ]


DATASET = Dataset(
    golden="bgl_alerts",
    detectors=("bgl_language_model",),
    parts=_parts,
    protocol="5,000 lines of the first 35 minutes and the 2,000-line sample up to June 2005 train "
    "(alerts are left out of learning); the sample's later lines test",
    published_split=True,
    measure=measure,
)
