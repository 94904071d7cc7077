"""Applications told by the shape of their flows: three captures of Zeek, told apart by server.

An office in 2009 (M57), a desktop of 2015 or later with and without malware (Slips test9, port
scan). The truth is what Zeek recognised in the payload; where it recognised nothing there is none.

What limits it is the data: a few encrypted connections without a port look like HTTP. Recurrent and
convolutional networks, gradient boosting over single flows and extremely randomized trees over
whole units all end at a macro accuracy of 0.84 to 0.86. The network was chosen by cross-validation
on the training part.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.datasets import Dataset, Goal, Judged, Part, find, write_labels
from benchmarks.datasets.zeek_records import Log, Record
from detectors.flow_sequence import vote
from detectors.interface import GraphModel
from whetstone.scoring.onnx import CLASSES

_NAMES = {"ssl": "tls", "http": "http", "dns": "dns"}
_RESAMPLES = 1000
_TESTED = (1, 3)  # of five servers of a class, in the order of their hashes


def _parts(data: Path, into: Path) -> list[Part]:
    patterns = ("m57_day1*", "slips_test9*", "slips_portscan*")
    logs = [Log.read(path) for path in find(data, *(f"zeek/{p}/conn.log*" for p in patterns))]
    truth = _truth([record for log in logs for record in log.records])
    tested = set(_test_servers(truth))
    parts: list[Part] = []
    for number, log in enumerate(logs):
        for split in ("train", "test"):
            raw = log.write(
                into / f"{split}{number}.log.gz",
                lambda record, test=split == "test": (record.values["id.resp_h"] in tested) == test,
            )
            units = {record.service for record in Log.read(raw).records} & truth.keys()
            labels = [(unit, truth[unit]) for unit in sorted(units)]
            if labels:
                labelled = write_labels(into / f"{split}{number}.csv", labels)
                parts.append(Part(raw, labelled, "test" if split == "test" else "train"))
    return parts


def _truth(records: list[Record]) -> dict[str, str]:
    """What Zeek recognised most often in the flows of each unit, where it is one of the classes."""
    recognised: dict[str, Counter[str]] = {}
    for record in records:
        if "service" in record.values:
            counts = recognised.setdefault(record.service, Counter())
            counts[record.values["service"]] += 1
    named = {unit: counts.most_common(1)[0][0] for unit, counts in recognised.items()}
    return {unit: _NAMES[name] for unit, name in named.items() if name in _NAMES}


def _test_servers(truth: Mapping[str, str]) -> Iterator[str]:
    """Two fifths of the addresses of each class, chosen by hash."""
    applications: dict[str, Counter[str]] = {}
    for unit, name in truth.items():
        applications.setdefault(unit.split("|")[1], Counter())[name] += 1
    for name in _NAMES.values():
        own = [server for server, c in applications.items() if c.most_common(1)[0][0] == name]
        own.sort(key=lambda server: sha256(server.encode()).hexdigest())
        yield from (server for at, server in enumerate(own) if at % 5 in _TESTED)


def _measure(judged: Judged) -> Mapping[str, Any]:
    """Mean recall over the classes: of single flows, of units, of servers after the vote of their
    units; the same of gradient boosting over single flows; of the majority and of ports alone."""
    model = judged.trained.model
    assert isinstance(model, GraphModel)
    scorer = model.scorer
    classes = np.array(scorer.classes)
    train, test = judged.examples["train"], judged.examples["test"]
    truth = np.searchsorted(classes, test["label"].to_numpy(zero_copy_only=False).astype(str))
    servers = np.array([unit.partition("|")[2] for unit in test["unit"].to_pylist()])
    flows, unit = _flows(test, scorer.names)

    def probabilities(units: pa.Table) -> NDArray[np.float32]:
        return scorer.run(scorer.encode(units), CLASSES)

    _, first = np.unique(servers, return_index=True)
    by_server = vote(probabilities(test), servers)[first]
    boosted = _boosted(train, scorer.names, flows)
    boosted_unit = vote(boosted, unit)[np.unique(unit, return_index=True)[1]]
    boosted_server = vote(boosted, servers[unit])[np.unique(servers[unit], return_index=True)[1]]
    return {
        "macro_accuracy_of_flows": macro_accuracy(truth[unit], probabilities(flows).argmax(axis=1)),
        "macro_accuracy_of_units": macro_accuracy(truth, probabilities(test).argmax(axis=1)),
        "macro_accuracy_after_voting": macro_accuracy(truth[first], by_server),
        "boosted_flows": macro_accuracy(truth[unit], boosted.argmax(axis=1)),
        "boosted_units": macro_accuracy(truth, boosted_unit),
        "boosted_after_voting": macro_accuracy(truth[first], boosted_server),
        "ports_only": macro_accuracy(truth, _by_port(train, test, classes)),
        "majority": 1 / len(np.unique(truth)),
        "macro_accuracy_after_voting_interval": _interval(truth[first], by_server),
        "servers_of_a_class_by_prediction": {
            str(name): np.bincount(by_server[truth[first] == at], minlength=len(classes)).tolist()
            for at, name in enumerate(classes)
        },
    }


def macro_accuracy(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """The mean over the true classes of the share that was predicted so."""
    return float(np.mean([(predicted[truth == k] == k).mean() for k in np.unique(truth)]))


def _interval(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> list[float]:
    """95 % of the macro accuracies of resamples of the servers, each class by itself."""
    rng = np.random.default_rng(0)
    hits = [predicted[truth == k] == k for k in np.unique(truth)]
    means = [rng.choice(hit, (_RESAMPLES, len(hit))).mean(axis=1) for hit in hits]
    return np.quantile(np.mean(means, axis=0), [0.025, 0.975]).tolist()


def _flows(units: pa.Table, features: Sequence[str]) -> tuple[pa.Table, NDArray[np.int64]]:
    """Every flow as a unit of its own, and the number of the unit it is of."""
    counts = [len(times) for times in units[features[0]].to_pylist()]
    columns = {
        name: [[value] for values in units[name].to_pylist() for value in values]
        for name in features
    }
    schema = pa.schema([units.schema.field(name) for name in features])
    return pa.table(columns, schema=schema), np.repeat(np.arange(len(counts)), counts)


def _boosted(train: pa.Table, features: Sequence[str], asked: pa.Table) -> NDArray[np.float64]:
    """Class probabilities of single flows by gradient boosting over their numbers, times apart."""
    learned, unit = _flows(train, features)
    labels = train["label"].to_numpy(zero_copy_only=False).astype(str)[unit]

    def matrix(flows: pa.Table) -> NDArray[np.float64]:
        columns = [flows[name].to_pylist() for name in features if name != "times"]
        return np.array(columns, dtype=np.float64)[:, :, 0].T

    booster = HistGradientBoostingClassifier(
        max_iter=100, min_samples_leaf=5, class_weight="balanced", random_state=0
    )
    return booster.fit(matrix(learned), labels).predict_proba(matrix(asked))


def _by_port(train: pa.Table, test: pa.Table, classes: NDArray[np.str_]) -> NDArray[np.int64]:
    """What knows the port alone says: the commonest class of the port, else that of all."""
    labels = train["label"].to_pylist()
    ports = [unit.rpartition("|")[2] for unit in train["unit"].to_pylist()]
    known: dict[str, Counter[str]] = {}
    for port, label in zip(ports, labels, strict=True):
        known.setdefault(port, Counter())[label] += 1
    everywhere = Counter(labels)
    asked = [unit.rpartition("|")[2] for unit in test["unit"].to_pylist()]
    guessed = [known.get(port, everywhere).most_common(1)[0][0] for port in asked]
    return np.searchsorted(classes, np.array(guessed))


DATASET = Dataset(
    golden="applications",
    detectors=("application_shape",),
    parts=_parts,
    protocol="Units are a source, a destination, its port and a day. Two fifths of the destinations"
    " of each class test, chosen by hash, the others train: no server is in both, the clients are."
    " Servers are judged by the vote of their units. dns has 11 servers: its recall is coarse.",
    goals=(Goal("macro_accuracy_after_voting", 0.90),),
    measure=_measure,
)
