"""The header `Idempotency-Key`: a request that comes twice is worked off once."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Header
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from triage.exchange.repeated import Asked, KeyReusedError, Repeated, StillAnsweringError
from triage.shapes import Problem

A = TypeVar("A", bound=BaseModel)
MOST_CHARACTERS = 200
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r'^("[\x20\x21\x23-\x5b\x5d-\x7e]{1,198}"|[A-Za-z0-9._:/+=-]{1,200})$',
        description="Drawn at random by the client, the same when it sends the same again:"
        " the answer is then that to the first. Kept for a day",
        examples=['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
    ),
]
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "The first request with this key is being worked off"}
}


def once(repeated: Repeated, asked: Asked | None, work: Callable[[], A], kind: type[A]) -> A:
    """The answer to a request: that of the first time, or what `work` makes now.

    Args:
        repeated: the answers that were given.
        asked: the request; None: without a key, so that it is always worked off.
        work: works it off. If it raises, the key stays free.
        kind: of the answer.

    Raises:
        HTTPException: 409, the first request is still being worked off; 422, the key came with
            another request.
    """
    if asked is None:
        return work()
    try:
        before = repeated.begin(asked)
    except KeyReusedError:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Idempotency-Key: it came with another request before; draw a new one",
        ) from None
    except StillAnsweringError:
        raise HTTPException(
            HTTPStatus.CONFLICT,
            "Idempotency-Key: the first request is being worked off; ask again in a moment",
        ) from None
    if before is not None:
        return kind.model_validate(before)
    try:
        answer = work()
    except BaseException:
        repeated.dropped(asked)
        raise
    repeated.answered(asked, answer.model_dump(mode="json"))
    return answer


def asked_of(principal: str, key: str | None, path: str, body: BaseModel) -> Asked | None:
    """The request under its key, which means the same with quotes and without; None: no key."""
    if key is None:
        return None
    return Asked.of(principal, key.strip('"'), path, body.model_dump_json().encode())
