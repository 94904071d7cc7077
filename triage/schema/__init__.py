"""The case store's tables; `triage.migrations` makes them."""

from triage.schema.base import metadata
from triage.schema.cases import alerts, verdicts
from triage.schema.notices import conditions, deliveries
from triage.schema.retraining import pauses, triggers
from triage.schema.scorers import records, scorers

__all__ = [
    "alerts",
    "conditions",
    "deliveries",
    "metadata",
    "pauses",
    "records",
    "scorers",
    "triggers",
    "verdicts",
]
