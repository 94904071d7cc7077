"""Evidently metrics of the quality report, beside those of `monitoring.metrics`."""

from __future__ import annotations

from typing import ClassVar

from monitoring.metrics import CarriedMetric


class QualityVerdict(CarriedMetric):
    """The verdict: 0 ok, 1 warn, 2 bad."""

    name: ClassVar[str] = "Quality verdict"


class EstimatedPrecision(CarriedMetric):
    """Precision estimated without labels, never measured; `bound`: estimate, lower or upper."""

    method: str
    bound: str

    name: ClassVar[str] = "Precision estimated without labels ({method}), {bound}"


class EstimateOff(CarriedMetric):
    """How far estimates were off when labels came: mean of the absolute differences."""

    method: str

    name: ClassVar[str] = "Estimated precision ({method}) was off by, on the days with verdicts"


class CanariesFound(CarriedMetric):
    """The share of planted attacks that the model finds."""

    name: ClassVar[str] = "Canaries found, share"


class BlindShare(CarriedMetric):
    """The share of the newest day's traffic that could not be seen."""

    name: ClassVar[str] = "Traffic not seen, share"


class SecondsToDetect(CarriedMetric):
    """Median seconds from a unit's first event to its alert; `way`: live or batch."""

    way: str

    name: ClassVar[str] = "Median seconds to detect, {way}"
