"""The platform's HTTP API: what scorers report, what people and programs read and say.

JSON only, but for exports in formats of others. Each request speaks for its principal (see
`triage.access`): of environments in which that one may nothing, nothing can be read or written.
"""

from fastapi import APIRouter
from fastapi.routing import APIRoute

from triage.api import alerts, exports, queue, receipts, scorers, verdicts, webhooks
from triage.api.parameters import PROBLEMS
from triage.api.problems import methods_of, problem

__all__ = ["methods_of", "problem", "router"]


def _name(route: APIRoute) -> str:
    return route.name


router = APIRouter(prefix="/api", responses={**PROBLEMS}, generate_unique_id_function=_name)
for concern in (scorers, queue, alerts, verdicts, receipts, exports, webhooks):
    router.include_router(concern.router)
