"""Domain names that three families of malware generate, and names of well-known sites (Alexa).

https://github.com/SuperCowPowers/data_hacking, as labelled by d3vzer0; without top-level domains.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.datasets import Dataset, Goal, Judged, Part, find
from benchmarks.datasets.records import Record, drawn_split, read_records, write_records
from detectors import family_of
from detectors.evaluation.curves import Ranking, auc
from detectors.interface import Examples, Training
from whetstone.catalog import load_catalog
from whetstone.settings import settings

_FAMILIES = ("cryptolocker", "gameoverdga", "bamital")


def _parts(data: Path, into: Path) -> list[Part]:
    found = [r for path in find(data, "dga/domains_hosts_*.csv*") for r in read_records(path)]
    records = [(drawn_split(record.values["domain"]), record) for record in found]
    return [
        Part(
            *write_records([r for s, r in records if s == split], _label, into, split, "domain"),
            split,
        )
        for split in ("train", "test")
    ]


def _label(record: Record) -> str:
    """The family where the golden dataset knows it by name."""
    family = record.values["family"]
    return family if family in _FAMILIES else record.values["label"]


def _measure(judged: Judged) -> Mapping[str, Any]:
    """Ranking of each family by a model that never saw it, against benign names held out.

    The same for the length of the name, which tells much here: all names of bamital have 32
    characters. The mean over families is `auc_of_unseen_families`.
    """
    train, test = judged.examples["train"], judged.examples["test"]
    trained, tested = (np.array(part["label"].to_pylist()) for part in (train, test))
    found: dict[str, float] = {}
    lengths: dict[str, float] = {}
    for family in sorted(set(tested[judged.positive])):
        kept = train.filter(pa.array(trained != family))
        asked = test.filter(pa.array((tested == family) | ~judged.positive))
        found[f"auc_of_unseen_{family}"] = _auc(_scores(kept, asked, judged.trained.seed), asked)
        name_lengths = [float(len(name)) for name in asked["name"].to_pylist()]
        lengths[f"auc_of_length_{family}"] = _auc(np.array(name_lengths), asked)
    return {
        **found,
        **lengths,
        "auc_of_unseen_families": float(np.mean(list(found.values()))),
        "auc_of_hardest_unseen_family": min(found.values()),
    }


def _scores(train: pa.Table, asked: pa.Table, seed: int) -> np.ndarray:
    """Of a model like the first detector's, trained on these names alone."""
    detector = load_catalog(settings().catalog).detectors[DATASET.detectors[0]]
    features = list(detector.features)
    examples = Examples(train.select(features), train["positive"].to_numpy().astype(bool))
    return family_of(detector).fit(examples, Training(seed)).score(asked.select(features))


def _auc(scores: np.ndarray, asked: pa.Table) -> float:
    ranking = Ranking.of(scores, threshold=np.inf)
    return float(auc(*ranking.count(asked["positive"].to_numpy().astype(bool))))


DATASET = Dataset(
    golden="dga_domains",
    detectors=("dga_domains_ngrams",),
    parts=_parts,
    protocol="30 % of all names test; beside it, each family in turn is left out of training and "
    "ranked against benign names of the test part",
    goals=(Goal("auc_of_unseen_families", 0.97), Goal("auc_of_hardest_unseen_family", 0.97)),
    measure=_measure,
)
