"""How the quality report writes its numbers."""

from __future__ import annotations

from monitoring.quality.figures import Estimate


def read(estimate: Estimate) -> str:
    """A value, or a dash."""
    return "–" if estimate.value is None else f"{estimate.value:.3f}"


def interval(estimate: Estimate) -> str:
    """An interval, or why there is none."""
    if estimate.low is None or estimate.high is None:
        return estimate.reason
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def signed(estimate: Estimate) -> str:
    """A difference with its interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate.reason or "–"
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"


def span(seconds: float) -> str:
    """Seconds as people read them: 3.2 s, 12 min, 5.1 h, 3.4 days."""
    for length, unit in ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
