"""`whetstone evaluate` judges detectors of every kind of feature and unit in the same way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.datasets import Dataset, Part, write_labels, write_lines
from benchmarks.quality_examples import prepare
from detectors.interface import Training
from detectors.training import train
from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.catalog_pb2 import Detector, OperatingPoint, SequenceNgrams, TextNgrams
from whetstone.errors import InputError
from whetstone.releases import Bundle, Repository, pack, stamp
from whetstone.settings import settings
from workbench.judging import evaluate_file

ROOT = Path(__file__).resolve().parent.parent.parent
POINT = OperatingPoint(max_false_positive_rate=0.05)
KEYS = Detector(
    name="keys_of_a_test",
    golden_dataset="hdfs_key_sessions",
    features=["keys"],
    sequence_ngrams=SequenceNgrams(),
    operating_point=POINT,
)
NAMES = Detector(
    name="names_of_a_test",
    golden_dataset="dga_domains",
    features=["name"],
    text_ngrams=TextNgrams(shortest=1, longest=3),
    operating_point=POINT,
)
DAY = "2026-01-01"


def sessions(seed: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Sessions of keys without a name; one in four ends in an order that is never normal."""
    rng = np.random.default_rng(seed)
    lines, labels = [], []
    for number in range(1, 241):
        odd = number % 4 == 0
        middle = " ".join(["11 9"] * rng.integers(1, 6))
        lines.append(f"5 5 22 {middle} {'21 26 3' if odd else '26 26 23 21'}")
        labels.append((str(number), "anomaly" if odd else "normal"))
    return lines, labels


def names(seed: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Names of syllables and names of any letters, as CSV with a header."""
    rng = np.random.default_rng(seed)
    labels: dict[str, str] = {}
    for number in range(300):
        odd = number % 3 == 0
        letters = rng.choice(list("qxzjkvw0123456789"), 14)
        syllables = rng.choice(["ban", "ko", "mer", "ta", "li", "son"], 4)
        labels["".join(letters if odd else syllables)] = "dga" if odd else "benign"
    lines = [f"{name},{label},x" for name, label in labels.items()]
    return ["domain,label,family", *lines], list(labels.items())


@pytest.fixture
def catalog() -> Catalog:
    return load_catalog(ROOT / "catalog")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("WHETSTONE_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def released(catalog: Catalog, detector: Detector, part: Part) -> str:
    """Train on a part and make the model the champion; its version."""
    dataset = Dataset(
        detector.golden_dataset, (detector.name,), lambda _data, _into: [], "", published_split=True
    )
    catalog.detectors[detector.name] = detector  # pyright: ignore[reportIndexIssue]
    test = Part(part.raw, part.labels, "test", part.day)
    prepared = prepare(catalog, dataset, [part, test])
    trained = train(detector, prepared.examples, Training(seed=1))
    bundle = stamp(
        Bundle(
            graph=trained.model.export(),
            threshold=trained.threshold,
            definitions=catalog.needed_by(detector),
            feature_names=trained.features,
            manifest={"detector": detector.name, "family": detector.WhichOneof("family")},
            model_card="",
        )
    )
    releases = Repository(settings().releases)
    releases.init()
    releases.publish(pack(bundle), detector.name, bundle.manifest["version"])
    return bundle.manifest["version"]


def part_of(directory: Path, made: tuple[list[str], list[tuple[str, str]]], name: str) -> Part:
    raw = write_lines(directory / f"{name}.log.gz", made[0])
    return Part(raw, write_labels(directory / f"{name}.csv", made[1]), "train", DAY)


def judged(detector: Detector, part: Part) -> dict[str, Any]:
    return evaluate_file(detector.name, part.raw, part.labels, DAY)


@pytest.mark.parametrize(("detector", "made"), [(KEYS, sessions), (NAMES, names)])
def test_lists_and_texts_are_judged_by_every_measure(
    detector: Detector, made: Any, catalog: Catalog, home: Path
) -> None:
    version = released(catalog, detector, part_of(home, made(1), "train"))
    test = part_of(home, made(2), "test")
    result = judged(detector, test)
    labels = test.labels.read_text().splitlines()[1:]
    assert result["model_version"] == version
    assert result["n"] == len(labels)
    assert result["positives"] == sum("anomaly" in row or "dga" in row for row in labels)
    assert result["coverage"] == 1
    for name in ("precision", "recall", "f1", "average_precision", "auc"):
        low, high = result["intervals"][name]
        assert low <= result[name] <= high
    assert set(result["recall_at_fpr"]) == {"0.001", "0.01", "0.05"}
    assert result["auc"] > 0.95


def test_lines_without_a_name_are_named_by_their_number(catalog: Catalog, home: Path) -> None:
    released(catalog, KEYS, part_of(home, sessions(1), "train"))
    lines, labels = sessions(2)
    some = part_of(home, (lines, [*labels[:40], ("9999", "normal")]), "some")
    result = judged(KEYS, some)
    assert (result["n"], result["positives"]) == (40, 10)
    assert result["labels_without_unit"] == 1
    assert result["coverage"] == pytest.approx(40 / 41)


def test_one_label_for_all_covers_the_lines_that_can_be_parsed(
    catalog: Catalog, home: Path
) -> None:
    released(catalog, KEYS, part_of(home, sessions(1), "train"))
    broken = part_of(home, (["5 22 5", "no key", "5 5"] * 10, [("*", "normal")]), "broken")
    result = judged(KEYS, broken)
    assert (result["n"], result["positives"]) == (20, 0)
    assert result["coverage"] == pytest.approx(2 / 3)
    assert result["undefined"]["auc"] == "no positive examples"


def test_a_unit_with_both_labels_proves_nothing(catalog: Catalog, home: Path) -> None:
    released(catalog, KEYS, part_of(home, sessions(1), "train"))
    lines, labels = sessions(2)
    doubted = part_of(home, (lines, [*labels, ("4", "normal"), ("8", "anomaly")]), "doubted")
    result = judged(KEYS, doubted)
    assert (result["n"], result["conflicts"]) == (239, 1)


def test_labels_of_another_file_are_refused(catalog: Catalog, home: Path) -> None:
    released(catalog, KEYS, part_of(home, sessions(1), "train"))
    other = part_of(home, (sessions(2)[0], [("blk_1", "normal")]), "other")
    with pytest.raises(InputError, match="raw_line"):
        judged(KEYS, other)
