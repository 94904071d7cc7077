"""Evidently metrics that carry numbers computed by Whetstone.

Evidently keeps a metric's parameters, shows its value in reports and dashboards, and runs its
tests; the value comes from a `Number` handed to the `NumbersReport`. So nothing in the data can
fail a report, and a number that does not exist is shown with the reason and never counts as passed.

Dashboards name a metric by its class and select by its fields (`metric_labels`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

from evidently import Dataset, Report
from evidently.core.metric_types import (
    BoundTest,
    MetricCalculationBase,
    MetricResult,
    MetricTest,
    MetricTestProto,
    MetricTestResult,
    SingleValue,
    SingleValueCalculation,
    SingleValueMetric,
    TestStatus,
)
from evidently.core.report import Context
from evidently.legacy.model.widget import BaseWidgetInfo

Judgement = Literal["", "ok", "warn", "fail"]

_STATUS = {"ok": TestStatus.SUCCESS, "warn": TestStatus.WARNING, "fail": TestStatus.FAIL}


@dataclass(frozen=True)
class Number:
    """A value, or the `reason` why there is none; `judgement` makes it a test of the report."""

    value: float | None
    reason: str = ""
    judgement: Judgement = ""
    detail: str = ""
    widgets: tuple[BaseWidgetInfo, ...] = ()


class CarriedMetric(SingleValueMetric):
    """Base of the metrics whose number comes with the report."""

    name: ClassVar[str]
    """What people read, a format string of the fields."""

    def title(self) -> str:
        """The name of this metric of these columns, rates, and so on."""
        return self.name.format_map(self.dict())

    def get_bound_tests(self, context: Context) -> list[BoundTest]:
        """One test, if the number was judged or is missing."""
        number = _number(context, self.get_metric_id())
        judged = number.judgement or number.value is None
        return [CarriedTest().bind_single(self.get_fingerprint())] if judged else []


class NumbersReport(Report):
    """An Evidently report over `(metric, number)` pairs, shown in their order."""

    def __init__(self, numbers: Sequence[tuple[CarriedMetric, Number]]):
        super().__init__([metric for metric, _ in numbers])
        self.numbers = {metric.get_metric_id(): number for metric, number in numbers}


class CarriedCalculation(SingleValueCalculation[CarriedMetric]):
    """Looks the number up in the report; a missing one is NaN and says so in its name."""

    def display_name(self) -> str:
        """The metric's title."""
        return self.metric.title()

    def calculate(
        self, context: Context, current_data: Dataset, reference_data: Dataset | None
    ) -> SingleValue:
        """The result to show."""
        number = _number(context, self.id)
        result = self.result(math.nan if number.value is None else number.value)
        result.widget = list(number.widgets)
        if number.value is None:
            result.set_display_name(f"{self.display_name()}: {number.reason}")
        return result


class CarriedTest(MetricTest):
    """Passes, warns or fails as the number was judged; errs where there is no number."""

    def to_test(self) -> MetricTestProto:
        """The function that Evidently calls."""

        def judged(
            context: Context, metric: MetricCalculationBase, value: MetricResult
        ) -> MetricTestResult:
            number = _number(context, metric.id)
            missing = number.value is None
            return MetricTestResult(
                id="whetstone",
                name=metric.display_name(),
                description=number.reason if missing else number.detail,
                metric_config=metric.to_metric_config(),
                test_config={},
                status=TestStatus.ERROR if missing else _STATUS[number.judgement],
            )

        return cast(MetricTestProto, judged)

    def run(
        self, context: Context, metric: MetricCalculationBase, value: MetricResult
    ) -> MetricTestResult:
        """The result as it is: Evidently would repeat the title in the description."""
        return self.to_test()(context, metric, value)


def _number(context: Context, metric_id: str) -> Number:
    return cast(NumbersReport, context.configuration).numbers[metric_id]


class DriftVerdict(CarriedMetric):
    """The verdict of a day: 0 ok, 1 warn, 2 drift."""

    name: ClassVar[str] = "Drift verdict"


class DriftSignal(CarriedMetric):
    """A signal's own verdict: 0 ok, 1 warn, 2 drift."""

    signal: str

    name: ClassVar[str] = "Signal {signal}"


class UnknownTemplates(CarriedMetric):
    """The share of messages whose template the champion's dictionary does not have."""

    name: ClassVar[str] = "Share of messages with an unknown template"


class VolumeRatio(CarriedMetric):
    """How many times as many units as on such days before."""

    name: ClassVar[str] = "Units, times those expected"


class ShareDrifted(CarriedMetric):
    """The share of features that drifted."""

    name: ClassVar[str] = "Share of drifted features"


class WorstFeature(CarriedMetric):
    """The worst feature's distance from its threshold; `against`: reference or window."""

    against: str

    name: ClassVar[str] = "Worst feature against the {against}, distance from its threshold"


class QuantilePsi(CarriedMetric):
    """A numeric feature's population stability index over reference quantiles."""

    column: str

    name: ClassVar[str] = "{column}: quantile PSI"


class CategoryPsi(CarriedMetric):
    """A text feature's population stability index over categories."""

    column: str

    name: ClassVar[str] = "{column}: category PSI"


class OddsRatio(CarriedMetric):
    """How many times the odds of a flag rose or fell."""

    column: str

    name: ClassVar[str] = "{column}: odds ratio"


class NotComparable(CarriedMetric):
    """A feature without a statistic."""

    column: str

    name: ClassVar[str] = "{column}"


class NotComputable(CarriedMetric):
    """How many features could not be compared."""

    name: ClassVar[str] = "Features not computable"


class ScorePsi(CarriedMetric):
    """The scores' population stability index over reference quantiles."""

    name: ClassVar[str] = "Score PSI"


class ScoreTailShare(CarriedMetric):
    """The share of scores above this quantile of the reference's."""

    quantile: float

    name: ClassVar[str] = "Scores above the reference's quantile {quantile:g}"


class AlertRate(CarriedMetric):
    """The share of rows that are alerts; `rows`: current or reference."""

    rows: str

    name: ClassVar[str] = "Alert rate, {rows} rows"


class PrecisionFromVerdicts(CarriedMetric):
    """True positives among the alerts with a verdict; `bound`: estimate, lower or upper (95%)."""

    bound: str

    name: ClassVar[str] = "Precision from verdicts, {bound}"


class LabelledShare(CarriedMetric):
    """The share of alerts with a verdict."""

    name: ClassVar[str] = "Share of alerts with a verdict"


class LabelDelayHours(CarriedMetric):
    """Median hours from an alert's event to its first verdict."""

    name: ClassVar[str] = "Median hours to the first verdict"


class ConflictingVerdicts(CarriedMetric):
    """Alerts on which analysts disagree."""

    name: ClassVar[str] = "Alerts with conflicting verdicts"


class AlertsPerDay(CarriedMetric):
    """Mean alerts a day between the first and the last."""

    name: ClassVar[str] = "Alerts a day"


class HeldOut(CarriedMetric):
    """A measure on the held-out test set; `scorer`: model or a baseline's name."""

    measure: str
    scorer: str
    bound: str

    name: ClassVar[str] = "Held-out {measure} of {scorer}, {bound}"


class DetectionRateAtFpr(CarriedMetric):
    """Held-out recall at a fixed false-positive rate."""

    fpr: float

    name: ClassVar[str] = "Held-out recall at a false-positive rate of {fpr:g}"
