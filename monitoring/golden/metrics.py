"""Evidently metrics of golden datasets; `monitoring.metrics` says how they get their numbers."""

from __future__ import annotations

from typing import ClassVar

from monitoring.metrics import CarriedMetric


class LabelNoiseShare(CarriedMetric):
    """The share of labels that look wrong; `bound`: estimate, lower or upper (95%)."""

    bound: str

    name: ClassVar[str] = "Labels that look wrong, {bound}"


class RepeatedShare(CarriedMetric):
    """The share of test examples that have a near-duplicate in training."""

    name: ClassVar[str] = "Test examples known from training"


class StaleShare(CarriedMetric):
    """The share of examples that are a year older than production."""

    name: ClassVar[str] = "Examples older than a year"


class Examples(CarriedMetric):
    """How many examples there are."""

    name: ClassVar[str] = "Examples"


class TestDecisions(CarriedMetric):
    """How many gate decisions these test examples have served."""

    name: ClassVar[str] = "Gate decisions on the test set"
