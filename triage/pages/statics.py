"""Files that pages load: kept by browsers for ever under a URL that bears the file's hash."""

import hashlib
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"


class Statics(StaticFiles):
    """The files of `static/`, each with how long browsers may keep it."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; under the URL of another version browsers ask again each time."""
        response = await super().get_response(path, scope)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v")
        lasts = response.status_code == 200 and asked == [_digest(path)]
        kept = "public, max-age=31536000, immutable" if lasts else "no-cache"
        response.headers["cache-control"] = kept
        return response


def static_url(name: str) -> str:
    """The URL of a file below `static/`; other contents have other URLs."""
    return f"/static/{name}?v={_digest(name)}"


@lru_cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:16]
