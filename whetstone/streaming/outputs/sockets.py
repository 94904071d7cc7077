"""Sockets that are connected when there is something to send, and again when the peer went away."""

import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from whetstone.streaming.outputs.output import OutputError, Refused

SECONDS = 10.0
_TOO_LONG = errno.EMSGSIZE

Connect = Callable[[], socket.socket]


class Link:
    """One socket to a peer that takes messages and says nothing.

    Args:
        place: its URL, for errors.
        connect: makes the socket; raises OSError.
    """

    def __init__(self, place: str, connect: Connect) -> None:
        self._place = place
        self._connect = connect
        self._socket: socket.socket | None = None

    def send(self, *messages: bytes) -> None:
        """Hand messages to the system, each in a call of its own: a datagram is a message.

        Raises:
            OutputError: the peer is away; it is connected to again next time.
            Refused: a datagram is longer than the system sends.
        """
        try:
            connected = self._connected()
            for message in messages:
                connected.sendall(message)
        except OSError as error:
            self.close()
            if error.errno == _TOO_LONG:
                raise Refused(
                    f"{self._place}: a record is too long for a datagram: use a stream"
                ) from error
            raise OutputError(
                f"{self._place}: {error.strerror or error}: is the receiver running there?"
            ) from error

    def close(self) -> None:
        """Disconnect."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        # What is written to a peer that has gone is lost without an error: ask first.
        if self._socket is not None and _gone(self._socket):
            self.close()
        if self._socket is None:
            self._socket = self._connect()
        return self._socket


def to_unix(path: Path, kind: socket.SocketKind) -> Connect:
    """Connects to a socket that a receiver made on this machine."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX, kind)
        return _ready(made, lambda: made.connect(str(path)))

    return connect


def to_host(host: str, port: int) -> Connect:
    """Connects to a TCP port."""
    return lambda: socket.create_connection((host, port), SECONDS)


def to_host_by_tls(host: str, port: int, authority: str) -> Connect:
    """Connects to a TCP port, encrypted.

    Args:
        host: name that the certificate must have.
        port: of TCP.
        authority: file of the certificates that may vouch for it; empty: the system's.
    """

    def connect() -> socket.socket:
        context = ssl.create_default_context(cafile=authority or None)
        return context.wrap_socket(
            socket.create_connection((host, port), SECONDS), server_hostname=host
        )

    return connect


def to_datagrams(host: str, port: int) -> Connect:
    """Sends to a UDP port."""

    def connect() -> socket.socket:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[
            0
        ]
        made = socket.socket(family, kind, protocol)
        return _ready(made, lambda: made.connect(address))

    return connect


def _ready(made: socket.socket, connect: Callable[[], None]) -> socket.socket:
    made.settimeout(SECONDS)
    try:
        connect()
    except OSError:
        made.close()
        raise
    return made


def _gone(connected: socket.socket) -> bool:
    """Whether a stream's peer has closed it."""
    if connected.type != socket.SOCK_STREAM:
        return False
    connected.setblocking(False)
    try:
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            return connected.recv(4096) == b""
    except OSError:
        return True
    finally:
        connected.settimeout(SECONDS)
    return False
