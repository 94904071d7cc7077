"""Public datasets with labels: how each becomes raw logs and labels, and what was published on it.

One module a dataset, each with one `DATASET`; none is imported before it is asked for. The data
itself stays where it is: a module writes what it derives (joined halves, labels) into the directory
it is given. `benchmarks.quality` measures on these parts, `make golden` contributes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets.files import (
    MissingDataError,
    find,
    find_one,
    join_lines,
    read_lines,
    write_labels,
    write_lines,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from detectors.training import Trained

__all__ = [
    "DATASETS",
    "Dataset",
    "Goal",
    "Judged",
    "MissingDataError",
    "Part",
    "find",
    "find_one",
    "join_lines",
    "load",
    "read_lines",
    "write_labels",
    "write_lines",
]

# Name, as after `--only` -> module.
DATASETS: dict[str, str] = {
    "adfa_ld": "benchmarks.datasets.adfa_ld",
    "applications": "benchmarks.datasets.applications",
    "beacon": "benchmarks.datasets.beacon",
    "bgl": "benchmarks.datasets.bgl",
    "bgl_later": "benchmarks.datasets.bgl_later",
    "botnet_flows": "benchmarks.datasets.botnet_flows",
    "dga_domains": "benchmarks.datasets.dga_domains",
    "hadoop": "benchmarks.datasets.hadoop",
    "http_parameters": "benchmarks.datasets.http_parameters",
    "infected_host": "benchmarks.datasets.infected_host",
    "lanl": "benchmarks.datasets.lanl",
    "malicious_urls": "benchmarks.datasets.malicious_urls",
    "network_scan": "benchmarks.datasets.network_scan",
    "hdfs": "benchmarks.datasets.hdfs",
    "hdfs_blocks": "benchmarks.datasets.hdfs_blocks",
    "nsl_kdd": "benchmarks.datasets.nsl_kdd",
    "openstack": "benchmarks.datasets.openstack",
    "otrf_credential_access": "benchmarks.datasets.otrf_credential_access",
    "otrf_lateral_movement": "benchmarks.datasets.otrf_lateral_movement",
    "otrf_persistence": "benchmarks.datasets.otrf_persistence",
    "ssh": "benchmarks.datasets.ssh",
    "web_requests": "benchmarks.datasets.web_requests",
}


@dataclass(frozen=True)
class Part:
    """Raw logs in their original public format, with labels.

    Attributes:
        raw: the file, plain, gzip or zstd.
        labels: a CSV, see `whetstone.labels.read_labels`: `unit,label`, optional `start,end`; the
            unit `*` stands for all that no other row names.
        split: where its units belong; a fifth of those in `train` becomes validation.
        day: the day that the raw logs were written on or before, for clocks without a year.
    """

    raw: Path
    labels: Path
    split: Literal["train", "test"]
    day: str = "2026-01-01"


@dataclass(frozen=True)
class Goal:
    """What is expected of a dataset's first detector.

    Attributes:
        metric: a key of the row's `metrics.mean`: `f1`, `auc`, `accuracy`, `average_precision`,
            `recall_at_fpr_0.05` …, or one that the dataset's `measure` adds.
        at_least: the mean over the seeds that meets it.
    """

    metric: str
    at_least: float


@dataclass(frozen=True, eq=False)
class Judged:
    """One trained model and the examples it was made from and judged on; what `measure` gets.

    Attributes:
        data: the directory of the public data.
        trained: the model, its threshold and its metrics.
        examples: by split (`train`, `validation`, `test`) a table with `environment`, `unit`,
            `unit_start`, `event_timestamp`, `label` (the class), `positive` and the detector's
            features; near-duplicates are out of it where the protocol is ours.
    """

    data: Path
    trained: "Trained"
    examples: Mapping[str, "pa.Table"]

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """(n,) scores of the test examples, in their order."""
        return self.trained.model.score(self.examples["test"])

    @property
    def positive(self) -> NDArray[np.bool_]:
        """(n,) whether each test example is an attack."""
        return self.examples["test"]["positive"].to_numpy().astype(bool)

    @property
    def alerts(self) -> NDArray[np.bool_]:
        """(n,) whether the score of each test example reaches the threshold."""
        return self.scores >= self.trained.threshold


@dataclass(frozen=True)
class Dataset:
    """A public dataset.

    Attributes:
        golden: the golden dataset that its units belong to.
        detectors: those of the catalog that are judged on it, the best first.
        parts: `parts(data, into)` finds the files below `data`, writes what it derives below
            `into` (an empty directory of its own), and returns the parts. Raises
            `MissingDataError` where a file is not there (`find` does).
        protocol: in a sentence: which units train, which test, who split them so.
        published_split: the split is that of the publication, and is kept: duplicates are counted.
            Else units whose raw lines occur in the test part are taken out of training.
        published: figures of others, by a name that says what was measured and by whom.
        goals: what is expected of the first detector.
        measure: adds measures of its own, by name; numbers are averaged over the seeds.
    """

    golden: str
    detectors: tuple[str, ...]
    parts: Callable[[Path, Path], list[Part]]
    protocol: str
    published_split: bool = False
    published: Mapping[str, float] = field(default_factory=dict)
    goals: tuple[Goal, ...] = ()
    measure: Callable[[Judged], Mapping[str, Any]] | None = None


def load(name: str) -> Dataset:
    """The dataset of that name.

    Raises:
        KeyError: there is none.
    """
    return import_module(DATASETS[name]).DATASET
