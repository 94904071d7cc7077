"""Whether a detector is still good enough, and why not (pure).

`bad`: a planted attack is missed, more than a fifth of the traffic is not seen, the core recall
fell beyond its interval with the last release, or verdicts rule out the least precision that its
definition asks for. `warn`: something cannot be computed, or somebody ought to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from monitoring.drift.columns import percent
from monitoring.quality.blindness import Blindness, blind_share
from monitoring.quality.figures import Estimate
from monitoring.quality.held_out import HeldOutMeasure
from monitoring.quality.retrainings import Retraining, recall_fell
from monitoring.quality.verdicts import Judged
from whetstone.canaries import CanaryResult

Verdict = Literal["ok", "warn", "bad"]

MOST_BLIND = 0.2
"""Share of the traffic that may be unseen."""
_NAMED = 5


def judge(
    model_version: str,
    held_out: Sequence[HeldOutMeasure],
    precision: Estimate,
    sampled: Estimate,
    labelled: Estimate,
    judged: Judged,
    canaries: Sequence[CanaryResult],
    blindness: Sequence[Blindness],
    releases: Sequence[Retraining],
    floor: float,
) -> tuple[Verdict, tuple[str, ...], float | None]:
    """The verdict, why, and the blind share of the newest day; what is bad comes first."""
    newest = max((part.day for part in blindness), default="")
    blind = blind_share(blindness, newest)
    bad = [
        *_missed(canaries),
        *_unseen(blind, newest),
        *filter(None, [recall_fell(releases, model_version)]),
        *_below("verdicts", precision, floor),
        *_below("the random slice", sampled, floor),
    ]
    warn = [
        *_ranking(held_out[0]),
        *_unknown(precision, labelled),
        *_disputed(judged),
        *_blind_sites(blindness, newest, blind),
    ]
    verdict: Verdict = "bad" if bad else "warn" if warn else "ok"
    return verdict, (*bad, *warn), blind


def below_floor(precision: Estimate, floor: float) -> bool:
    """Whether verdicts rule out that the precision is as high as the floor."""
    return precision.high is not None and precision.high < floor


def _missed(canaries: Sequence[CanaryResult]) -> list[str]:
    missed = [each for each in canaries if not each.found]
    if not missed:
        return []
    named = "; ".join(f"{each.name}: {each.detail}" for each in missed[:_NAMED])
    more = f" and {len(missed) - _NAMED} more" if len(missed) > _NAMED else ""
    return [f"{len(missed)} of {len(canaries)} canaries are missed ({named}{more})"]


def _unseen(blind: float | None, day: str) -> list[str]:
    if blind is None or blind <= MOST_BLIND:
        return []
    return [f"{percent(blind)} of the traffic of {day} could not be seen"]


def _below(source: str, precision: Estimate, floor: float) -> list[str]:
    if not below_floor(precision, floor):
        return []
    return [
        f"precision by {source} is {precision.value:.3f}, at most {precision.high:.3f}:"
        f" below the {floor:g} that is asked for"
    ]


def _ranking(ranking: HeldOutMeasure) -> list[str]:
    found: list[str] = []
    if ranking.model.value is None:
        found.append(f"held-out measures {ranking.model.reason}")
    for name, baseline in ranking.baselines.items():
        if (baseline.value or 0) >= (ranking.model.value or 0) > 0:
            found.append(f"no better than the baseline {name} in average precision")
    return found


def _unknown(precision: Estimate, labelled: Estimate) -> list[str]:
    named = (("precision", precision), ("labelled share", labelled))
    return [f"{name} {each.reason}" for name, each in named if each.value is None]


def _disputed(judged: Judged) -> list[str]:
    disputed = len(judged.conflicts)
    if not disputed:
        return []
    return [f"{disputed} {'alert' if disputed == 1 else 'alerts'} with conflicting verdicts"]


def _blind_sites(blindness: Sequence[Blindness], day: str, blind: float | None) -> list[str]:
    """Environments that are blind while the others together are not."""
    if blind is not None and blind > MOST_BLIND:
        return []
    parts = [part for part in blindness if part.day == day and (part.share or 0) > MOST_BLIND]
    return [f"{percent(part.share)} of {part.environment} on {day} not seen" for part in parts]
