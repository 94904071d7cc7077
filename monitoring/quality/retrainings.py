"""Before and after each retraining: the releases of a detector and how each did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitoring.quality.figures import Estimate, measured, share, utc
from monitoring.quality.verdicts import Judged

SHOWN = 12
"""Releases that are told of, the newest."""


@dataclass(frozen=True)
class Published:
    """A release, as the repository knows it.

    Attributes:
        version: the model's.
        at: when it was published, UTC.
        withdrawn: it was rolled back.
        metrics: on the core test set of its time (`Metrics.to_dict`), from its manifest.
    """

    version: str
    at: datetime
    withdrawn: bool
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Retraining:
    """A release: what its test said before it went into service, and what came of it.

    Attributes:
        recall, average_precision: on the core test set as it was then.
        examples: of that test set.
        alerts: that this version raised, `days` the days on which it did.
        labelled: share of them with a verdict; `precision` by those verdicts.
    """

    version: str
    at: datetime
    withdrawn: bool
    recall: Estimate
    average_precision: Estimate
    examples: int | None
    alerts: int
    days: int
    labelled: Estimate
    precision: Estimate


def retrainings(
    published: Sequence[Published], raised: Mapping[str, Mapping[str, Any]], judged: Judged
) -> tuple[Retraining, ...]:
    """The last releases, oldest first.

    Args:
        published: oldest first.
        raised: alerts by id with their `model_version`.
        judged: the verdicts.
    """
    of: dict[str, list[str]] = defaultdict(list)
    days: dict[str, Counter[str]] = defaultdict(Counter)
    for alert, row in raised.items():
        version = str(row.get("model_version"))
        of[version].append(alert)
        days[version][utc(row["event_timestamp"]).date().isoformat()] += 1
    return tuple(
        Retraining(
            each.version,
            each.at,
            each.withdrawn,
            measured(each.metrics, "recall", each.metrics.get("recall")),
            measured(each.metrics, "average_precision", each.metrics.get("average_precision")),
            each.metrics.get("n"),
            len(of[each.version]),
            len(days[each.version]),
            share(
                sum(alert in judged.verdicts for alert in of[each.version]),
                len(of[each.version]),
                "no alerts",
            ),
            judged.precision(of[each.version]),
        )
        for each in published[-SHOWN:]
    )


def recall_fell(made: Sequence[Retraining], version: str) -> str:
    """Whether the model in service finds less of the core test set than the one before; or empty.

    It does where its recall lies below the whole interval of the release before it, on a test set
    of the same size: one that has grown asks for other things.
    """
    standing = [each for each in made if not each.withdrawn]
    names = [each.version for each in standing]
    if version not in names or not (at := names.index(version)):
        return ""
    if standing[at - 1].examples != standing[at].examples:
        return ""
    before, now = standing[at - 1].recall, standing[at].recall
    if before.low is None or now.value is None or now.value >= before.low:
        return ""
    return (
        f"core recall fell from {before.value:.3f} [{before.low:.3f}, {before.high:.3f}]"
        f" to {now.value:.3f} with release {version}"
    )
