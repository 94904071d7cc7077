"""A number of a report with its interval, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from whetstone.shares import wilson


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval, or the `reason` why there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def to_dict(self) -> dict[str, float | None] | None:
        """Value and interval as JSON takes them; None where there is no value."""
        if self.value is None:
            return None
        return {"value": self.value, "low": self.low, "high": self.high}


def share(hits: int, rows: int, otherwise: str) -> Estimate:
    """A proportion with Wilson's interval; `otherwise` says why there are no rows."""
    interval = wilson(hits, rows)
    if interval is None:
        return Estimate(None, reason=f"not computable: {otherwise}")
    return Estimate(hits / rows, *interval)


def measured(evaluation: Mapping[str, Any], measure: str, value: float | None) -> Estimate:
    """A measure of an evaluation (`detectors.evaluation.metrics.Metrics.to_dict`)."""
    if not evaluation:
        return Estimate(None, reason="not computable: no evaluation")
    if value is None or math.isnan(value):
        why = "no positives" if evaluation.get("positives") == 0 else "not in the evaluation"
        why = (evaluation.get("undefined") or {}).get(measure, why)
        return Estimate(None, reason=f"not computable: {why}")
    low, high = (evaluation.get("intervals") or {}).get(measure, (None, None))
    return Estimate(float(value), low, high)


def utc(moment: datetime) -> datetime:
    """The instant as a naive UTC datetime, which is what the lake holds."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
