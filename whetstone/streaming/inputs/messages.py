"""Lines out of the bytes of one connection: until its end a line is nobody else's.

Syslog over TCP comes in two framings, RFC 6587: lines (3.4.2), or each message with its length in
front (3.4.1, octet counting). A connection shows which with its first bytes.
"""

import re

from whetstone.streaming.inputs.spooled import LONGEST_LINE

_COUNTED = re.compile(rb"[1-9][0-9]{0,7} <")
_BEGINS_COUNTED = re.compile(rb"[1-9][0-9]{0,7}(?: <?)?")


class Lines:
    """Whole lines of bytes that come in pieces.

    Args:
        longest: what of a longer line is beyond is not kept.
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._carry = bytearray()

    def take(self, data: bytes) -> bytes:
        """The lines that end in the next bytes."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._carry += data[: self._longest - len(self._carry)]
            return b""
        if not self._carry and end == len(data):
            return data
        view = memoryview(data)
        whole = b"".join((self._carry, view[:end]))
        self._carry[:] = view[end:]
        return whole

    def end(self) -> bytes:
        """The line that has no end, with one."""
        rest = bytes(self._carry) + b"\n" if self._carry else b""
        self._carry.clear()
        return rest


class Counted:
    """Messages that have their length in front, as lines.

    Attributes:
        broken: whether what came is no such message; nothing behind it can be read.
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self.broken = False
        self._longest = longest
        self._carry = b""

    def take(self, data: bytes) -> bytes:
        """The messages that end in the next bytes, each with an end of line."""
        text = self._carry + data
        messages: list[bytes] = []
        at = 0
        while not self.broken:
            # Some senders end a message both ways.
            while text[at : at + 1] == b"\n":
                at += 1
            space = text.find(b" ", at, at + 10)
            if space < 0:
                self.broken = len(text) - at >= 10
                break
            length = text[at:space]
            if not length.isdigit() or int(length) > self._longest:
                self.broken = True
                break
            end = space + 1 + int(length)
            if end > len(text):
                break
            messages.append(text[space + 1 : end].rstrip(b"\n\0") + b"\n")
            at = end
        self._carry = text[at:]
        return b"".join(messages)

    def end(self) -> bytes:
        """The message that is not complete, as a line."""
        rest = self._carry.strip(b"\n")
        self._carry = b""
        return rest + b"\n" if rest else b""


class Either:
    """Lines or counted messages, as the first bytes say."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._head = b""
        self._chosen: Lines | Counted | None = None

    @property
    def broken(self) -> bool:
        """Whether nothing more can be read."""
        return isinstance(self._chosen, Counted) and self._chosen.broken

    def take(self, data: bytes) -> bytes:
        """The lines or messages that end in the next bytes."""
        if not self._chosen:
            self._head += data
            if _BEGINS_COUNTED.fullmatch(self._head) and not _COUNTED.match(self._head):
                return b""
            counted = _COUNTED.match(self._head)
            self._chosen = Counted(self._longest) if counted else Lines(self._longest)
            data, self._head = self._head, b""
        return self._chosen.take(data)

    def end(self) -> bytes:
        """What is not complete, as a line."""
        if self._chosen:
            return self._chosen.end()
        return self._head + b"\n" if self._head else b""
