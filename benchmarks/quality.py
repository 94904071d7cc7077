"""How good the catalog's detectors are on public data, by the rules that are never bent.

    python -m benchmarks.quality --data ../shared/data --only nsl_kdd --seeds 3 --json

A row for each detector of each dataset in `benchmarks.datasets`: trained as the pipeline trains,
with several seeds, judged once on held-out units, beside baselines on the same split and what the
data allow at best. A dataset that fails or is not there gets a row with the reason, and the others
go on. Progress is on stderr, the last line on stdout is a JSON object.
"""

import argparse
import json
import statistics
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.compute as pc

from benchmarks.datasets import DATASETS, Dataset, Goal, Judged, MissingDataError, load
from benchmarks.quality_examples import Prepared, prepare
from detectors import family_of
from detectors.evaluation.metrics import Metrics
from detectors.interface import Training
from detectors.training import Trained, train
from whetstone.catalog import Catalog, load_catalog
from whetstone.settings import settings

_SHOWN = ("precision", "recall", "f1", "average_precision", "auc", "false_positive_rate")
_SPLITS = ("train", "validation", "test")


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    catalog = load_catalog(settings().catalog)
    seeds = list(range(1, options.seeds + 1))
    rows = [
        row
        for name in options.only or DATASETS
        for row in rows_of(name, catalog, options.data, seeds)
    ]
    result = {
        "rows": rows,
        "goals_met": sum(row.get("met") is True for row in rows),
        "goals_missed": [row["dataset"] for row in rows if row.get("met") is False],
        "skipped": [row["dataset"] for row in rows if "skipped" in row],
        "failed": [row["dataset"] for row in rows if "failed" in row],
    }
    print(json.dumps(result, indent=None if options.json else 2))
    if result["failed"]:
        raise SystemExit(1)


def rows_of(name: str, catalog: Catalog, data: Path, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of a dataset; what goes wrong is a row too."""
    try:
        dataset = load(name)
        with TemporaryDirectory(prefix="whetstone-quality-") as into:
            parts = dataset.parts(data, Path(into))
            _say(f"{name}: {len(parts)} parts; parsing and computing features")
            prepared = prepare(catalog, dataset, parts)
            return list(_judged_rows(name, dataset, catalog, data, prepared, seeds))
    except MissingDataError as error:
        _say(f"{name}: skipped: {error}")
        return [{"dataset": name, "skipped": str(error)}]
    except Exception as error:  # the others are still to be measured
        traceback.print_exc(file=sys.stderr)
        return [{"dataset": name, "failed": f"{type(error).__name__}: {error}"}]


def _judged_rows(
    name: str,
    dataset: Dataset,
    catalog: Catalog,
    data: Path,
    prepared: Prepared,
    seeds: Sequence[int],
) -> Iterator[dict[str, Any]]:
    about = {
        "dataset": name,
        "protocol": dataset.protocol,
        "published_split": dataset.published_split,
        "coverage": prepared.coverage,
        "lines": prepared.lines,
        "rejects": prepared.rejects,
        "label_conflicts": prepared.conflicts,
        "duplicates_removed": prepared.duplicates,
        "training_units_repeated_in_test": prepared.repeated,
        "published": dict(dataset.published),
    }
    splits = {split: prepared.examples.filter(pc.field("split") == split) for split in _SPLITS}
    for number, detector in enumerate(dataset.detectors):
        definition = catalog.detectors[detector]
        row = {**about, "detector": detector, "family": definition.WhichOneof("family")}
        try:
            family_of(definition)  # imports its libraries, which is no part of the training
            runs = []
            for seed in seeds:
                began = time.perf_counter()
                trained = train(definition, prepared.examples, Training(seed, say=_say))
                seconds = time.perf_counter() - began
                added = dataset.measure(Judged(data, trained, splits)) if dataset.measure else {}
                runs.append(Run(seed, trained, dict(added), seconds))
            row |= measured(runs, prepared.seconds, dataset.goals if not number else ())
        except Exception as error:  # the dataset's other detectors are still to be measured
            traceback.print_exc(file=sys.stderr)
            row["failed"] = f"{type(error).__name__}: {error}"
        _say(_line(row))
        yield row


@dataclass(frozen=True, eq=False)
class Run:
    """A model trained with one seed; `added` are the measures of the dataset's own."""

    seed: int
    trained: Trained
    added: dict[str, Any]
    seconds: float


def measured(runs: Sequence[Run], prepare_seconds: float, goals: Sequence[Goal]) -> dict[str, Any]:
    """The measured part of a row: means over the runs, and what does not depend on the seed."""
    first = runs[0].trained
    of_seeds = [{"seed": run.seed, "seconds": run.seconds, **_numbers(run)} for run in runs]
    mean = _mean([{k: v for k, v in one.items() if k != "seed"} for one in of_seeds])
    row = {
        "n": {split: first.counts[split]["n"] for split in _SPLITS},
        "positives": {split: first.counts[split]["positives"] for split in _SPLITS},
        "seeds": [run.seed for run in runs],
        "metrics": {"mean": mean, "by_seed": of_seeds},
        "intervals": first.metrics["test"].to_dict()["intervals"],
        "undefined": first.metrics["test"].undefined,
        "baselines": {name: _shown(metrics) for name, metrics in first.baselines.items()},
        "ceiling": first.ceiling.to_dict(),
        "duplicate_share": first.duplicate_share,
        "false_alerts_per_million": asdict(first.calibration.a_day(first.threshold, 1_000_000)),
        "added": {name: value for name, value in runs[0].added.items() if not _is_number(value)},
        "seconds": {"prepare": prepare_seconds, "train_and_judge": mean["seconds"]},
    }
    judged = [_judge(goal, row) for goal in goals]
    return {**row, "goals": judged, "met": all(g["met"] for g in judged) if judged else None}


def _numbers(run: Run) -> dict[str, float | None]:
    metrics = run.trained.metrics["test"]
    at_fpr = {f"recall_at_fpr_{rate}": value for rate, value in metrics.recall_at_fpr.items()}
    added = {name: value for name, value in run.added.items() if _is_number(value)}
    return {**_shown(metrics), **at_fpr, "threshold": metrics.threshold, **added}


def _shown(metrics: Metrics) -> dict[str, float | None]:
    right = metrics.true_positives + metrics.true_negatives
    accuracy = right / metrics.n if metrics.n else None
    return {**{name: getattr(metrics, name) for name in _SHOWN}, "accuracy": accuracy}


def _mean(rows: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    """The mean of each value; None where one of the rows has none."""
    means: dict[str, float | None] = {}
    for name in rows[0]:
        values = [value for row in rows if (value := row[name]) is not None]
        means[name] = statistics.fmean(values) if len(values) == len(rows) else None
    return means


def _judge(goal: Goal, row: dict[str, Any]) -> dict[str, Any]:
    """Whether a goal is met, and if not, what speaks for or against that it can be."""
    reached = row["metrics"]["mean"].get(goal.metric)
    met = reached is not None and reached >= goal.at_least
    judged = {"metric": goal.metric, "at_least": goal.at_least, "reached": reached, "met": met}
    if met:
        return judged
    if reached is None:
        return judged | {"reason": row["undefined"].get(goal.metric, "it was not measured")}
    reasons = [f"{reached:.4f} is below {goal.at_least:.4f}"]
    if bounds := row["intervals"].get(goal.metric):
        reasons.append(f"its 95 % interval is {bounds[0]:.4f} to {bounds[1]:.4f}")
    known = {n: m[goal.metric] for n, m in row["baselines"].items() if m.get(goal.metric)}
    if known:
        best = max(known, key=known.__getitem__)
        reasons.append(f"the best baseline, {best}, reaches {known[best]:.4f}")
    if (ceiling := row["ceiling"].get(goal.metric)) is not None:
        reasons.append(f"no scorer of these features reaches more than {ceiling:.4f}")
    return judged | {"reason": "; ".join(reasons)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _line(row: dict[str, Any]) -> str:
    start = f"{row['dataset']} {row['detector']}: "
    if "failed" in row:
        return start + f"failed: {row['failed']}"
    mean = row["metrics"]["mean"]
    figures = ", ".join(
        f"{name} {mean[name]:.4f}"
        for name in ("f1", "average_precision", "auc", "accuracy")
        if mean[name] is not None
    )
    goals = "; ".join(
        f"goal {g['metric']} {g['at_least']} " + ("met" if g["met"] else f"missed: {g['reason']}")
        for g in row["goals"]
    )
    return f"{start}{figures}{'; ' + goals if goals else ''}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.quality", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the public data")
    parser.add_argument("--only", nargs="+", choices=sorted(DATASETS), metavar="NAME", default=None)
    parser.add_argument("--seeds", type=int, default=3, help="train with seeds 1 to this")
    parser.add_argument("--json", action="store_true", help="on one line")
    return parser


if __name__ == "__main__":
    main()
