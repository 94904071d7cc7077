"""Proposed features, before they are merged: read and checked, computed, tried for leaks."""

# pyarrow ships no types.
# pyright: reportUnknownVariableType=false

from whetstone.ideas.leaks import LeakCheck, leak_checks
from whetstone.ideas.reading import CheckedIdea, read_idea
from whetstone.ideas.values import Cost, cost_of, take_events, unit_values

__all__ = [
    "CheckedIdea",
    "Cost",
    "LeakCheck",
    "cost_of",
    "leak_checks",
    "read_idea",
    "take_events",
    "unit_values",
]
