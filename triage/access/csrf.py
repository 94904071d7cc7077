"""Against requests that other sites make a browser send: where they come from, and a token.

A token belongs to a session, or to the cookie of a visitor without one (before the login, and on
this machine where nobody logs in): an HMAC over it. Who could plant a cookie of their own knows the
token of that: behind TLS the prefix `__Host-` keeps other sites from it, and everywhere where a
request comes from is looked at, too. Requests with `Authorization` need none: no browser sends
that by itself.
"""

import hashlib
import hmac
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from starlette.exceptions import HTTPException

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD, HEADER = "csrf", "x-csrf"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def csrf_token(key: str, cookie: str) -> str:
    """The token of pages that are shown to whoever bears this cookie."""
    return hmac.new(key.encode(), cookie.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


async def not_forged(request: Request) -> None:
    """A dependency of all routes: raises 403 where another site may have sent the request."""
    if request.method in SAFE_METHODS or request.state.bears_token:
        return
    _check_origin(request.headers, request.state.public_url)
    if request.url.path.startswith("/api/") and _is_program(request.headers):
        return
    sent = request.headers.get(HEADER)
    if sent is None and request.headers.get("content-type", "").startswith(_FORMS):
        field = (await request.form()).get(FIELD)
        sent = field if isinstance(field, str) else None
    if not hmac.compare_digest((sent or "").encode(), request.state.csrf.encode()):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            f"{FIELD}: the page is too old, or another site sent this; load the page again",
        )


def _check_origin(headers: Mapping[str, str], public_url: str) -> None:
    site = headers.get("sec-fetch-site", "none")
    origin = headers.get("origin")
    own = (headers.get("host", ""), urlsplit(public_url).netloc)
    if site not in ("same-origin", "none") or (
        origin is not None and (urlsplit(origin).netloc or "null") not in own
    ):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            f"another site sent this ({origin or site}); behind a proxy, set WHETSTONE_TRIAGE_URL",
        )


def _is_program(headers: Mapping[str, str]) -> bool:
    # Every browser tells at least one of them with what a page makes it send.
    return not {"origin", "sec-fetch-site", "cookie"} & {name.lower() for name in headers}
