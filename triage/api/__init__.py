"""The platform's HTTP API: what scorers report, what people and programs read and say.

JSON only. Each request speaks for its principal (see `triage.access`): of environments in which
that one may nothing, nothing can be read or written.
"""

from triage.api.alerts import problem, router

__all__ = ["problem", "router"]
