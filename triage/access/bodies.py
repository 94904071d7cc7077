"""Bodies of bounded size that come in bounded time."""

import asyncio
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

MOST_BODY_BYTES = 8 << 20
BODY_SECONDS = 60.0
MOST_UPLOAD_BYTES = 256 << 20
UPLOAD_SECONDS = 600.0
UPLOADS = "/contribute"
"""Where raw files are uploaded to: they may be larger and take longer than all else."""


def limited(receive: Receive, is_upload: bool) -> Receive:
    """`receive` for a body of bounded size that must come in bounded time.

    Args:
        receive: of the server.
        is_upload: whether raw files come, of somebody who may contribute some.
    """
    most, seconds = (
        (MOST_UPLOAD_BYTES, UPLOAD_SECONDS) if is_upload else (MOST_BODY_BYTES, BODY_SECONDS)
    )
    size, complete = 0, False
    deadline = asyncio.get_running_loop().time() + seconds

    async def bounded() -> Message:
        nonlocal size, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly") from None
        size += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if size > most:
            remedy = "contribute it in parts" if is_upload else "send fewer records at once"
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body is larger than {most} bytes: {remedy}",
            )
        return message

    return bounded
