"""How far precision that was estimated without labels is from the truth, on public data.

    python -m benchmarks.estimates --data ../shared/data --json

Two datasets, each with two detectors of the same units. The test units are halved by chance. From
one half days are drawn at several shares of attacks, whose labels are hidden from the estimators.
What is labelled is either the other half (labels alike: nothing has changed since they were given)
or the validation split of training (labels of before: in NSL-KDD, other attacks and other traffic).
Each estimate is compared with the precision of its day; its interval is right where it holds that
precision. Progress is on stderr, the last line on stdout is a JSON object.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from benchmarks.datasets import load
from benchmarks.quality_examples import prepare
from detectors.interface import Training
from detectors.training import Trained, train
from monitoring.quality.estimates import (
    Confirmation,
    Labelled,
    from_agreement,
    from_confidence,
    from_tail,
)
from monitoring.quality.figures import Estimate
from whetstone.catalog import load_catalog
from whetstone.settings import settings

DATASETS = ("hdfs_blocks", "nsl_kdd")
SHARES = (0.005, 0.02, 0.1)
DAYS, UNITS = 20, 5_000


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the public data")
    parser.add_argument("--only", nargs="*", default=DATASETS, help="datasets")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args(arguments)
    rows = [row for name in options.only for row in rows_of(name, options.data)]
    print(json.dumps({"rows": rows}, indent=None if options.json else 2))


@dataclass(frozen=True, eq=False)
class Half:
    """Labelled units, scored by both detectors.

    Attributes:
        positive: (n,) their labels.
        scores: (n,) by detector.
    """

    positive: NDArray[np.bool_]
    scores: tuple[NDArray[np.float64], NDArray[np.float64]]


def rows_of(name: str, data: Path) -> Iterator[dict[str, Any]]:
    """A row for each detector, share of attacks and estimator."""
    catalog = load_catalog(settings().catalog)
    dataset = load(name)
    with TemporaryDirectory(prefix="whetstone-estimates-") as into:
        examples = prepare(catalog, dataset, dataset.parts(data, Path(into))).examples
    names = dataset.detectors[:2]
    models = [train(catalog.detectors[each], examples, Training(1, say=_say)) for each in names]
    core, service = _halves(_scored(examples, models, "test"))
    earlier = _scored(examples, models, "validation")
    for which, detector in enumerate(names):
        for share in SHARES:
            days = [_day(service, share, seed) for seed in range(DAYS)]
            for estimator, errors in _errors(core, earlier, days, models, which).items():
                row = {"dataset": name, "detector": detector, "share": share} | {
                    "estimator": estimator,
                    **_summary(errors),
                }
                _say(json.dumps(row))
                yield row


def _scored(examples: pa.Table, models: list[Trained], split: str) -> Half:
    rows = examples.filter(pc.field("split") == split)
    one, other = (model.model.score(rows.select(list(model.features))) for model in models)
    return Half(rows["positive"].to_numpy().astype(bool), (one, other))


def _halves(test: Half) -> tuple[Half, Half]:
    first = np.random.default_rng(0).random(len(test.positive)) < 0.5
    one, other = (
        Half(test.positive[rows], (test.scores[0][rows], test.scores[1][rows]))
        for rows in (first, ~first)
    )
    return one, other


def _day(service: Half, share: float, seed: int) -> Half:
    """Units of a day at a share of attacks, drawn with replacement."""
    drawn = np.random.default_rng(seed)
    attacks = int(drawn.binomial(UNITS, share))
    rows = np.concatenate(
        [
            drawn.choice(np.flatnonzero(service.positive), attacks),
            drawn.choice(np.flatnonzero(~service.positive), UNITS - attacks),
        ]
    )
    return Half(service.positive[rows], (service.scores[0][rows], service.scores[1][rows]))


def _errors(
    core: Half, earlier: Half, days: list[Half], models: list[Trained], which: int
) -> dict[str, list[tuple[Estimate, float | None]]]:
    """By estimator: what it said of each day, and what was so."""
    found: dict[str, list[tuple[Estimate, float | None]]] = {}
    thresholds = [model.threshold for model in models]
    own = models[which]
    for seed, day in enumerate(days):
        raised, agreed = _raised(day, thresholds, which)
        scores = day.scores[which]
        truth = float(day.positive[raised].mean()) if raised.any() else None
        count, both = int(raised.sum()), int(agreed.sum())
        told = {"tail": from_tail(count, own.calibration.a_day(own.threshold, UNITS))}
        for labels, known in (("labels alike", core), ("labels of before", earlier)):
            labelled = Labelled(known.scores[which], known.positive)
            confirmed = _confirmation(known, thresholds, which)
            told |= {
                f"confidence, {labels}": from_confidence(scores[raised], scores, labelled, seed),
                f"agreement, {labels}": from_agreement(count, both, confirmed, seed),
            }
        for name, estimate in told.items():
            found.setdefault(name, []).append((estimate, truth))
    return found


def _raised(
    half: Half, thresholds: list[float], which: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Units that a detector alerts on, and those of them that the other one does too."""
    raised = half.scores[which] >= thresholds[which]
    return raised, raised & (half.scores[1 - which] >= thresholds[1 - which])


def _confirmation(known: Half, thresholds: list[float], which: int) -> Confirmation:
    raised, agreed = _raised(known, thresholds, which)
    counts = [
        int(rows.sum())
        for sign in (known.positive, ~known.positive)
        for rows in (agreed & sign, raised & sign)
    ]
    return Confirmation(*counts)


def _summary(pairs: list[tuple[Estimate, float | None]]) -> dict[str, Any]:
    told = [(e, truth) for e, truth in pairs if e.value is not None and truth is not None]
    if not told:
        return {"days": len(pairs), "told": 0, "reason": pairs[0][0].reason}
    off = np.array([(e.value or 0) - truth for e, truth in told])
    held = [(e.low or 0) <= truth <= (1 if e.high is None else e.high) for e, truth in told]
    return {
        "days": len(pairs),
        "told": len(told),
        "precision": float(np.mean([truth for _, truth in told])),
        "estimated": float(np.mean([e.value or 0.0 for e, _ in told])),
        "off": float(np.abs(off).mean()),
        "bias": float(off.mean()),
        "interval_holds": float(np.mean(held)),
        "interval_width": float(np.mean([(e.high or 0) - (e.low or 0) for e, _ in told])),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
