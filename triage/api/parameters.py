"""Parameters that routes have in common."""

from typing import Annotated, Any

from fastapi import Path, Query

from triage.access import Permission, Principal, needs
from triage.shapes import MOST_LISTED, Problem

Reporter = Annotated[Principal, needs(Permission.REPORT)]
Reader = Annotated[Principal, needs(Permission.READ)]
Judge = Annotated[Principal, needs(Permission.JUDGE)]
Steward = Annotated[Principal, needs(Permission.MANAGE)]

Environment = Annotated[
    str | None,
    Query(max_length=200, description="Only of this one", examples=["berlin"]),
]
Detector = Annotated[
    str | None,
    Query(max_length=200, description="Only of this one", examples=["ssh_bruteforce"]),
]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED, description="Most entries of a page")]
After = Annotated[
    str | None,
    Query(max_length=400, description="`after` of the page before; leave it out for the first"),
]
AlertId = Annotated[str, Path(max_length=128, examples=["3fa9c1d2"])]

PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is not JSON"},
    401: {"model": Problem, "description": "No token, or none that is known"},
    403: {"model": Problem, "description": "The token may not do this there"},
    413: {"model": Problem, "description": "Too much at once"},
    415: {"model": Problem, "description": "The body is compressed"},
    422: {"model": Problem, "description": "Something in the request is wrong; `error` names it"},
    429: {"model": Problem, "description": "Too many requests; wait for `Retry-After` seconds"},
    503: {"model": Problem, "description": "The case store cannot be used; send it again later"},
}
"""What any route may answer instead."""
MISSING: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such thing, or not for you"}
}
"""What routes answer that name a thing in their path."""


def readable(reader: Principal, environment: str | None) -> frozenset[str] | None:
    """The environments that a listing may tell of; None: all.

    Raises:
        HTTPException: 403, the environment asked for is not among them.
    """
    if environment is not None:
        reader.check(Permission.READ, environment)
        return frozenset({environment})
    return reader.environments(Permission.READ)
