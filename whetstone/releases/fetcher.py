"""Where a release repository is read from: a directory (`file://`) or a web server."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Urllib3Fetcher

from whetstone.errors import ReleaseError

_CHUNK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30


class FileFetcher(FetcherInterface):
    """Reads `file://` URLs; a file that is not there is HTTP's 404, as the TUF workflow expects."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = Path(url2pathname(urlsplit(url).path))
        try:
            file = path.open("rb")
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{path} does not exist", 404) from error
        return _chunks(file)


def fetcher_for(url: str) -> FetcherInterface:
    """The fetcher for `url`.

    Raises:
        ReleaseError: It is no `file://`, `http://` or `https://` URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return FileFetcher()
    if parts.scheme in ("http", "https") and parts.netloc:
        return Urllib3Fetcher(socket_timeout=_TIMEOUT_SECONDS, app_user_agent="whetstone")
    raise ReleaseError(
        f"{url!r} is no release repository: give file:///path, http://host/path or "
        "https://host/path"
    )


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
