"""How many items an analyst reads for the same attacks: the queue's patterns against every alert.

    python -m benchmarks.workload --data ../shared/data --resume cells.jsonl --json

Each detector is trained on a public dataset as the pipeline trains it; its alerts on the held-out
units are what there is to read. Protocol:

- *every alert*: each alert of the same detector is read, one by one;
- *plain*: each alert of the simplest detector (`detectors.evaluation.baselines`) that finds as
  many attacks with the fewest alerts, its threshold set with the truth in hand;
- *patterns*: alerts of a pattern (`triage.queue.patterns`) stand in the queue as one. The analyst
  opens some of them, in a way of `benchmarks.workload_reading`, and decides.

The analyst is always right about what is read. What a verdict on a whole pattern gets wrong is
told: attacks `lost`, as their pattern was taken for benign, and benign alerts `blamed`.

Most alerts of these datasets are attacks. `sites` are those of `benchmarks.workload_sites`, at
which a half, a tenth and a hundredth of the alerts are; `site_totals` sums them over the datasets,
each figure with the lowest and highest of the seeds.
"""

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.datasets import MissingDataError, load
from benchmarks.quality_examples import prepare
from benchmarks.resuming import Cells
from benchmarks.workload_reading import WAYS, Read, read
from benchmarks.workload_sites import Replay, folded, plain, sites, totals
from detectors.evaluation.baselines import baselines
from detectors.evaluation.identity import identities
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
HEADLINE = "escalate"
_TOP = 5
_AT_ONCE = 2000


def row_of(
    catalog: Catalog, name: str, data: Path, seeds: int, noises: Sequence[float]
) -> dict[str, Any]:
    """The row of a dataset, by its best detector."""
    dataset = load(name)
    detector = catalog.detectors[dataset.detectors[0]]
    with TemporaryDirectory(prefix="whetstone-workload-") as into:
        examples = prepare(catalog, dataset, dataset.parts(data, Path(into))).examples
    replay = _replay(fit(detector, examples, Training(1)), detector, max(noises))
    truth = replay.truth[: replay.own]
    patterns = folded(replay.patterns[: replay.own], truth)
    return {
        "dataset": name,
        "detector": detector.name,
        "units": len(replay.positive),
        "attacks": int(replay.positive.sum()),
        "alerts": replay.own,
        "attacks_among_alerts": int(truth.sum()),
        "patterns": len(patterns),
        "identical": len(set(replay.identities[: replay.own])),
        "plain": plain(replay.plain, replay.positive, int(truth.sum())),
        "ways": {
            way: _mean(
                [read(patterns, way, np.random.default_rng(seed)) for seed in range(seeds)],
                replay.own,
            )
            for way in WAYS
        },
        "sites": sites(replay, noises, seeds),
    }


def _replay(fitted: Fitted, detector: Detector, noise: float) -> Replay:
    test = fitted.splits["test"]
    scores = fitted.model.score(test.examples.units)
    own = int((scores >= fitted.threshold).sum())
    ranked = np.argsort(-scores, kind="stable")
    benign = np.cumsum(~test.positive[ranked])
    alerts = ranked[: max(own, int((benign <= noise * benign[-1]).sum()))]
    units = test.examples.units.take(pa.array(alerts))
    return Replay(
        positive=test.positive,
        alerts=alerts,
        patterns=_patterns(fitted, detector, units),
        identities=identities(units)[0],
        own=own,
        plain=baselines(fitted.splits["train"].examples, test.examples, seed=1),
    )


def _patterns(fitted: Fitted, detector: Detector, units: pa.Table) -> NDArray[np.str_]:
    keys: list[str] = []
    for first in range(0, units.num_rows, _AT_ONCE):
        found = fitted.model.explain(units.slice(first, _AT_ONCE))
        keys += [pattern_of(detector.name, explanation(why[:_TOP])).key for why in found]
    return np.array(keys, np.str_)


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
    cells, rows = Cells.of(options.resume), list[dict[str, Any]]()
    left_out: dict[str, str] = {}
    for name in options.only or DATASETS:
        try:
            cell = {"dataset": name, "seeds": options.seeds, "noise": options.noise}
            measure = partial(row_of, catalog, name, options.data, options.seeds, options.noise)
            rows.append(cells.get_or(cell, measure))
            print(_line(rows[-1]), file=sys.stderr, flush=True)
        except MissingDataError as error:
            left_out[name] = str(error)
        except Exception as error:  # the others are still to be measured
            traceback.print_exc(file=sys.stderr)
            left_out[name] = f"{type(error).__name__}: {error}"
    result = {
        "rows": rows,
        "totals": [_total(rows, way) for way in WAYS] if rows else [],
        "headline": HEADLINE,
        "site_totals": totals(rows),
        "left_out": left_out,
    }
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
    parser.add_argument("--seeds", type=int, default=20, help="draws of cases and sites")
    parser.add_argument(
        "--noise",
        nargs="+",
        type=float,
        default=[0.0, 0.05, 0.2],
        help="benign units that are alerts at a site, as a share of all of them",
    )
    parser.add_argument("--resume", type=Path, default=None, help="file of datasets done before")
    parser.add_argument("--json", action="store_true", help="on one line")
    return parser


if __name__ == "__main__":
    main()
