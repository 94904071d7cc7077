"""Beacons, ssh and Windows recordings: how they are labelled, and that the detectors find them."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from benchmarks.datasets import Judged, Part, load, read_lines
from benchmarks.quality_examples import prepare
from detectors.interface import Training
from detectors.training import train
from whetstone.catalog import Catalog

SPLITS = ("train", "validation", "test")
Measured = Callable[[str], tuple[list[Part], dict[str, Any]]]


@pytest.fixture
def measured(real_data: Path, catalog: Catalog, tmp_path: Path) -> Measured:
    """The parts of a dataset, and what its measures say of its first detector."""

    def of(name: str) -> tuple[list[Part], dict[str, Any]]:
        dataset = load(name)
        parts = dataset.parts(real_data, tmp_path)
        examples = prepare(catalog, dataset, parts).examples
        trained = train(catalog.detectors[dataset.detectors[0]], examples, Training(seed=1))
        split = {name: examples.filter(pc.field("split") == name) for name in SPLITS}
        assert dataset.measure is not None
        return parts, dict(dataset.measure(Judged(real_data, trained, split)))

    return of


def labels_of(part: Part) -> dict[str, str]:
    with part.labels.open(newline="") as file:
        return {row["unit"]: row["label"] for row in csv.DictReader(file)}


def test_addresses_that_attack_ssh_are_found_within_ten_attempts(measured: Measured) -> None:
    parts, figures = measured("ssh")
    real = labels_of(parts[0])
    text = "\n".join(read_lines(parts[0].raw))
    for address, label in real.items():
        accepted = any(
            f"from {address} " in line for line in text.splitlines() if "Accepted " in line
        )
        assert (label == "benign") == accepted
        if label == "attack":
            assert text.count(f" from {address} port ") >= 10
    assert sum(label == "attack" for label in real.values()) == figures["attackers"] > 0
    assert figures["attackers_found_within_10_share"] == 1
    assert figures["benign_days"] == 5
    assert figures["false_alarms"] == 0


def test_beacons_of_other_hosts_and_habits_are_found(measured: Measured) -> None:
    (training, test), figures = measured("beacon")
    planted = [set(labels_of(part)) - {"*"} for part in (training, test)]
    hosts = [{unit.split("|")[0] for unit in units} for units in planted]
    assert not hosts[0] & hosts[1]
    assert "jittered_beacon" not in labels_of(training).values()
    assert figures["beacon_implants_found"] >= 0.95
    assert figures["jittered_beacon_implants_found"] >= 0.9
    assert figures["benign_pairs_alarmed"] < 20


def test_recordings_of_credential_access_are_told_from_those_of_other_tactics(
    measured: Measured,
) -> None:
    parts, figures = measured("otrf_credential_access")
    attacks = [part for part in parts if labels_of(part) == {"*": "credential_access"}]
    assert len(parts) - len(attacks) == figures["trainings"] / 4
    assert all(part.split == "test" for part in attacks)
    assert figures["recordings_found"] == 1
    assert figures["other_recordings_alarmed"] < 0.5
