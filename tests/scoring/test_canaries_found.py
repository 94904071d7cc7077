"""Planted attacks go the way of real lines, from parsing to the threshold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from detectors import family_of
from detectors.interface import Examples, Training
from whetstone.canaries import canaries_found, lines_of
from whetstone.catalog import load_catalog
from whetstone.catalog.catalog_pb2 import Canary, Detector, GoldenDataset
from whetstone.releases import Bundle, stamp
from whetstone.scoring.run import BundleScorer

CATALOG = load_catalog(Path(__file__).resolve().parents[2] / "catalog")
AT = datetime(2026, 3, 10, 12, 2, 30, tzinfo=UTC)
TIME = "{time:%b %d %H:%M:%S}"
GUESS = f"{TIME} gw1 sshd[1]: Failed password for invalid user admin from 192.0.2.1 port 40000 ssh2"
LOGIN = f"{TIME} gw1 sshd[2]: Accepted publickey for ana from 192.0.2.9 port 50122 ssh2"


@pytest.fixture(scope="module")
def scorer() -> BundleScorer:
    """A model that alerts on windows with many failures."""
    detector = Detector()
    detector.CopyFrom(CATALOG.detectors["ssh_bruteforce_gb"])
    detector.gradient_boosting.iterations = 10
    random = np.random.default_rng(1)
    attack = random.random(300) < 0.5
    columns = {name: random.integers(0, 3, 300).astype(float) for name in detector.features}
    for name in ("failures", "lines"):
        columns[name] = np.where(attack, random.integers(8, 60, 300), columns[name]).astype(float)
    model = family_of(detector).fit(Examples(pa.table(columns), attack), Training(1))
    bundle = Bundle(
        graph=model.export(),
        threshold=0.5,
        definitions=CATALOG.needed_by(detector),
        feature_names=tuple(detector.features),
        manifest={"detector": detector.name},
        model_card="# ssh\n",
    )
    return BundleScorer(stamp(bundle))


def planted(*lines: str, name: str = "guessing", technique: str = "") -> GoldenDataset:
    canary = Canary(name=name, technique=technique, lines=lines)
    return GoldenDataset(name="ssh_bruteforce", technique="T1110", canaries=[canary])


def test_an_attack_is_found_with_its_score_and_the_threshold(scorer: BundleScorer) -> None:
    (result,) = canaries_found(scorer, planted(*[GUESS] * 20), AT)
    assert (result.name, result.technique, result.found) == ("guessing", "T1110", True)
    assert result.score is not None
    assert result.score >= result.threshold == 0.5
    assert result.detail == ""


def test_what_stays_below_the_threshold_is_missed_and_says_by_how_much(
    scorer: BundleScorer,
) -> None:
    (result,) = canaries_found(scorer, planted(LOGIN, technique="T1078"), AT)
    assert (result.found, result.technique) == (False, "T1078")
    assert result.detail == f"the highest score is {result.score:.4g}, the threshold 0.5"


def test_lines_that_are_no_events_are_named(scorer: BundleScorer) -> None:
    cron = f"{TIME} gw1 CRON[3]: session opened"
    (result,) = canaries_found(scorer, planted(cron, cron), AT)
    assert (result.found, result.score) == (False, None)
    assert result.detail == "2 lines gave no event: `accept` is not true for it"


def test_lines_whose_entity_is_missing_make_no_unit(scorer: BundleScorer) -> None:
    (result,) = canaries_found(scorer, planted(f"{TIME} gw1 sshd[4]: Server listening"), AT)
    assert result.detail == "its lines make no unit of the view"


def test_several_are_judged_each_by_itself(scorer: BundleScorer) -> None:
    dataset = planted(*[GUESS] * 20)
    dataset.canaries.append(Canary(name="login", lines=[LOGIN]))
    results = canaries_found(scorer, dataset, AT.replace(tzinfo=None))
    assert [(result.name, result.found) for result in results] == [
        ("guessing", True),
        ("login", False),
    ]


def test_the_same_instant_gives_the_same_result(scorer: BundleScorer) -> None:
    dataset = planted(*[GUESS] * 7)
    later = AT + timedelta(days=30)
    first = canaries_found(scorer, dataset, AT)
    assert first == canaries_found(scorer, dataset, AT) == canaries_found(scorer, dataset, later)


def test_times_may_lie_before_and_after() -> None:
    lines = ["{time-90s:%H:%M:%S} a", "{time:%H:%M:%S} b", "{time+0.5s:epoch} {not:a clock} c"]
    assert lines_of(Canary(lines=lines), AT) == (
        "12:01:00 a\n12:02:30 b\n1773144150.500000 {not:a clock} c\n"
    )
