"""Why an alert was raised, as its record says it.

What scorers send is checked in part only (`triage.incoming`): beside value and contribution,
anything may stand in a part of an explanation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from triage.records import Alert

_MOST = 40


@dataclass(frozen=True)
class Reason:
    """What one feature, or one position of one, adds to a score.

    Attributes:
        feature: its name.
        value: a number, text of a log (hostile), or None where it is missing.
        contribution: how much it adds; below zero it speaks against an alert.
        position: where it stands in a sequence, from 0; None in what is none.
        member: of an ensemble, the model that fired.
    """

    feature: str
    value: float | str | None
    contribution: float
    position: int | None = None
    member: str | None = None


def reasons_of(alert: Alert) -> list[Reason]:
    """The parts of an alert's explanation, the weightiest first, at most 40."""
    found = [_reason(part) for part in alert.explanation]
    return sorted(found, key=lambda reason: -abs(reason.contribution))[:_MOST]


def in_order(reasons: Iterable[Reason]) -> list[Reason]:
    """Those that stand in a sequence, in its order."""
    placed = [reason for reason in reasons if reason.position is not None]
    return sorted(placed, key=lambda reason: (reason.feature, reason.position))


def _reason(part: Mapping[str, Any]) -> Reason:
    value, contribution = part.get("value"), part.get("contribution")
    position, member = part.get("position"), part.get("member")
    return Reason(
        feature=str(part.get("feature")),
        value=value if value is None or isinstance(value, int | float | str) else str(value),
        contribution=float(contribution) if isinstance(contribution, int | float) else 0.0,
        position=position if _counts(position) else None,
        member=member if isinstance(member, str) else None,
    )


def _counts(position: Any) -> bool:
    return isinstance(position, int) and not isinstance(position, bool) and 0 <= position < 1 << 31
