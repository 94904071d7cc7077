"""The one form of tar that Whetstone writes and reads: plain files, no owner, no time.

`write` and `read` are for bundles, whose members have a fixed order; `append` and `scan` for files
too large for memory, which are read member by member.

Every tar program reads it. This module reads nothing else: general readers understand dialects,
links, sparse files and extension records, and each of those is something a hostile archive could
say. An archive that differs in one byte from what `write` makes of its members is refused.

References:
    POSIX ustar interchange format,
    https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from whetstone.errors import ReleaseError

_BLOCK = 512
_END = b"\0" * (2 * _BLOCK)
_KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"5": "a directory"}
_SIZE = re.compile(rb"([0-7]{11})\0")


def write(members: Mapping[str, bytes]) -> bytes:
    """An uncompressed tar of `members` (name to content) in their order.

    Equal members give equal bytes, on every machine. Names are ASCII of at most 100 characters.
    """
    parts: list[bytes] = []
    for name, content in members.items():
        parts += [_header(name, len(content)), content, b"\0" * (-len(content) % _BLOCK)]
    return b"".join([*parts, _END])


def read(
    data: bytes, limits: Mapping[str, int], optional: Collection[str] = ()
) -> dict[str, bytes]:
    """The members of an archive that `write` made.

    Args:
        data: The archive; hostile until this function has returned.
        limits: Name to largest allowed size in bytes, of every member in the expected order.
        optional: Names of members that may be absent.

    Raises:
        ReleaseError: A member is unknown, missing, doubled, out of order, too large, not a plain
            file, or the archive is not byte for byte what `write` makes.
    """
    members: dict[str, bytes] = {}
    offset = 0
    while data[offset : offset + _BLOCK].strip(b"\0"):
        header = data[offset : offset + _BLOCK]
        name = _checked_name(header, limits, members)
        size = _checked_size(header, name, limits[name])
        content = data[offset + _BLOCK : offset + _BLOCK + size]
        if len(content) < size:
            raise _refused(f"{name} is truncated: {len(content)} of {size} bytes")
        members[name] = content
        offset += _BLOCK + size + -size % _BLOCK
    if missing := [name for name in limits if name not in {*members, *optional}]:
        raise _refused(f"{', '.join(missing)} is missing")
    # Order, owners, times, padding and what follows the end: one comparison covers them all.
    if write({name: members[name] for name in limits if name in members}) != data:
        raise _refused("it is not laid out as Whetstone lays bundles out")
    return members


@dataclass(frozen=True)
class Span:
    """Where a member's content lies in an archive, in bytes."""

    offset: int
    size: int

    def read(self, file: BinaryIO) -> bytes:
        """The content."""
        file.seek(self.offset)
        return file.read(self.size)


def append(file: BinaryIO, name: str, content: bytes) -> None:
    """Writes one more member; `finish` has to follow the last."""
    file.write(_header(name, len(content)))
    file.write(content)
    file.write(b"\0" * (-len(content) % _BLOCK))


def finish(file: BinaryIO) -> None:
    """Writes the archive's end."""
    file.write(_END)


def scan(file: BinaryIO, limit_of: Callable[[str], int | None]) -> dict[str, Span]:
    """Where the members of an archive lie that `append` and `finish` made; contents are not read.

    Args:
        file: The archive; hostile.
        limit_of: The largest allowed size of a member by its name; None: no such member may be.

    Raises:
        ReleaseError: A member is unknown, doubled, too large, not a plain file, the archive is
            truncated, or something follows its end.
    """
    spans: dict[str, Span] = {}
    offset = 0
    while (header := _block(file, offset)).strip(b"\0"):
        name = _name(header)
        limit = limit_of(name)
        match = _SIZE.fullmatch(header[124:136])
        size = int(match[1], 8) if match else 0
        if limit is None:
            raise _damaged(f"{name!r} is no part of it")
        if name in spans:
            raise _damaged(f"{name} occurs twice")
        if header != _header(name, size):
            raise _damaged(f"{name!r} is not laid out as Whetstone lays archives out")
        if size > limit:
            raise _damaged(f"{name} has {size} bytes, more than the limit of {limit}")
        spans[name] = Span(offset + _BLOCK, size)
        offset += _BLOCK + size + -size % _BLOCK
        if Span(offset - -size % _BLOCK, -size % _BLOCK).read(file).strip(b"\0"):
            raise _damaged(f"something is hidden behind {name!r}")
    file.seek(offset)
    if file.read(len(_END) + 1) != _END:
        raise _damaged("it is truncated, or something follows its end")
    return spans


def _block(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(_BLOCK)


def _name(header: bytes) -> str:
    return header[:100].rstrip(b"\0").decode("ascii", "backslashreplace")


def _header(name: str, size: int) -> bytes:
    fields = (
        name.encode("ascii").ljust(100, b"\0"),
        b"0000644\0" + b"0000000\0" * 2,
        b"%011o\0" % size,
        b"0" * 11 + b"\0",
        b" " * 8,
        b"0",
        b"\0" * 100,
        b"ustar\00000",
        b"\0" * 247,
    )
    blank = b"".join(fields)
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def _checked_name(header: bytes, limits: Mapping[str, int], members: Mapping[str, bytes]) -> str:
    name = _name(header)
    kind = header[156:157]
    if kind != b"0":
        raise _refused(f"{name!r} is {_KINDS.get(kind, 'no plain file')}")
    if name.startswith("/") or ".." in name.split("/"):
        raise _refused(f"{name!r} points outside the bundle")
    if name not in limits:
        raise _refused(f"{name!r} is no part of a bundle")
    if name in members:
        raise _refused(f"{name} occurs twice")
    return name


def _checked_size(header: bytes, name: str, limit: int) -> int:
    match = _SIZE.fullmatch(header[124:136])
    if match is None:
        raise _refused(f"the size of {name} cannot be read")
    size = int(match[1], 8)
    if size > limit:
        raise _refused(f"{name} has {size} bytes, more than the limit of {limit}")
    return size


def _refused(reason: str) -> ReleaseError:
    return ReleaseError(
        f"bundle refused: {reason}. Do not use it: pull it again, or publish it anew from its model"
    )


def _damaged(reason: str) -> ReleaseError:
    return ReleaseError(
        f"archive refused: {reason}. Carry it anew from the platform, or export it anew"
    )
