"""JSON lines to a socket of this machine: `unix:///run/collector.sock?type=stream|datagram`."""

import socket
from collections.abc import Sequence
from pathlib import Path

from whetstone.streaming.outputs.entries import Entry, delivered, to_json
from whetstone.streaming.outputs.output import Output
from whetstone.streaming.outputs.sockets import Link, to_unix
from whetstone.streaming.urls import Url

OPTIONS = ("type",)
_KINDS = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM}


class Unix(Output):
    """Connects to a socket that a receiver listens on.

    Args:
        path: of the socket.
        kind: a stream takes lines, datagrams are a line each.
    """

    def __init__(self, path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> None:
        self._path = path.absolute()
        self._kind = kind
        # Datagrams that were sent before one failed would come again with it.
        self.batch = 100 if kind == socket.SOCK_STREAM else 1
        self._link = Link(self.name, to_unix(self._path, kind))

    @classmethod
    def at(cls, url: Url) -> "Unix":
        """The output of a URL."""
        if not url.path:
            raise url.wrong("path", "name the socket: unix:///run/collector.sock")
        return cls(Path(url.path), _KINDS[url.choice("type", _KINDS, "stream")])

    @property
    def name(self) -> str:
        """The socket's URL."""
        return f"unix://{self._path}"

    def send(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Write a line an entry."""
        lines = [to_json(delivered(*entry)) + b"\n" for entry in entries]
        if self._kind == socket.SOCK_STREAM:
            lines = [b"".join(lines)]
        self._link.send(*lines)

    def close(self) -> None:
        """Disconnect."""
        self._link.close()
