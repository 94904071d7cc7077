"""The case store's tables; `triage.migrations` makes them."""

from triage.schema.access import (
    access_secrets,
    api_tokens,
    grants,
    login_attempts,
    people,
    sessions,
)
from triage.schema.base import metadata
from triage.schema.cases import alerts, verdicts
from triage.schema.exchange import answered_requests, changes, webhooks
from triage.schema.intake import ideas, jobs, uploads
from triage.schema.judging import receipt_steps, receipts, rule_checks, rules
from triage.schema.learning import slice_members, slices
from triage.schema.notices import conditions, deliveries
from triage.schema.queue import assets, groups, patterns, views
from triage.schema.retraining import pauses, triggers
from triage.schema.scorers import records, scorers

__all__ = [
    "access_secrets",
    "alerts",
    "answered_requests",
    "api_tokens",
    "assets",
    "changes",
    "conditions",
    "deliveries",
    "grants",
    "groups",
    "ideas",
    "jobs",
    "login_attempts",
    "metadata",
    "patterns",
    "pauses",
    "people",
    "receipt_steps",
    "receipts",
    "records",
    "rule_checks",
    "rules",
    "scorers",
    "sessions",
    "slice_members",
    "slices",
    "triggers",
    "uploads",
    "verdicts",
    "views",
    "webhooks",
]
