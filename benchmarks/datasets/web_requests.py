"""Requests to web servers. Constructed: no log here of a server under attack has labels.

Ordinary requests are those of two Apache logs (elastic/examples; d3vzer0), in which nobody labelled
anything. Attacks are values of HttpParamsDataset, put into the query of such requests; ordinary
values of it are put into others, so that having a query tells nothing. What this measures is
whether the idea of the model of parameter values carries over to whole requests, not how many
attacks on a real server are found.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import numpy as np

from benchmarks.datasets import Dataset, Judged, Part, find, find_one, read_lines
from benchmarks.datasets.files import write_labels, write_lines
from benchmarks.datasets.http_parameters import shape
from benchmarks.datasets.records import Record, drawn_split, read_records
from whetstone.scoring.encoding.texts import texts_of

_TRAIN_SHARE = 0.7  # of the ordinary log, the earlier part
_LINE = '198.51.100.{host} - - [{time}] "GET {target} HTTP/1.1" 200 512 "-" "-"'
_TIME = "17/May/2015:10:05:03 +0000"


def _parts(data: Path, into: Path) -> list[Part]:
    ordinary = list(read_lines(find_one(data, "web/apache_access_*.log*")))
    other = list(read_lines(find_one(data, "web/hackers-access*.log*")))
    values = [r for path in find(data, "web/httpparams*.csv*") for r in read_records(path)]
    cut = round(len(ordinary) * _TRAIN_SHARE)
    logs = {"train": ordinary[:cut], "test": ordinary[cut:] + other}
    return [
        _part(logs[split], [v for v in values if drawn_split(shape(v)) == split], into, split)
        for split in ("train", "test")
    ]


def _part(
    lines: Sequence[str], values: Sequence[Record], into: Path, split: Literal["train", "test"]
) -> Part:
    made = list(_requests(lines, values))
    raw = write_lines(into / f"{split}.log.gz", [*lines, *(line for line, _ in made)])
    labels = ((str(at), label) for at, (_, label) in enumerate(made, start=len(lines) + 1))
    return Part(raw, write_labels(into / f"{split}_labels.csv", [*labels, ("*", "benign")]), split)


def _requests(lines: Sequence[str], values: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Each value in the query of a request for a path of the log, from one of 250 addresses."""
    paths = [fields[1].split("?")[0] for line in lines if len(fields := _request(line)) > 1]
    for number, (value, path) in enumerate(zip(values, cycle(paths), strict=False)):
        target = f"{path}?q={quote(value.values['payload'], safe='')}"
        yield _LINE.format(host=number % 250, time=_TIME, target=target), value.values["label"]


def _request(line: str) -> list[str]:
    return line.split('"')[1].split(" ") if '"' in line else []


def _measure(judged: Judged) -> Mapping[str, Any]:
    """False alerts among requests that were really made, and among those that were put together.

    And the really made ones with the highest scores: read them, for nobody has labelled them.
    """
    targets = np.array(texts_of(judged.examples["test"], "target"), dtype=object)
    constructed = np.array(["?q=" in target for target in targets])
    benign = ~judged.positive
    found: dict[str, Any] = {
        f"false_positive_rate_{name}": float(judged.alerts[benign & group].mean())
        for name, group in (("real", ~constructed), ("constructed", constructed))
    }
    real = np.flatnonzero(benign & ~constructed)
    worst = real[np.argsort(-judged.scores[real], kind="stable")][:10]
    return found | {"highest_real": {targets[at]: float(judged.scores[at]) for at in worst}}


DATASET = Dataset(
    golden="web_attacks",
    detectors=("web_attacks_ngrams",),
    parts=_parts,
    protocol="constructed: parameter values in the queries of ordinary requests; the earlier 70 % "
    "of one log trains, its rest and another server's log test; shapes of values never straddle",
    measure=_measure,
)
