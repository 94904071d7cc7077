"""What keeps models and releases as they are, for now, and why (pure)."""

from collections.abc import Iterable, Mapping

from whetstone.catalog.catalog_pb2 import Action
from whetstone.retraining.policy import Decision

ALL = "*"
"""All detectors, where a detector's name stands."""


def holds(
    detectors: Iterable[str],
    pauses: Mapping[str, str],
    freeze: str,
    decisions: Iterable[Decision],
) -> dict[str, str]:
    """The assets that are not made anew for now, each with its reason.

    While a freeze or a pause lasts no model is trained anew and nothing is released; while a
    drift policy says HOLD models are trained and judged, and not released.

    Args:
        detectors: all of them, by name.
        pauses: why a detector (or `ALL`) is paused.
        freeze: the change freeze that lasts; empty: none.
        decisions: what drift policies call for.
    """
    held = {
        f"{layer}/{name}": reason
        for name in detectors
        if (reason := freeze or pauses.get(ALL) or pauses.get(name))
        for layer in ("model", "release")
    }
    for decision in decisions:
        if decision.action == Action.HOLD:
            what = f"the drift policy holds the champion while it lasts: {decision.reason}"
            held.setdefault(f"release/{decision.detector}", what)
    return held
