"""Windows machines under attack: recordings of single techniques (OTRF Security Datasets).

A label belongs to a whole recording of a minute or two on one to three machines, so a unit is a
machine over five minutes. There is no recording without an attack: what stands for benign are the
recordings of other tactics, whose attackers do other things. So this measures whether the traces of
one tactic are told from those of the others. It does not measure the false alarms of an office:
there are twenty units, and the office's programs are not among them. Of the machines of a
recording, all carry its label, also those that the attacker never touched: no detector can find
those, and `recordings_found` counts recordings instead.
"""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.datasets import Dataset, Judged, Part, find_one, write_labels
from detectors.interface import Training
from detectors.training import Trained, train
from whetstone.catalog import load_catalog
from whetstone.settings import settings

_FOLDS = 4
_DAY = "2021-01-01"  # after all recordings; their clocks have years


def dataset_of(tactic: str, techniques: tuple[str, ...]) -> Dataset:
    """The dataset of one tactic.

    Args:
        tactic: name of the positive class; the golden dataset is `windows_<tactic>`.
        techniques: ATT&CK ids whose recordings, and those of their sub-techniques, are attacks.
    """
    return Dataset(
        golden=f"windows_{tactic}",
        detectors=(f"windows_{tactic}_neighbours",),
        parts=_parts_of(tactic, techniques),
        protocol="Recordings of the tactic, and every third of the others, test; the rest train."
        " Beside it each other recording is left out once, and the detector trained on the rest.",
        published_split=True,
        measure=_measure_of(f"windows_{tactic}_neighbours"),
    )


def _parts_of(tactic: str, techniques: tuple[str, ...]) -> Callable[[Path, Path], list[Part]]:
    def parts(data: Path, into: Path) -> list[Part]:
        with find_one(data, "otrf/labels.csv").open(newline="", encoding="utf-8") as file:
            recordings = [row for row in csv.DictReader(file) if row["platform"] == "windows"]
        made: list[Part] = []
        others = 0
        # Backwards: forwards, the hash draws no machine of the training parts for validation.
        for row in sorted(recordings, key=lambda row: row["file"], reverse=True):
            attack = row["techniques"].startswith(techniques)
            others += not attack
            raw = find_one(data, f"otrf/{row['file']}")
            labels = write_labels(
                into / f"{row['dataset_id']}.csv", [("*", tactic if attack else "other")]
            )
            made.append(Part(raw, labels, "test" if attack or others % 3 == 0 else "train", _DAY))
        return made

    return parts


def _measure_of(detector: str) -> Callable[[Judged], Mapping[str, Any]]:
    def measure(judged: Judged) -> Mapping[str, Any]:
        """Shares of recordings found, and of others alarmed on: each left out of its trainings."""
        units = pa.concat_tables(judged.examples.values())
        names = units["environment"].to_numpy()
        attacks = set(names[units["positive"].to_numpy().astype(bool)])
        found: list[bool] = []
        alarmed: list[bool] = []
        for left_out in sorted(set(names) - attacks):
            for fold in range(_FOLDS):
                trained = _trained_without(detector, left_out, fold, units)
                alerts = set(names[trained.model.score(units) >= trained.threshold])
                found += [name in alerts for name in attacks]
                alarmed.append(left_out in alerts)
        return {
            "recordings_found": float(np.mean(found)),
            "other_recordings_alarmed": float(np.mean(alarmed)),
            "trainings": len(alarmed),
        }

    return measure


def _trained_without(detector: str, left_out: str, fold: int, units: pa.Table) -> Trained:
    """The detector, trained on all recordings but the one left out and those of the tactic.

    The threshold is chosen on a quarter of the units, which `fold` picks: with so few units it
    hangs on which they are.
    """
    rows = zip(units["environment"].to_pylist(), units["positive"].to_pylist(), strict=True)
    split = [
        "test"
        if attack or name == left_out
        else "validation"
        if number % _FOLDS == fold
        else "train"
        for number, (name, attack) in enumerate(rows)
    ]
    retagged = units.drop_columns(["split"]).append_column("split", pa.array(split))
    return train(load_catalog(settings().catalog).detectors[detector], retagged, Training(seed=1))
