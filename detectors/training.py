"""Train a detector on its training set and judge the model by the rules that are never bent.

Fitted on `train`, the threshold chosen on the benign examples of `validation`, judged once on
`test`, beside baselines treated in the same way. Examples from verdicts are judged apart.
"""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from detectors import family_of
from detectors.evaluation.baselines import Ceiling, baselines, duplicate_share, oracle_ceiling
from detectors.evaluation.bounds import bounds
from detectors.evaluation.calibration import calibrate
from detectors.evaluation.metrics import Metrics, choose_threshold, evaluate
from detectors.interface import Examples, Model, Training
from detectors.trust.caps import capped
from whetstone.catalog import catalog_pb2
from whetstone.catalog.slow import feature_names
from whetstone.errors import InputError, TrainingError
from whetstone.releases.bounds import BOUNDS, Bounds
from whetstone.scoring.calibration import CALIBRATION, Calibration

SPLITS = ("train", "validation", "test", "verdicts")


@dataclass(frozen=True, eq=False)
class Trained:
    """A model and how good it is.

    Attributes:
        model: the model.
        threshold: scores that reach it are alerts.
        metrics: by split: `test`, `validation` (on which the threshold was chosen) and, where
            there are any, `verdicts`.
        baselines: metrics on `test` by the name of the baseline.
        ceiling: what the best possible scorer would reach on `test`.
        counts: by split, `n` and `positives`.
        duplicate_share: share of test examples whose very feature values occur in training.
        calibration: how many benign validation examples reach a score.
        bounds: how its scores are distributed, for comparison in service.
        features: the features.
        left_out: training examples beyond a contributor's share of verdicts, by contributor.
        seed: of training and bootstrap.
    """

    model: Model
    threshold: float
    metrics: dict[str, Metrics]
    baselines: dict[str, Metrics]
    ceiling: Ceiling
    counts: dict[str, dict[str, int]]
    duplicate_share: float
    calibration: Calibration
    bounds: Bounds
    features: tuple[str, ...]
    left_out: dict[str, int]
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """All but the model, as JSON takes it."""
        return {
            "threshold": self.threshold,
            "metrics": {split: metrics.to_dict() for split, metrics in self.metrics.items()},
            "baselines": {name: metrics.to_dict() for name, metrics in self.baselines.items()},
            "ceiling": self.ceiling.to_dict(),
            "counts": self.counts,
            "duplicate_share": self.duplicate_share,
            CALIBRATION: self.calibration.to_dict(),
            BOUNDS: self.bounds.to_dict(),
            "left_out": self.left_out,
            "seed": self.seed,
        }


def train(
    detector: catalog_pb2.Detector,
    training_set: pa.Table,
    training: Training,
    max_contributor_share: float = 0.0,
) -> Trained:
    """Train a detector.

    Args:
        detector: what to train.
        training_set: `positive`, `split`, the detector's features; `label`, the names of the
            classes, for families that tell them apart; `environment` and `unit`, whose examples
            are resampled together in the intervals; `origin` and `contributor`, for the cap.
        training: seed, warm start, progress; equal tables and seeds give equal models.
        max_contributor_share: see `detectors.trust.caps`; 0: the default.

    Raises:
        CatalogError: the definition names no family.
        InputError: the table lacks a column, or holds what cannot be used.
        TrainingError: the examples do not suffice; the message says what to contribute.
    """
    seed, say = training.seed, training.say
    fitted = fit(detector, training_set, training, max_contributor_share)
    model, threshold, splits = fitted.model, fitted.threshold, fitted.splits
    learned, judged = splits["train"].examples, splits["test"].examples
    benign, benign_scores = fitted.benign, fitted.benign_scores
    say(f"{detector.name}: judging {len(judged)} test examples")
    scores = {
        name: model.score(splits[name].examples.units)
        for name in ("test", "validation", "verdicts")
        if name == "test" or len(splits[name].examples)
    }
    calibration = calibrate(benign_scores)
    say(f"{detector.name}: judging the baselines")
    return Trained(
        model=model,
        threshold=threshold,
        metrics={name: splits[name].judge(each, threshold, seed) for name, each in scores.items()},
        baselines=_judged_baselines(learned, benign, splits["test"], fitted.budget, seed),
        ceiling=oracle_ceiling(judged.units, splits["test"].positive),
        counts={
            name: {"n": len(split.examples), "positives": int(split.positive.sum())}
            for name, split in splits.items()
        },
        duplicate_share=duplicate_share(learned.units, judged.units),
        calibration=calibration,
        bounds=bounds(benign_scores, scores["test"], threshold, calibration),
        features=learned.names,
        left_out=fitted.left_out,
        seed=seed,
    )


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model that was not judged yet.

    Attributes:
        model: the model.
        threshold: scores that reach it are alerts.
        budget: false-positive rate that the threshold was chosen by.
        benign: validation examples that it was chosen on, with their scores `benign_scores` (n,).
        splits: the examples, after the cap on contributors.
        left_out: what the cap took.
    """

    model: Model
    threshold: float
    budget: float
    benign: Examples
    benign_scores: NDArray[np.float64]
    splits: dict[str, "Split"]
    left_out: dict[str, int]


def fit(
    detector: catalog_pb2.Detector,
    training_set: pa.Table,
    training: Training,
    max_contributor_share: float = 0.0,
) -> Fitted:
    """Fit a model and choose its threshold; arguments and errors as of `train`."""
    family = family_of(detector)
    trusted = capped(training_set, max_contributor_share)
    for name, count in trusted.left_out.items():
        training.say(f"{detector.name}: {count} training examples of {name} are beyond its share")
    features = feature_names(detector)
    splits = {split: Split.of(trusted.table, split, features) for split in SPLITS}
    learned, benign = splits["train"].examples, splits["validation"].examples.benign()
    training.say(
        f"{detector.name}: fitting {len(learned)} examples of {len(learned.names)} features"
    )
    model = family.fit(learned, training)
    if not len(benign):
        raise TrainingError(
            f"{detector.name} has no benign validation examples to choose a threshold on: "
            "contribute more benign activity, or hold out a larger validation share"
        )
    scores = model.score(benign.units)
    point = detector.operating_point
    if point.WhichOneof("by") == "significance":
        budget, threshold = point.significance, model.threshold(point.significance)
    else:
        budget = point.max_false_positive_rate
        threshold = choose_threshold(scores, budget)
    return Fitted(model, threshold, budget, benign, scores, splits, trusted.left_out)


@dataclass(frozen=True, eq=False)
class Split:
    """The labelled examples of one split.

    Attributes:
        examples: n of them.
        positive: (n,) bool, their labels.
        groups: (n,) codes, equal for examples of the same environment and unit; None: unknown.
    """

    examples: Examples
    positive: NDArray[np.bool_]
    groups: NDArray[np.int64] | None

    @staticmethod
    def of(training_set: pa.Table, split: str, features: Sequence[str]) -> "Split":
        """Take the rows of `split` out of a training set, with the columns `features`.

        Raises:
            InputError: as `train`.
        """
        for column in ("split", "positive"):
            if column not in training_set.column_names:
                raise InputError(f"The training set has no column {column!r}")
            if training_set.column(column).null_count:
                raise InputError(f"The training set has rows without {column!r}")
        unknown = set(pc.unique(training_set.column("split")).to_pylist()) - set(SPLITS)
        if unknown:
            raise InputError(f"Unknown split {', '.join(sorted(unknown))}: use {', '.join(SPLITS)}")
        rows = training_set.filter(pc.equal(training_set.column("split"), split))
        positive = rows.column("positive").to_numpy().astype(bool)
        missing = [name for name in features if name not in rows.column_names]
        if missing:
            raise InputError(
                f"The training set has no feature {', '.join(missing)}; it has"
                f" {', '.join(rows.column_names)}"
            )
        labels = (
            np.array(rows.column("label").to_pylist(), dtype=np.str_)
            if "label" in rows.column_names
            else None
        )
        examples = Examples(rows.select(list(features)), positive, labels)
        return Split(examples, positive, _groups(rows))

    def judge(self, scores: NDArray[np.float64], threshold: float, seed: int) -> Metrics:
        """Metrics of scores (n,) of these examples."""
        return evaluate(scores, self.positive, threshold, seed, self.groups)


def _groups(rows: pa.Table) -> NDArray[np.int64] | None:
    if not {"environment", "unit"} <= set(rows.column_names):
        return None
    keys = pc.binary_join_element_wise(rows.column("environment"), rows.column("unit"), "|")
    codes = pc.dictionary_encode(keys).combine_chunks()
    return codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _judged_baselines(
    learned: Examples, benign_validation: Examples, test: Split, budget: float, seed: int
) -> dict[str, Metrics]:
    """Baselines on the test split, each with its own threshold from the same budget."""
    validation = baselines(learned, benign_validation, seed)
    return {
        name: test.judge(scores, choose_threshold(validation[name], budget), seed)
        for name, scores in baselines(learned, test.examples, seed).items()
    }
