"""Takes the lines of standard input."""

import os
import select

from whetstone.errors import InputError
from whetstone.streaming.flow import EndOfInput
from whetstone.streaming.inputs.messages import Lines

_AT_ONCE = 1 << 18


class Stdin:
    """A `Receiver` of a descriptor that somebody else opened.

    Attributes:
        lost: nothing ever is.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self.lost = 0
        self._descriptor = descriptor
        self._lines = Lines()
        self._ended = False

    def open(self) -> None:
        """See `Receiver`."""
        try:
            os.fstat(self._descriptor)
        except OSError as error:
            raise InputError(f"stdin: is closed ({error}); give it a pipe or a file") from error

    def receive(self, most: int, wait: float) -> bytes:
        """See `Receiver`."""
        if self._ended:
            raise EndOfInput
        if not select.select([self._descriptor], [], [], wait)[0]:
            return b""
        pieces: list[bytes] = []
        size = 0
        while size < most and (not pieces or select.select([self._descriptor], [], [], 0)[0]):
            try:
                data = os.read(self._descriptor, min(_AT_ONCE, most - size))
            except OSError as error:
                raise InputError(f"stdin: cannot be read ({error})") from error
            pieces.append(self._lines.take(data) if data else self._lines.end())
            if not data:
                self._ended = True
                break
            size += len(data)
        return b"".join(pieces)

    def close(self) -> None:
        """See `Receiver`; the descriptor stays open."""
