"""Where a release repository is read from: a directory (`file://`) or a web server.

A server is not trusted with our time either: what it sends has to arrive at a least rate, from the
first byte of the TLS handshake and of the headers to the last of the body. Timeouts between two
bytes alone would let it hold an environment on its old releases for weeks (slow retrieval). How
much it may send is limited by TUF's `download_file`, which reads no further (endless data).
"""

import socket
import ssl
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, BinaryIO
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface

from whetstone.errors import ReleaseError

_CHUNK_BYTES = 1 << 18


class FileFetcher(FetcherInterface):
    """Reads `file://` URLs; a file that is not there is HTTP's 404, as the TUF workflow expects."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = Path(request.url2pathname(urlsplit(url).path))
        try:
            file = path.open("rb")
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{path} does not exist", 404) from error
        return _chunks(file)


class WebFetcher(FetcherInterface):
    """Reads `http://` and `https://` URLs; proxies are those of the environment variables.

    Args:
        patience: Seconds without a byte, or behind the least rate, after which it hangs up.
        least_rate: Bytes a second that a download has to keep up on average.
    """

    def __init__(self, patience: float = 30.0, least_rate: float = 16_384.0):
        self._patience = patience
        self._least_rate = least_rate

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self._received(url)

    def _received(self, url: str) -> Generator[bytes]:
        asked = request.Request(url, headers={"User-Agent": "whetstone"})  # noqa: S310 - _opener
        with (
            _in_time(self._patience, self._least_rate) as watch,
            _told_as_tuf_does(url, watch),
            closing(_opener(watch).open(asked, timeout=self._patience)) as response,
        ):
            while chunk := response.read1(_CHUNK_BYTES):
                watch.received += len(chunk)
                yield chunk
            if watch.late:  # hung up: it looks like the end of a body
                raise SlowRetrievalError(f"{url} sends too slowly")
            if response.length:
                raise DownloadError(f"{url} broke off {response.length} bytes before its end")


def fetcher_for(url: str) -> FetcherInterface:
    """The fetcher for `url`.

    Raises:
        ReleaseError: It is no `file://`, `http://` or `https://` URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return FileFetcher()
    if parts.scheme in ("http", "https") and parts.netloc:
        return WebFetcher()
    raise ReleaseError(
        f"{url!r} is no release repository: give file:///path, http://host/path or "
        "https://host/path"
    )


class _Watch:
    """Hangs up on a server that falls behind the least rate.

    Attributes:
        received: bytes of the body so far; the reader counts them.
        late: whether it hung up.
        done: to be set when there is nothing to watch any more.
    """

    def __init__(self, patience: float, least_rate: float):
        self.received = 0
        self.late = False
        self.done = threading.Event()
        self._patience = patience
        self._least_rate = least_rate
        self._started = time.monotonic()
        self._socket: socket.socket | None = None

    def over(self, connected: socket.socket) -> None:
        """From now on this is the socket to hang up."""
        self._socket = connected
        if self.late:
            self._hang_up()

    def run(self) -> None:
        """Returns when the download is done or was too slow."""
        while not self.done.wait(max(self._left(), 0.0)):
            if self._left() <= 0:
                self.late = True
                self._hang_up()
                return

    def _left(self) -> float:
        allowed = self._patience + self.received / self._least_rate
        return self._started + allowed - time.monotonic()

    def _hang_up(self) -> None:
        if self._socket is not None:
            # Not the TLS socket's own: that would pull the session from under the reader.
            with suppress(OSError):  # it is closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


@contextmanager
def _in_time(patience: float, least_rate: float) -> Generator[_Watch]:
    watch = _Watch(patience, least_rate)
    thread = threading.Thread(target=watch.run, name="release-download", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.done.set()
        thread.join()


@contextmanager
def _told_as_tuf_does(url: str, watch: _Watch) -> Generator[None]:
    """Says what went wrong in the exceptions that TUF's workflow tells apart."""
    try:
        yield
    except HTTPError as error:
        error.close()
        raise DownloadHTTPError(f"{url} answers {error.code} {error.reason}", error.code) from error
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if watch.late or isinstance(reason, TimeoutError):
            raise SlowRetrievalError(f"{url} sends too slowly") from error
        raise DownloadError(f"{url}: {reason or type(error).__name__}") from error


def _opener(watch: _Watch) -> request.OpenerDirector:
    """Opens http and https and nothing else, wherever a redirect leads."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        _Web(watch),
        request.HTTPDefaultErrorHandler(),
        request.HTTPRedirectHandler(),
        request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


class _Web(request.AbstractHTTPHandler):
    """Connections whose sockets the watch knows before the server has said a word."""

    def __init__(self, watch: _Watch):
        super().__init__()
        self._watch = watch

    def http_open(self, req: request.Request) -> HTTPResponse:
        def connection(host: str, /, **options: Any) -> HTTPConnection:
            made = _Connection(host, **options)
            made.watch = self._watch
            return made

        return self.do_open(connection, req)

    def https_open(self, req: request.Request) -> HTTPResponse:
        return self.do_open(HTTPSConnection, req, context=_Tls.watched(self._watch))

    http_request = https_request = request.AbstractHTTPHandler.do_request_


class _Connection(HTTPConnection):
    watch: _Watch

    def connect(self) -> None:
        super().connect()
        self.watch.over(self.sock)


class _Tls(ssl.SSLContext):
    """Verifies as usual; the watch runs from before the handshake."""

    watch: _Watch

    @staticmethod
    def watched(watch: _Watch) -> "_Tls":
        context = _Tls(ssl.PROTOCOL_TLS_CLIENT)
        context.load_default_certs()
        context.watch = watch
        return context

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        wrapped = super().wrap_socket(
            sock, server_side, False, suppress_ragged_eofs, server_hostname, session
        )
        self.watch.over(wrapped)
        try:
            if do_handshake_on_connect:
                wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
