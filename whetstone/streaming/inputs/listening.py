"""Listens on a Unix or TCP socket and takes the lines of all who connect."""

import os
import selectors
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from whetstone.errors import InputError

# More than a peer's lines in a Unix socket, less than what malloc would map anew each time.
_AT_ONCE = 96 << 10
# Lines that come one by one are taken together: each wake-up costs more than many lines do.
GATHER_SECONDS = 0.004
_BREATH_SECONDS = 0.0005
MOST_PEERS = 256


class Cutting(Protocol):
    """Makes lines of the bytes of one connection."""

    def take(self, data: bytes) -> bytes:
        """The lines that end in the next bytes."""
        ...

    def end(self) -> bytes:
        """What has no end, as a line."""
        ...


class Listening:
    """A `Receiver` of connections.

    Args:
        bind: makes the listening socket.
        cutting: makes lines of a new connection's bytes.
        most_peers: of more, the newest is turned away.

    Attributes:
        lost: connections that were turned away, and those that broke off within a line or sent
            what is none.
    """

    def __init__(
        self,
        bind: Callable[[], socket.socket],
        cutting: Callable[[], Cutting],
        most_peers: int = MOST_PEERS,
    ) -> None:
        self.lost = 0
        self._bind, self._cutting, self._most_peers = bind, cutting, most_peers
        self._selector: selectors.BaseSelector | None = None
        self._listener: socket.socket | None = None
        self._peers: dict[socket.socket, Cutting] = {}

    @property
    def address(self) -> str | tuple[str, int]:
        """Where it listens: a path, or host and port."""
        assert self._listener is not None, "it does not listen"
        return self._listener.getsockname()

    def open(self) -> None:
        """See `Receiver`."""
        self.close()
        self._listener = self._bind()
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def receive(self, most: int, wait: float) -> bytes:
        """See `Receiver`."""
        assert self._selector is not None, "it does not listen"
        pieces: list[bytes] = []
        size = 0
        until = None
        while size < most:
            ready = self._selector.select(0 if until else wait)
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj is self._listener:
                    self._accept(key.fileobj)
                    continue
                piece = self._take(key.fileobj, most - size)
                size += len(piece)
                pieces.append(piece)
            until = until or time.monotonic() + min(wait, GATHER_SECONDS)
            if time.monotonic() >= until:
                break
            if not ready:
                time.sleep(_BREATH_SECONDS)
        return b"".join(pieces)

    def close(self) -> None:
        """See `Receiver`."""
        for peer in [*self._peers]:
            self._part(peer)
        if self._selector:
            self._selector.close()
        if self._listener:
            self._listener.close()
        self._selector = self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        assert self._selector is not None
        try:
            peer, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            raise InputError(
                f"{listener.getsockname()}: no connection can be accepted ({error}); "
                "allow the process more open files"
            ) from error
        if len(self._peers) >= self._most_peers:
            self.lost += 1
            peer.close()
            return
        peer.setblocking(False)
        self._peers[peer] = self._cutting()
        self._selector.register(peer, selectors.EVENT_READ)

    def _take(self, peer: socket.socket, most: int) -> bytes:
        """The lines that a peer has for us now."""
        cutting = self._peers[peer]
        try:
            data = peer.recv(min(max(most, 1), _AT_ONCE))
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        lines = cutting.take(data) if data else cutting.end()
        if not data or getattr(cutting, "broken", False):
            self.lost += bool(lines) if not data else 1
            self._part(peer)
        return lines

    def _part(self, peer: socket.socket) -> None:
        del self._peers[peer]
        if self._selector:
            self._selector.unregister(peer)
        peer.close()


def unix_socket(path: Path, kind: socket.SocketKind, mode: int) -> socket.socket:
    """A bound Unix socket in the place of one that nobody listens on any more.

    Raises:
        InputError: something else is at the path, somebody listens, or it cannot be made.
    """
    _make_room(path, kind)
    bound = socket.socket(socket.AF_UNIX, kind)
    try:
        bound.bind(os.fspath(path))
        path.chmod(mode)
        if kind == socket.SOCK_STREAM:
            bound.listen()
    except OSError as error:
        bound.close()
        raise InputError(
            f"unix://{path}: cannot be listened on ({error}); check the directory, its permissions "
            "and the length of the path"
        ) from error
    return bound


def _make_room(path: Path, kind: socket.SocketKind) -> None:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"unix://{path}: cannot be looked at ({error})") from error
    if not stat.S_ISSOCK(there.st_mode):
        raise InputError(f"unix://{path}: there is something that is no socket; remove it")
    with socket.socket(socket.AF_UNIX, kind) as probe:
        try:
            probe.connect(os.fspath(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise InputError(f"unix://{path}: another process listens there; stop it or name another path")


def tcp_socket(host: str, port: int) -> socket.socket:
    """A listening TCP socket.

    Raises:
        InputError: the address cannot be listened on.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"tcp://{host}:{port}: cannot be listened on ({error}); "
            "name an address of this machine and a free port"
        ) from error
