"""Pages of listings: a cursor in the answer, and links to pages in its headers (RFC 8288).

A cursor names the last entry of its page, so that what is new in front moves nothing on the pages
behind (keyset pagination). Whoever follows `rel="next"` until there is none has seen everything.
"""

from fastapi import Request, Response


def link(request: Request, response: Response, after: str | int | None) -> None:
    """Say where the first page is and, unless `after` is None, the next one."""
    links = [_to(request, None, "first")]
    if after is not None:
        links.append(_to(request, str(after), "next"))
    response.headers["link"] = ", ".join(links)


def _to(request: Request, after: str | None, relation: str) -> str:
    # Without scheme and host: a proxy in front has others.
    url = request.url.remove_query_params("after")
    if after is not None:
        url = url.include_query_params(after=after)
    return f'<{url.path}{f"?{url.query}" if url.query else ""}>; rel="{relation}"'
