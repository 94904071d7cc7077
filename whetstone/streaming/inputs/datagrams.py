"""Takes the datagrams that come to a Unix or UDP socket, each as the line or lines in it."""

import select
import socket
import struct
from collections.abc import Callable

from whetstone.errors import InputError

_LARGEST = 1 << 18
_WANTED_BUFFER = 16 << 20
_MEMORY = 55  # SO_MEMINFO of Linux; the ninth number counts what found no room
_DROPS = struct.Struct("9I")


class Datagrams:
    """A `Receiver` of datagrams.

    Args:
        bind: makes the bound socket.
    """

    def __init__(self, bind: Callable[[], socket.socket]) -> None:
        self._bind = bind
        self._socket: socket.socket | None = None
        self._lost_before = 0
        self._buffer = bytearray(_LARGEST)

    @property
    def lost(self) -> int:
        """How many datagrams the system dropped because nobody took them in time."""
        return self._lost_before + (_drops(self._socket) if self._socket else 0)

    @property
    def address(self) -> str | tuple[str, int]:
        """Where it listens: a path, or host and port."""
        assert self._socket is not None, "it does not listen"
        return self._socket.getsockname()

    def open(self) -> None:
        """See `Receiver`."""
        self.close()
        self._socket = self._bind()
        self._socket.setblocking(False)
        # As much as the system grants.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WANTED_BUFFER)

    def receive(self, most: int, wait: float) -> bytes:
        """See `Receiver`."""
        assert self._socket is not None, "it does not listen"
        if not select.select([self._socket], [], [], wait)[0]:
            return b""
        lines = bytearray()
        view = memoryview(self._buffer)
        while len(lines) < most:
            try:
                size = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                break
            except OSError as error:
                raise InputError(f"{self.address}: cannot be read ({error})") from error
            # A terminating NUL is what syslog(3) of some systems sends.
            while size and self._buffer[size - 1] in b"\n\0":
                size -= 1
            if size:
                lines += view[:size]
                lines += b"\n"
        return bytes(lines)

    def close(self) -> None:
        """See `Receiver`."""
        if self._socket:
            self._lost_before = self.lost
            self._socket.close()
            self._socket = None


def _drops(bound: socket.socket) -> int:
    try:
        return _DROPS.unpack(bound.getsockopt(socket.SOL_SOCKET, _MEMORY, _DROPS.size))[8]
    except (OSError, struct.error):
        return 0


def udp_socket(host: str, port: int) -> socket.socket:
    """A bound UDP socket.

    Raises:
        InputError: the address cannot be listened on.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        bound = socket.socket(family, socket.SOCK_DGRAM)
        bound.bind(address)
    except OSError as error:
        raise InputError(
            f"udp://{host}:{port}: cannot be listened on ({error}); "
            "name an address of this machine and a free port"
        ) from error
    return bound
