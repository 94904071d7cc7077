"""Who may speak to the platform's HTTP server, checked before a request is read.

Without tokens only this machine is served, and only under a name of this machine, so that a page
in somebody's browser cannot reach it by a name of its own (DNS rebinding). With tokens every
request but `/health` bears one: `Authorization: Bearer TOKEN` (RFC 6750).
"""

import asyncio
import hashlib
import hmac
import stat
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triage.access.principal import LOCAL, Principal, scorer_of
from whetstone.errors import InputError

SHORTEST_TOKEN = 20
MOST_BODY_BYTES = 8 << 20
BODY_SECONDS = 60.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_OPEN_PATHS = frozenset({"/health"})
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Tokens:
    """Tokens and the environment each speaks for.

    Args:
        environments: token -> environment, `*` for all.
    """

    def __init__(self, environments: Mapping[str, str]) -> None:
        # Hashes of one length: a comparison tells nothing about the beginning of a token.
        self._hashes = [(_hash(token), name) for token, name in environments.items()]

    @staticmethod
    def read(path: Path) -> "Tokens":
        """Tokens from a file with a line `ENVIRONMENT TOKEN` each; `*` speaks for all of them.

        Raises:
            InputError: the file cannot be read, others may read it, or a line is wrong.
        """
        try:
            mode, text = path.stat().st_mode, path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"token file {path}: {error}; write `ENVIRONMENT TOKEN` a line") from (
                error
            )
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(f"token file {path}: others may read it; run chmod 600 {path}")
        tokens: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2 or len(words[1]) < SHORTEST_TOKEN:
                raise InputError(
                    f"token file {path}:{number}: write an environment (or *), a space and a token"
                    f" of {SHORTEST_TOKEN} characters or more, as `openssl rand -hex 32` prints"
                )
            tokens[words[1]] = words[0]
        if not tokens:
            raise InputError(f"token file {path} has no token; write `ENVIRONMENT TOKEN` a line")
        return Tokens(tokens)

    def environment(self, token: str) -> str | None:
        """The environment that a token speaks for; None if it is no token."""
        given, found = _hash(token), None
        for known, environment in self._hashes:
            if hmac.compare_digest(given, known):
                found = environment
        return found


class Guard:
    """ASGI middleware: lets pass who may speak and what is not too much.

    `scope["state"]["principal"]` says who asks and what that one may do.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens | None) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers) or _unreadable(headers)
        if refusal is not None:
            await refusal(scope, receive, hardened)
        else:
            await self._app(scope, _limited(receive), hardened)

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        principal: Principal | None = LOCAL
        if self._tokens is None:
            host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
            if host.strip("[]") not in LOOPBACK:
                return refused(
                    HTTPStatus.FORBIDDEN,
                    "without tokens only this machine is served, under 127.0.0.1 or localhost;"
                    " set WHETSTONE_TRIAGE_TOKENS to a file of tokens",
                )
        elif scope["path"] not in _OPEN_PATHS:
            kind, _, token = headers.get("authorization", "").partition(" ")
            environment = self._tokens.environment(token.strip())
            if kind.lower() != "bearer" or environment is None:
                response = refused(HTTPStatus.UNAUTHORIZED, "send Authorization: Bearer TOKEN")
                response.headers["www-authenticate"] = "Bearer"
                return response
            principal = scorer_of(environment)
        scope.setdefault("state", {})["principal"] = principal
        return None


def refused(status: int, error: str, **more: Any) -> JSONResponse:
    """The answer to a request that is not served."""
    return JSONResponse({"error": error, **more}, status)


def _unreadable(headers: Headers) -> JSONResponse | None:
    if headers.get("content-encoding", "identity") != "identity":
        return refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed")
    return None


def _limited(receive: Receive) -> Receive:
    """`receive` for a body of bounded size that must come in bounded time."""
    size, complete = 0, False
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS

    async def limited() -> Message:
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
        if size > MOST_BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _LARGE)
        return message

    return limited


_LARGE = f"the body is larger than {MOST_BODY_BYTES} bytes: send fewer records at once"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
