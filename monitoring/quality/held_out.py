"""What the core test set says of a model, beside the baselines on the same examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.quality.figures import Estimate, measured

MEASURES = ("average_precision", "recall", "precision", "f1", "auc")
"""Held-out measures, as named in an evaluation."""


@dataclass(frozen=True)
class HeldOutMeasure:
    """A measure on the held-out test set: the model's, and each baseline's on the same examples."""

    measure: str
    model: Estimate
    baselines: Mapping[str, Estimate]


def held_out(evaluation: Mapping[str, Any]) -> tuple[HeldOutMeasure, ...]:
    """The measures, in the order of `MEASURES`."""
    baselines = evaluation.get("baselines") or {}
    return tuple(
        HeldOutMeasure(
            measure,
            measured(evaluation, measure, evaluation.get(measure)),
            {
                name: measured(baseline, measure, baseline[measure])
                for name, baseline in baselines.items()
                if measure in baseline
            },
        )
        for measure in MEASURES
    )


def recall_at_fpr(evaluation: Mapping[str, Any]) -> dict[float, Estimate]:
    """The share of attacks that is found at a rate of false alarms, by that rate."""
    recalls = evaluation.get("recall_at_fpr") or {}
    return {
        float(rate): measured(evaluation, f"recall_at_fpr_{rate}", recall)
        for rate, recall in recalls.items()
    }
