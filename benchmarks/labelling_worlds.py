"""Worlds in which a detector is young: little golden data, a feed without labels, a test.

Each is made of a public dataset and a seed. Golden examples train and choose the threshold;
verdicts on units of the feed are added to them; the test is only ever judged on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.datasets import load
from benchmarks.quality_examples import prepare
from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Detector


@dataclass(frozen=True, eq=False)
class World:
    """What a run begins with; the tables have the columns of a training set.

    Attributes:
        detector: what learns.
        golden: examples of `train` and `validation`.
        feed: units that could be asked about, with the truth.
        test: units that tell how good the model is.
        afresh: train without the model before, whatever the definition says.
    """

    detector: Detector
    golden: pa.Table
    feed: pa.Table
    test: pa.Table
    afresh: bool = False


@dataclass(frozen=True)
class Setting:
    """How a dataset becomes a world.

    Attributes:
        dataset: of `benchmarks.datasets`.
        detector: of the catalog.
        about: in a sentence, for the reader of the results.
        cut: examples and random numbers -> golden, feed, test.
        afresh: see `World`.
    """

    dataset: str
    detector: str
    about: str
    cut: Callable[[pa.Table, np.random.Generator], tuple[pa.Table, pa.Table, pa.Table]]
    afresh: bool = False


def examples_of(catalog: Catalog, name: str, data: Path) -> pa.Table:
    """All examples of a world, as `benchmarks.quality` prepares them.

    Raises:
        MissingDataError: a file is not there.
    """
    dataset = load(SETTINGS[name].dataset)
    with TemporaryDirectory(prefix="whetstone-labelling-") as into:
        return prepare(catalog, dataset, dataset.parts(data, Path(into))).examples


def world_of(catalog: Catalog, name: str, examples: pa.Table, seed: int) -> World:
    """The world of a setting and a seed."""
    setting = SETTINGS[name]
    golden, feed, test = setting.cut(examples, np.random.default_rng(seed))
    detector = catalog.detectors[setting.detector]
    return World(detector, golden, _trains(feed), test, setting.afresh)


def _hdfs_blocks(
    examples: pa.Table, draw: np.random.Generator
) -> tuple[pa.Table, pa.Table, pa.Table]:
    train, validation, test = _splits(examples)
    golden = draw.random(train.num_rows) < 0.1
    return (
        pa.concat_tables([train.filter(pa.array(golden)), validation]),
        train.filter(pa.array(~golden)),
        test,
    )


def _http_parameters(
    examples: pa.Table, draw: np.random.Generator
) -> tuple[pa.Table, pa.Table, pa.Table]:
    train, validation, test = _splits(examples)
    labels, positive = np.array(train["label"].to_pylist()), _positive(train)
    benign = draw.permutation(np.flatnonzero(~positive))
    known = draw.permutation(np.flatnonzero(labels == "xss"))[:20]
    golden = np.concatenate([benign[:1000], known])
    others = draw.permutation(np.setdiff1d(np.flatnonzero(positive), known))
    feed = np.concatenate([benign[1000:], others[: (len(benign) - 1000) // 10]])
    return (
        pa.concat_tables([_take(train, golden), validation.filter(~_positive(validation))]),
        _take(train, feed),
        test,
    )


def _nsl_kdd(examples: pa.Table, draw: np.random.Generator) -> tuple[pa.Table, pa.Table, pa.Table]:
    train, validation, test = _splits(examples)
    half = draw.random(test.num_rows) < 0.5
    golden = [
        _take(part, draw.permutation(part.num_rows)[:count])
        for part, count in ((train, 5000), (validation, 2500))
    ]
    return pa.concat_tables(golden), test.filter(pa.array(half)), test.filter(pa.array(~half))


SETTINGS: dict[str, Setting] = {
    "hdfs_blocks": Setting(
        "hdfs_blocks",
        "hdfs_block_sequence",
        "a tenth of the training blocks is golden, the others are the feed (4 % anomalies)",
        _hdfs_blocks,
    ),
    "hdfs_blocks_afresh": Setting(
        "hdfs_blocks",
        "hdfs_block_sequence",
        "the same, but each training begins anew instead of from the model before",
        _hdfs_blocks,
        afresh=True,
    ),
    "http_parameters": Setting(
        "http_parameters",
        "http_parameter_injection_ngrams",
        "1,000 benign values and 20 cross-site scripts are golden; of the feed a tenth is attacks,"
        " most of them of kinds that are not",
        _http_parameters,
    ),
    "nsl_kdd": Setting(
        "nsl_kdd",
        "nsl_kdd_ensemble",
        "5,000 connections of the training file are golden, half of the test file is the feed, with"
        " attacks of new kinds; the other half tests",
        _nsl_kdd,
    ),
}


def _splits(examples: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    train, validation, test = (
        examples.filter(pc.field("split") == split) for split in ("train", "validation", "test")
    )
    return train, validation, test


def _positive(table: pa.Table) -> np.ndarray:
    return table["positive"].to_numpy().astype(bool)


def _take(table: pa.Table, rows: np.ndarray) -> pa.Table:
    return table.take(pa.array(np.sort(rows)))


def _trains(feed: pa.Table) -> pa.Table:
    at = feed.schema.get_field_index("split")
    return feed.set_column(at, feed.schema.field(at), pa.array(["train"] * feed.num_rows))
