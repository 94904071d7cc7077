"""NSL-KDD from its published files: what is a feature, which attacks are new, what is reached."""

import gzip
from pathlib import Path

import pyarrow.compute as pc
import pytest

from benchmarks.datasets import Judged, load
from benchmarks.quality_examples import Prepared, prepare
from detectors.interface import Training
from detectors.training import train
from whetstone.catalog import Catalog

FILES = ("KDDTrain+_20Percent.txt.gz", "KDDTest+_halfA.txt.gz")


@pytest.fixture(scope="module")
def published(
    real_data: Path, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> Prepared:
    return prepared(catalog, real_data, tmp_path_factory.mktemp("nsl_kdd") / "into")


@pytest.fixture(scope="module")
def judged(real_data: Path, catalog: Catalog, published: Prepared) -> Judged:
    detector = catalog.detectors[load("nsl_kdd").detectors[0]]
    trained = train(detector, published.examples, Training(seed=1))
    splits = ("train", "validation", "test")
    examples = {name: published.examples.filter(pc.field("split") == name) for name in splits}
    return Judged(real_data, trained, examples)


def prepared(catalog: Catalog, data: Path, into: Path) -> Prepared:
    into.mkdir()
    dataset = load("nsl_kdd")
    return prepare(catalog, dataset, dataset.parts(data, into))


def copy(real_data: Path, data: Path, records: int, changed: bool) -> Path:
    """The first records of both files; `changed`: another label's spelling, and no difficulty."""
    (data / "nsl_kdd").mkdir(parents=True)
    types = (real_data / "nsl_kdd" / "attack_types.csv").read_text()
    (data / "nsl_kdd" / "attack_types.csv").write_text(types)
    for name in FILES:
        with gzip.open(real_data / "nsl_kdd" / name, "rt") as file:
            lines = [next(file).rstrip() for _ in range(records)]
        if changed:
            lines = [line.rsplit(",", 2)[0] + ",normal" for line in lines]
        (data / "nsl_kdd" / name.removesuffix(".gz")).write_text("\n".join(lines) + "\n")
    return data


def test_neither_label_nor_difficulty_is_a_feature(
    real_data: Path, catalog: Catalog, tmp_path: Path
) -> None:
    with_them, without = (
        prepared(catalog, copy(real_data, tmp_path / name, 300, changed), tmp_path / f"{name}_in")
        for name, changed in (("as_published", False), ("changed", True))
    )
    features = list(catalog.detectors["nsl_kdd_neighbours"].features)
    keys = [("event_timestamp", "ascending"), ("unit", "ascending")]
    tables = [one.examples.sort_by(keys).select(features) for one in (with_them, without)]
    assert len(features) == 41
    assert list(catalog.detectors["nsl_kdd_ensemble"].features) == features
    assert len(tables[0]) == 600
    assert tables[0].equals(tables[1])
    assert True in with_them.examples["positive"].to_pylist()
    assert True not in without.examples["positive"].to_pylist()


def test_every_record_is_parsed_labelled_and_kept_where_it_was_published(
    published: Prepared, judged: Judged
) -> None:
    assert (published.lines, published.rejects, published.coverage) == (25192 + 11260, 0, 1.0)
    counts = judged.trained.counts
    assert counts["train"]["n"] + counts["validation"]["n"] == 25192
    assert counts["test"] == {"n": 11260, "positives": 6405}


def test_nine_of_ten_connections_are_judged_rightly(judged: Judged) -> None:
    (goal,) = load("nsl_kdd").goals
    assert (goal.metric, goal.at_least) == ("accuracy", 0.90)
    assert (judged.alerts == judged.positive).mean() >= goal.at_least


def test_attacks_of_new_kinds_are_found_and_counted(judged: Judged) -> None:
    measure = load("nsl_kdd").measure
    assert measure is not None
    found = measure(judged)
    assert found["unseen_type_units"] == 1871
    assert found["recall_unseen_types"] > 0.8
    assert all(found[f"recall_{name}"] > 0.8 for name in ("dos", "probe", "r2l", "u2r"))
    assert found["recall_seen_types"] > found["recall_unseen_types"]
