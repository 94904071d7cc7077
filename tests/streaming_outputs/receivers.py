"""Receivers at the other end of outputs: real sockets, a real HTTP server."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.streaming_outputs.records import PATIENCE


@dataclass
class Post:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """A webhook's receiver.

    Attributes:
        posts: what arrived.
        answers: status and headers to give, one a request; then 204.
    """

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)


@contextmanager
def hook(port: int = 0) -> Iterator[Hook]:
    told = Hook()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.posts.append(Post(self.path, dict(self.headers), body))
            status, headers = told.answers.pop(0) if told.answers else (204, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204 and "Content-Length" not in headers:
                self.send_header("Content-Length", "0")
            self.end_headers()
            if "Content-Length" in headers:
                self.close_connection = True
                with suppress(OSError):
                    while True:
                        self.wfile.write(b"x" * 65536)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


class Collector:
    """Listens on a stream and keeps all that comes; one connection at a time."""

    def __init__(
        self, address: str | tuple[str, int], context: ssl.SSLContext | None = None
    ) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._listener = socket.socket(family)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(address)
        self._listener.listen()
        self._context = context
        self._connection: socket.socket | None = None
        self.address = self._listener.getsockname()
        self.data = b""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        for open_socket in (self._connection, self._listener):
            if open_socket is not None:
                _end(open_socket)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            self._connection = connection
            with connection:
                while data := _received(connection):
                    self.data += data


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 16)
    except OSError:
        return b""


def _end(open_socket: socket.socket) -> None:
    with suppress(OSError):
        open_socket.shutdown(socket.SHUT_RDWR)
    open_socket.close()


def free_port() -> int:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        return int(server.server_address[1])


def datagrams_at(address: str | Path | tuple[str, int]) -> socket.socket:
    """A socket that datagrams come to."""
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind(address if isinstance(address, tuple) else str(address))
    made.settimeout(PATIENCE)
    return made
