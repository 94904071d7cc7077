"""Who may speak to the platform's HTTP server, checked before a request is read.

Without any login only this machine is served, and only under a name of this machine, so that a
page in somebody's browser cannot reach it by a name of its own (DNS rebinding). Else every request
but a few says who sent it: with a session's cookie, or `Authorization: Bearer TOKEN` (RFC 6750).
"""

import logging
import math
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triage.access.bodies import UPLOADS, limited
from triage.access.entrance import Asking, Entrance
from triage.access.headers import STATIC_PATH, harden
from triage.access.principal import LOCAL, Permission
from triage.access.secret_words import new_secret

UNAVAILABLE = "the case store cannot be used; send it again later"
_LOG = logging.getLogger(__name__)
_OPEN_PATHS = frozenset({"/health", "/login", "/login/provider", "/login/callback"})
# What pages ask for by themselves while nobody touches them.
_OF_PAGES = frozenset({"/news"})
_OF_PROGRAMS = ("/api/", "/openapi.json", "/health", STATIC_PATH)


class Guard:
    """ASGI middleware: lets pass who may speak and what is not too much.

    In `scope["state"]`: `principal` (None: nobody, at the login), `session` (its secret, None:
    there is none), `visitor` (of the browser), `csrf` (the token of pages), `bears_token` and
    `public_url`.
    """

    def __init__(self, app: ASGIApp, entrance: Entrance) -> None:
        self._app = app
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        cookies = cookie_parser(headers.get("cookie", ""))
        visitor = cookies.get(self._entrance.visitor_cookie, "")
        made = "" if visitor or scope["path"].startswith(_OF_PROGRAMS) else new_secret()

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                harden(answer, scope["path"], self._entrance.https)
                if made:
                    answer.append("set-cookie", self._visitor(made))
            await send(message)

        refusal, asking = _unreadable(headers), Asking()
        if refusal is None and not scope["path"].startswith(STATIC_PATH):
            try:
                used = scope["path"] not in _OF_PAGES
                who = partial(self._entrance.who, headers, cookies, used=used)
                asking = await run_in_threadpool(who)
            except DBAPIError as error:
                await unavailable(error)(scope, receive, hardened)
                return
            refusal = self._refusal(scope, headers, asking)
            scope.setdefault("state", {}).update(
                principal=asking.principal,
                session=asking.session,
                csrf=self._entrance.csrf(asking.session or visitor or made),
                visitor=visitor or made,
                bears_token=asking.bears_token,
                public_url=self._entrance.public_url,
            )
        if refusal is not None:
            await refusal(scope, receive, hardened)
        else:
            # The body is read before the route asks who sent it: who may not upload sends little.
            is_upload = scope["path"] == UPLOADS and asking.may(Permission.CONTRIBUTE)
            await self._app(scope, limited(receive, is_upload), hardened)

    def _refusal(self, scope: Scope, headers: Headers, asking: Asking) -> Response | None:
        path = scope["path"]
        if asking.principal is None:
            is_open = path in _OPEN_PATHS and not asking.is_foreign_host
            return None if is_open else _unknown(scope, headers, asking)
        if asking.principal is LOCAL or not path.startswith("/api/"):
            return None
        address = (scope.get("client") or ("",))[0]
        waits = self._entrance.rates.take(f"{asking.principal.name} {address}")
        return too_often(waits) if waits else None

    def _visitor(self, secret: str) -> str:
        secure = "; Secure" if self._entrance.https else ""
        return f"{self._entrance.visitor_cookie}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}"


def refused(status: int, error: str, **more: Any) -> JSONResponse:
    """The answer to a request that is not served."""
    return JSONResponse({"error": error, **more}, status)


def too_often(seconds: float) -> JSONResponse:
    """The answer to whoever asks too often: when to try again (RFC 6585)."""
    response = refused(HTTPStatus.TOO_MANY_REQUESTS, f"too many requests: wait {seconds:.0f} s")
    response.headers["retry-after"] = str(math.ceil(seconds))
    return response


def unavailable(error: DBAPIError) -> JSONResponse:
    """The answer while the case store cannot be used.

    What the database says is for the log: it names hosts, accounts and tables to whoever asks.
    """
    # With escapes: what was asked for may stand in it, and must not write lines of its own.
    _LOG.error("the case store cannot be used: %r", str(error.orig))
    response = refused(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE)
    response.headers["retry-after"] = "5"
    return response


def _unknown(scope: Scope, headers: Headers, asking: Asking) -> Response:
    """The way to the login for a browser, the reason for a program."""
    path = scope["path"]
    if path.startswith(_OF_PROGRAMS) or asking.bears_token or asking.is_foreign_host:
        if asking.is_foreign_host:
            return refused(HTTPStatus.FORBIDDEN, asking.why)
        response = refused(HTTPStatus.UNAUTHORIZED, asking.why)
        response.headers["www-authenticate"] = "Bearer"
        return response
    if headers.get("hx-request") == "true":
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"hx-redirect": "/login"})
    back = path if scope["method"] in ("GET", "HEAD") else "/"
    place = f"/login?back={quote(back, safe='/')}"
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={"location": place})


def _unreadable(headers: Headers) -> JSONResponse | None:
    if headers.get("content-encoding", "identity") != "identity":
        return refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed")
    return None
