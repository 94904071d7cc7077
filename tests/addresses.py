"""Servers on this machine that notices are sent to: a webhook and a mail server."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TypeVar, cast


class Hooks(HTTPServer):
    """Keeps what is posted to it; refuses when told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.posted: list[str] = []
        self.status = 200


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = cast(Hooks, self.server)
        server.posted.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Mails(socketserver.ThreadingTCPServer):
    """A mail server that takes everything: the commands of RFC 5321 that a client needs."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.taken: list[tuple[list[str], bytes]] = []


class _Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 mail.test\r\n")
        recipients: list[str] = []
        while line := self.rfile.readline():
            command = line.decode().strip()
            if command.upper().startswith("RCPT"):
                recipients.append(command)
            if command.upper() == "DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b""
                while (line := self.rfile.readline()) != b".\r\n":
                    body += line
                cast(Mails, self.server).taken.append((recipients, body))
            if command.upper() == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 mail.test\r\n")


S = TypeVar("S", bound=socketserver.BaseServer)


@contextmanager
def running(server: S) -> Iterator[S]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
