"""The case store: alerts, what analysts said about them, and what training may learn from it."""

from triage.cases import CaseStore
from triage.records import Alert, Counts, Decision, Verdict, VerdictValue

__all__ = ["Alert", "CaseStore", "Counts", "Decision", "Verdict", "VerdictValue"]
