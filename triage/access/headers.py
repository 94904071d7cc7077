"""What every answer tells the browser: load nothing from elsewhere, run nothing, keep nothing."""

from starlette.datastructures import MutableHeaders

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STATIC_PATH = "/static/"
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def harden(headers: MutableHeaders, path: str, https: bool) -> None:
    """Add to the headers of an answer what its kind calls for.

    Args:
        headers: of the answer.
        path: that was asked for; static files alone say themselves how long they are kept.
        https: whether people come by HTTPS, and are to come by nothing else.
    """
    for name, value in _ALWAYS.items():
        headers[name] = value
    is_page = headers.get("content-type", "").startswith("text/html")
    headers["content-security-policy"] = PAGE_POLICY if is_page else API_POLICY
    if not path.startswith(STATIC_PATH):
        headers["cache-control"] = "no-store"
    if https:
        headers["strict-transport-security"] = "max-age=31536000"
