"""Where a scorer answers: `/metrics` for Prometheus, `/health` for whatever watches over it.

    with Endpoint(metrics, "127.0.0.1:9464") as endpoint:
        print(endpoint.url)

`/health` is 200 or, when something is wrong, 503; in both cases JSON that names what is wrong.
Whoever reaches the address may read: it holds counts and names, no log text. Bind it to loopback
unless the network is trusted.
"""

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from whetstone.errors import InputError
from whetstone.streaming.health.instruments import CONTENT_TYPE
from whetstone.streaming.health.metrics import Metrics

DEFAULT_ADDRESS = "127.0.0.1:9464"
_SECONDS = 5.0
_MOST_REQUESTS = 16


class Endpoint:
    """A server in a thread of its own; use it as a context manager.

    Args:
        metrics: what it tells.
        address: `HOST:PORT`; port 0 takes a free one.

    Raises:
        InputError: the address is none, or is taken.
    """

    def __init__(self, metrics: Metrics, address: str = DEFAULT_ADDRESS) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise InputError(f"--metrics {address!r}: write HOST:PORT, as {DEFAULT_ADDRESS}")
        try:
            self._server = _Server((host.strip("[]"), int(port)), _Handler)
        except OSError as error:
            raise InputError(
                f"--metrics {address}: {error.strerror or error}; free the port or choose another"
            ) from error
        self._server.metrics = metrics
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="metrics", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """`http://HOST:PORT` where it answers."""
        host, port = self._server.server_address[:2]
        return f"http://{host}:{port}"


class _Server(ThreadingHTTPServer):
    metrics: Metrics
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._places = threading.BoundedSemaphore(_MOST_REQUESTS)
        super().__init__(address, handler)

    def process_request(self, request: object, client_address: object) -> None:
        # Who opens connections and says nothing takes no more threads than this.
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)  # pyright: ignore[reportArgumentType]
            return
        super().process_request(request, client_address)  # pyright: ignore[reportArgumentType]

    def process_request_thread(self, request: object, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)  # pyright: ignore[reportArgumentType]
        finally:
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = _SECONDS
    server_version = "whetstone"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer."""
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE, self.server.metrics.text())
            case "/health":
                digest = self.server.metrics.digest()
                sick = bool(digest["problems"])
                status = HTTPStatus.SERVICE_UNAVAILABLE if sick else HTTPStatus.OK
                body = {"status": "failing" if sick else "ok", **digest}
                self._answer(status, "application/json", json.dumps(body))
            case _:
                body = {"error": "there are /metrics and /health"}
                self._answer(HTTPStatus.NOT_FOUND, "application/json", json.dumps(body))

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        # A name may hold what is no UTF-8; it must not take the whole page with it.
        body = text.encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests that went well are no event."""
