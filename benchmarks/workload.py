"""How many items an analyst reads for the same attacks: the queue's patterns against every alert.

    python -m benchmarks.workload --data ../shared/data --json

Each detector is trained on a public dataset as the pipeline trains it; its alerts on the held-out
units are what there is to read. Protocol:

- *every alert*: each alert of the same detector is read, one by one;
- *plain*: each alert of the simplest detector (`detectors.evaluation.baselines`) that finds as
  many attacks with the fewest alerts, its threshold set with the truth in hand;
- *patterns*: alerts of a pattern (`triage.queue.patterns`) stand in the queue as one. The analyst
  opens some of them, each of which is an item, and decides:
  `one`: the alert on top decides for all;
  `by_size`: that on top, that at the bottom where there are ten or more, and one at random for
  every further tenfold; where they differ, all of the pattern is read;
  `escalate`: the same, but where they differ the whole pattern is taken for an attack.

The analyst is always right about what is read. What a verdict on a whole pattern gets wrong is
told: attacks `lost`, as their pattern was taken for benign, and benign alerts `blamed`.
"""

import argparse
import json
import math
import sys
import traceback
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.datasets import MissingDataError, load
from benchmarks.quality_examples import prepare
from detectors.evaluation.baselines import baselines
from detectors.interface import Training
from detectors.training import Fitted, fit
from triage.queue.patterns import pattern_of
from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.scoring.alerts import explanation
from whetstone.settings import settings

DATASETS = (
    "adfa_ld",
    "dga_domains",
    "hdfs",
    "hdfs_blocks",
    "http_parameters",
    "malicious_urls",
    "network_scan",
    "nsl_kdd",
    "ssh",
    "web_requests",
)
WAYS = ("one", "by_size", "escalate")
HEADLINE = "escalate"
_TOP = 5
_AT_ONCE = 2000


@dataclass(frozen=True)
class Read:
    """What an analyst did and what came of it.

    Attributes:
        items: cases that were opened.
        found: attacks in what was called an attack.
        lost: attacks in patterns that were taken for benign.
        blamed: benign alerts in patterns that were taken for attacks.
        mixed: patterns that were read to the end.
    """

    items: int
    found: int
    lost: int
    blamed: int
    mixed: int


def read(patterns: Iterable[Sequence[bool]], way: str, draw: np.random.Generator) -> Read:
    """Read patterns in a way of `WAYS`; each is the truth about its alerts, highest score first."""
    items = found = lost = blamed = mixed = 0
    for truth in patterns:
        size, attacks = len(truth), sum(truth)
        seen = [truth[at] for at in _opened(size, way, draw)]
        items += len(seen)
        if len(set(seen)) > 1 and way == "by_size":
            items, found, mixed = items + size - len(seen), found + attacks, mixed + 1
        elif any(seen):
            found, blamed = found + attacks, blamed + size - attacks
        else:
            lost += attacks
    return Read(items, found, lost, blamed, mixed)


def _opened(size: int, way: str, draw: np.random.Generator) -> list[int]:
    """Which of the alerts of a pattern are opened: the places of their scores."""
    more = 0 if way == "one" else int(math.log10(size))
    if not more:
        return [0]
    between = draw.permutation(np.arange(1, size - 1))[: more - 1]
    return [0, size - 1, *between.tolist()]


def row_of(catalog: Catalog, name: str, data: Path, seeds: int) -> dict[str, Any]:
    """The row of a dataset, by its best detector."""
    dataset = load(name)
    detector = catalog.detectors[dataset.detectors[0]]
    with TemporaryDirectory(prefix="whetstone-workload-") as into:
        examples = prepare(catalog, dataset, dataset.parts(data, Path(into))).examples
    fitted = fit(detector, examples, Training(1))
    test = fitted.splits["test"]
    scores = fitted.model.score(test.examples.units)
    ranked = np.argsort(-scores, kind="stable")
    alerts = ranked[scores[ranked] >= fitted.threshold]
    truth = test.positive[alerts]
    patterns = list(_patterns(fitted, detector, alerts, truth).values())
    return {
        "dataset": name,
        "detector": detector.name,
        "units": len(test.positive),
        "attacks": int(test.positive.sum()),
        "alerts": len(alerts),
        "attacks_among_alerts": int(truth.sum()),
        "patterns": len(patterns),
        "plain": _plain(fitted, int(truth.sum())),
        "ways": {
            way: _mean(
                [read(patterns, way, np.random.default_rng(seed)) for seed in range(seeds)],
                len(alerts),
            )
            for way in WAYS
        },
    }


def _patterns(
    fitted: Fitted, detector: Detector, alerts: NDArray[np.int64], truth: NDArray[np.bool_]
) -> dict[str, list[bool]]:
    units = fitted.splits["test"].examples.units
    found: dict[str, list[bool]] = defaultdict(list)
    for first in range(0, len(alerts), _AT_ONCE):
        rows = units.take(pa.array(alerts[first : first + _AT_ONCE]))
        for at, why in enumerate(fitted.model.explain(rows), start=first):
            pattern = pattern_of(detector.name, explanation(why[:_TOP]))
            found[pattern.key].append(bool(truth[at]))
    return found


def _plain(fitted: Fitted, attacks: int) -> dict[str, Any]:
    """The plain detector that finds so many attacks with the fewest alerts."""
    test = fitted.splits["test"]
    needed = {
        name: _alerts_for(scores, test.positive, attacks)
        for name, scores in baselines(
            fitted.splits["train"].examples, test.examples, seed=1
        ).items()
    }
    best = min(needed, key=needed.__getitem__)
    return {"name": best, "alerts": needed[best]}


def _alerts_for(scores: NDArray[np.float64], positive: NDArray[np.bool_], attacks: int) -> int:
    """Alerts from the highest threshold on at which so many attacks are found."""
    if not attacks:
        return 0
    threshold = np.sort(scores[positive])[::-1][attacks - 1]
    return int((scores >= threshold).sum())


def _mean(runs: Sequence[Read], alerts: int) -> dict[str, float]:
    means = {name: float(np.mean([vars(run)[name] for run in runs])) for name in vars(runs[0])}
    return means | {"less_reading": 1 - means["items"] / alerts if alerts else 0.0}


def _total(rows: Sequence[dict[str, Any]], way: str) -> dict[str, Any]:
    alerts = sum(row["alerts"] for row in rows)
    attacks = sum(row["attacks_among_alerts"] for row in rows)
    plain = sum(row["plain"]["alerts"] for row in rows)
    done = [row["ways"][way] for row in rows]
    items, lost = (sum(each[name] for each in done) for name in ("items", "lost"))
    return {
        "way": way,
        "alerts": alerts,
        "plain_alerts": plain,
        "items": items,
        "less_than_every_alert": 1 - items / alerts,
        "less_than_plain": 1 - items / plain,
        "mean_less_than_every_alert": float(np.mean([each["less_reading"] for each in done])),
        "lost_share_of_attacks": lost / attacks,
        "blamed": sum(each["blamed"] for each in done),
        "benign": alerts - attacks,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    catalog = load_catalog(settings().catalog)
    rows: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for name in options.only or DATASETS:
        try:
            rows.append(row_of(catalog, name, options.data, options.seeds))
            print(_line(rows[-1]), file=sys.stderr, flush=True)
        except MissingDataError as error:
            left_out[name] = str(error)
        except Exception as error:  # the others are still to be measured
            traceback.print_exc(file=sys.stderr)
            left_out[name] = f"{type(error).__name__}: {error}"
    totals = [_total(rows, way) for way in WAYS] if rows else []
    result = {"rows": rows, "totals": totals, "headline": HEADLINE, "left_out": left_out}
    print(json.dumps(result, indent=None if options.json else 2))


def _line(row: dict[str, Any]) -> str:
    done = row["ways"][HEADLINE]
    return (
        f"{row['dataset']} {row['detector']}: {row['alerts']} alerts, {row['patterns']} patterns,"
        f" {done['items']:.0f} items ({done['less_reading']:.1%} less), {done['lost']:.1f} of"
        f" {row['attacks_among_alerts']} attacks lost, {done['blamed']:.1f} blamed;"
        f" plain {row['plain']['name']} {row['plain']['alerts']} alerts"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.workload", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the public data")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=None)
    parser.add_argument("--seeds", type=int, default=5, help="orders in which cases are opened")
    parser.add_argument("--json", action="store_true", help="on one line")
    return parser


if __name__ == "__main__":
    main()
