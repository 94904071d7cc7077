"""Inputs that nobody can read twice: what they give is spooled, and read again from there."""

import time
from typing import Protocol

from whetstone.errors import InputError
from whetstone.streaming.flow import Chunk, Position
from whetstone.streaming.inputs.spool import Spool

LONGEST_LINE = 16 << 20
"""Bytes of a line that has no end yet; what is beyond is not kept, and the line is a reject."""


class Receiver(Protocol):
    """Takes lines from peers."""

    @property
    def lost(self) -> int:
        """How many messages never arrived whole: dropped by the system, or torn by a peer."""
        ...

    def open(self) -> None:
        """Begin to take.

        Raises:
            InputError: what is wrong with the address and what to do.
        """
        ...

    def receive(self, most: int, wait: float) -> bytes:
        """Whole lines, about `most` bytes; none if none came within `wait` seconds.

        Raises:
            EndOfInput: no more will come.
            InputError: it must be opened again.
        """
        ...

    def close(self) -> None:
        """Stop taking."""
        ...


class Spooled:
    """An `Input` of what a receiver takes; the position is a place in its spool."""

    def __init__(
        self, name: str, source: str, receiver: Receiver, spool: Spool, finite: bool = False
    ) -> None:
        self.name, self.source, self.finite = name, source, finite
        self._receiver = receiver
        self._spool = spool
        self._at = 0
        self._unspooled = b""  # received, but the spool could not be written
        self._receiving = False

    @property
    def lost(self) -> int:
        """How many messages never arrived whole: dropped by the system, or torn by a peer."""
        return self._receiver.lost

    def behind(self) -> int:
        """How many spooled bytes are to be read again."""
        return self._spool.end - self._at

    def open(self, position: Position | None) -> None:
        """See `Input`; without a position it begins with the oldest line that is spooled.

        When only the spool failed, peers stay connected.
        """
        self._at = self._spool.open(position["spool"] if position else None)
        if not self._receiving:
            self._receiver.open()
            self._receiving = True

    def read(self, most: int, wait: float) -> Chunk | None:
        """See `Input`."""
        if self._at < self._spool.end:
            data = self._spool.read(self._at, most)
        else:
            # What could not be spooled is tried again before anything is received.
            self._unspooled = data = self._unspooled or self._received(most, wait)
            if not data:
                return None
            self._spool.append(data)
            self._unspooled = b""
        self._at += len(data)
        return Chunk(data, {"spool": self._at}, time.monotonic())

    def commit(self, position: Position) -> None:
        """See `Input`; whole segments before the position are removed."""
        self._spool.forget(position["spool"])

    def close(self) -> None:
        """See `Input`."""
        self._receiver.close()
        self._receiving = False
        self._spool.close()

    def _received(self, most: int, wait: float) -> bytes:
        try:
            return self._receiver.receive(most, wait)
        except InputError:
            self._receiver.close()
            self._receiving = False
            raise
