"""Recall by attack technique: on the core test set, by class of its examples, on canaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.quality.figures import Estimate, measured, share
from whetstone.canaries import CanaryResult


@dataclass(frozen=True)
class TechniqueQuality:
    """How much of a technique's attacks is found.

    Attributes:
        technique: ATT&CK's.
        what: which examples of it: `core test set`, `class …, validation`, `canaries`.
        examples: how many; None: not known.
        recall: share of them that reach the threshold.
    """

    technique: str
    what: str
    examples: int | None
    recall: Estimate


def by_technique(
    technique: str,
    evaluation: Mapping[str, Any],
    classes: Mapping[str, tuple[int, int]],
    canaries: Sequence[CanaryResult],
) -> tuple[TechniqueQuality, ...]:
    """The techniques, that of the golden dataset first.

    Args:
        technique: the golden dataset's.
        evaluation: of the model in service, see `quality`.
        classes: (found, examples) of each positive class of the validation examples: the test set
            is not opened for a report.
        canaries: with their own techniques.
    """
    core = TechniqueQuality(
        technique,
        "core test set",
        evaluation.get("positives"),
        measured(evaluation, "recall", evaluation.get("recall")),
    )
    of_classes = [
        TechniqueQuality(technique, f"class {name}, validation", n, share(found, n, "no examples"))
        for name, (found, n) in sorted(classes.items())
    ]
    return (core, *(of_classes if len(classes) > 1 else ()), *_planted(canaries))


def canary_recall(canaries: Sequence[CanaryResult]) -> Estimate:
    """The share of planted attacks that are found."""
    return share(sum(each.found for each in canaries), len(canaries), "no canaries are planted")


def _planted(canaries: Iterable[CanaryResult]) -> list[TechniqueQuality]:
    of: dict[str, list[CanaryResult]] = defaultdict(list)
    for canary in canaries:
        of[canary.technique].append(canary)
    return [
        TechniqueQuality(technique, "canaries", len(planted), canary_recall(planted))
        for technique, planted in sorted(of.items())
    ]
