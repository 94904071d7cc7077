"""What to make of an idea's findings, in words (pure)."""

from collections.abc import Mapping, Sequence
from typing import Any

from whetstone.ideas.leaks import LeakCheck


def verdict_of(leaks: Sequence[LeakCheck], lifts: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """A verdict and the sentence behind it.

    `leaks`, `harms`, `mixed`, `worth it`, `no gain`, or `unknown` where nothing could be trained.
    """
    for check in leaks:
        if check.passed is False:
            return "leaks", f"{check.feature}: {check.detail}"
    by_verdict: dict[str, list[str]] = {}
    for each in lifts:
        by_verdict.setdefault(each["verdict"], []).append(each["detector"])
    gains, harms = by_verdict.get("gains", []), by_verdict.get("harms", [])
    if gains and harms:
        return "mixed", f"better for {', '.join(gains)}, worse for {', '.join(harms)}"
    if harms:
        return "harms", f"{', '.join(harms)} would get worse beyond chance"
    if gains:
        return "worth it", f"{', '.join(gains)} would get better beyond chance"
    if lifts:
        return "no gain", "no detector would get better beyond chance"
    return "unknown", "no detector could be trained on examples here; leaks and cost are known"
