"""Personal data inside free text: where it is, and the text with something else in its place.

Found are addresses, e-mail addresses, and the values that a record's own fields call users or
hosts, as whole words. Looking takes time in proportion to the text, whatever the text is: addresses
are runs of a few symbols, found over the bytes of a whole column at once.
In doubt something is personal: `1.2.3.4` may be a version, it is treated as an address.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

import json
import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.catalog.catalog_pb2 import ADDRESS, USER, PersonalData
from whetstone.privacy.addresses import pack

# A longer run of hexadecimal digits, dots and colons is no address, only its parts may be.
_LONGEST_IPV6 = 64
_GROUPS_IN_A_WORD = 3
_LONGEST_LOCAL_PART, _LONGEST_DOMAIN = 63, 255

_END = "\n"
_ASCII = 0x80
_WORD = [chr(symbol).isalnum() or symbol == ord("_") for symbol in range(_ASCII)]
_ESCAPED = frozenset('"\\')
_AT = re.compile(rb"@|%40")
_OF_ADDRESSES = np.isin(np.arange(256), np.frombuffer(b"0123456789abcdefABCDEF.:", np.uint8))
_OCTET = rb"(?:25[0-5]|2[0-4]\d|[01]?\d?\d)"
_IPV4 = re.compile(rb"(?<!\d)%b(?:\.%b){3}(?!\d)" % (_OCTET, _OCTET))
_BETWEEN_DOTS = re.compile(rb"[^.]+")
# Read backwards, from the @ on.
_LOCAL_PART = re.compile(
    rb"[A-Za-z0-9._+~\x80-\xff-]{0,%d}[A-Za-z0-9_\x80-\xff]" % _LONGEST_LOCAL_PART
)
_DOMAIN = re.compile(
    rb"(?:[A-Za-z0-9_\x80-\xff]|[.-](?=[A-Za-z0-9_\x80-\xff])){1,%d}" % _LONGEST_DOMAIN
)


class Found(NamedTuple):
    """Personal data in a text: bytes `start` to `end` are a way to write `value`."""

    start: int
    end: int
    kind: PersonalData
    value: str


@dataclass(frozen=True)
class Own:
    """What the records' own fields hold: of each record a value of this kind, or None."""

    kind: PersonalData
    values: Sequence[str | None]


class Texts:
    """The bytes of a column of texts; NULL is an empty text here.

    Args:
        column: any column of strings.
    """

    def __init__(self, column: pa.StringArray):
        # An end of line behind each: nothing that is found reaches over it, no word goes on there.
        ended = pc.binary_join_element_wise(column.fill_null(""), _END, "")
        _, offsets, data = ended.buffers()
        bounds = np.frombuffer(offsets, np.int32)[ended.offset : ended.offset + len(ended) + 1]
        self._data = b"" if data is None else data.to_pybytes()[bounds[0] : bounds[-1]]
        self._bounds = bounds - bounds[0]

    def find(self, kinds: Iterable[PersonalData], own: Sequence[Own]) -> list[Found]:
        """All personal data of these kinds, ascending, none within another.

        `start` and `end` count from the beginning of the column.
        """
        wanted = set(kinds)
        found: list[Found] = []
        if ADDRESS in wanted:
            found += self._addresses()
        if USER in wanted:
            found += self._emails()
        for values in own:
            if values.kind in wanted:
                found += self._words(values)
        return _apart(found)

    def replaced(
        self, found: Sequence[Found], by: Mapping[tuple[PersonalData, str], str]
    ) -> list[str]:
        """The texts with each find replaced; `by` is keyed by its kind and value."""
        pieces: list[bytes] = []
        at, grown = 0, 0
        ends, growth = [0], [0]
        for item in found:
            text = by[item.kind, item.value].encode()
            pieces += [self._data[at : item.start], text]
            at = item.end
            grown += len(text) - (item.end - item.start)
            ends.append(item.end)
            growth.append(grown)
        pieces.append(self._data[at : int(self._bounds[-1])])
        data = b"".join(pieces)
        before = np.searchsorted(np.array(ends), self._bounds, side="right") - 1
        bounds = (self._bounds + np.array(growth)[before]).tolist()
        return [data[a : b - 1].decode() for a, b in pairwise(bounds)]

    def rows_of(self, places: Sequence[int]) -> NDArray[np.intp]:
        """Which texts the places, counted from the beginning of the column, are in."""
        return np.searchsorted(self._bounds, np.array(places, np.int64), side="right") - 1

    def follows(self, place: int, symbols: bytes) -> bool:
        """Whether these symbols stand at a place of the column."""
        return self._data.startswith(symbols, place)

    def _addresses(self) -> Iterator[Found]:
        data = self._data
        known: dict[bytes, list[tuple[int, int, str]]] = {}
        for start, end in self._runs():
            # With the symbols on either side: they decide whether a word ends there.
            around = data[max(start - 1, 0) : end + 1]
            places = known.get(around)
            if places is None:
                in_word = _is_word(data[start - 1 : start]) or _is_word(data[end : end + 1])
                places = known[around] = list(_addresses_in(data[start:end], in_word))
            for a, b, value in places:
                yield Found(start + a, start + b, ADDRESS, value)

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Runs of hexadecimal digits, dots and colons that have enough dots or colons."""
        text = np.frombuffer(self._data, np.uint8)
        if not len(text):
            return
        inside = np.zeros(len(text) + 2, np.int8)
        inside[1:-1] = _OF_ADDRESSES[text]
        steps = np.diff(inside)
        starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
        dots = np.concatenate([[0], np.cumsum(text == ord("."), dtype=np.int32)])
        colons = np.concatenate([[0], np.cumsum(text == ord(":"), dtype=np.int32)])
        enough = (dots[ends] - dots[starts] >= 3) | (colons[ends] - colons[starts] >= 2)
        yield from zip(starts[enough].tolist(), ends[enough].tolist(), strict=True)

    def _emails(self) -> Iterator[Found]:
        data = self._data
        for match in _AT.finditer(data):
            at = match.start()
            local = _LOCAL_PART.match(data[max(at - _LONGEST_LOCAL_PART - 1, 0) : at][::-1])
            domain = _DOMAIN.match(data, match.end())
            if local is None or domain is None:
                continue
            name = local[0][::-1].decode(errors="ignore")
            place = domain[0].decode(errors="ignore")
            start = at - local.end()
            if pack(place) is not None:  # root@10.0.0.1: a name, and an address of its own
                yield Found(start, at, USER, name)
            else:
                yield Found(start, domain.end(), USER, f"{name}@{place}")

    def _words(self, own: Own) -> Iterator[Found]:
        data, lowered = self._data, self._data.lower()
        forms_of: dict[str, tuple[bytes, ...]] = {}
        for value, (lower, upper) in zip(own.values, pairwise(self._bounds.tolist()), strict=True):
            if not value or upper - lower <= len(_END):
                continue
            forms = forms_of.get(value)
            if forms is None:
                forms = forms_of[value] = _forms(value)
            for form in forms:
                at = lowered.find(form, lower, upper)
                while at >= 0:
                    end = at + len(form)
                    if not (_goes_on(data, at) or _goes_on(data, end)):
                        yield Found(at, end, own.kind, value)
                    at = lowered.find(form, end, upper)


def _addresses_in(run: bytes, in_word: bool) -> Iterator[tuple[int, int, str]]:
    """Addresses in a run of their symbols: where, and as text."""
    if run.count(b":") >= 2 and (whole := _ipv6_in(run, in_word)):
        yield whole
        return
    ipv4 = list(_IPV4.finditer(run))
    for match in ipv4:
        yield match.start(), match.end(), match[0].decode()
    for part in () if ipv4 else _BETWEEN_DOTS.finditer(run):
        if len(part[0]) < len(run) and (found := _ipv6_in(part[0], in_word)):
            yield part.start() + found[0], part.start() + found[1], found[2]


def _ipv6_in(run: bytes, in_word: bool) -> tuple[int, int, str] | None:
    """The IPv6 address in a run, less punctuation around it, or a port behind it."""
    if len(run) > _LONGEST_IPV6:
        return None
    first = 1 if run[:1] == b":" and run[:2] != b"::" else 0
    stripped = run.rstrip(b".")
    if stripped[-2:] != b"::":
        stripped = stripped.rstrip(b":")
    for last in (len(stripped), stripped.rfind(b":"), stripped.rfind(b".")):
        text = run[first : max(last, first)].decode()
        if _is_ipv6(text):
            # std::bad and other::words are no addresses.
            few = sum(map(bool, text.split(":"))) < _GROUPS_IN_A_WORD
            return None if in_word and few else (first, first + len(text), text)
    return None


def _is_ipv6(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, text)
    except OSError:
        return False
    return True


def _is_word(symbol: bytes) -> bool:
    return symbol.isalnum() or symbol == b"_"


def _goes_on(data: bytes, at: int) -> bool:
    """Whether the same word stands on both sides of a place."""
    if at == 0:
        return False
    before, after = data[at - 1], data[at]
    if before < _ASCII and after < _ASCII:
        return _WORD[before] and _WORD[after]
    return _in_word(data[max(at - 4, 0) : at].decode(errors="ignore")[-1:]) and _in_word(
        data[at : at + 4].decode(errors="ignore")[:1]
    )


def _in_word(symbol: str) -> bool:
    return symbol.isalnum() or symbol == "_"


def _forms(value: str) -> tuple[bytes, ...]:
    """How a value may stand in a text: as it is, or as in JSON; ASCII letters in small."""
    if not any(map(str.isalnum, value)):
        return ()
    if value.isascii() and value.isprintable() and not _ESCAPED.intersection(value):
        return (value.encode().lower(),)
    forms = (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    return tuple({form.encode().lower() for form in forms})


def _apart(found: list[Found]) -> list[Found]:
    """Ascending; of what overlaps the first and longest counts, for all that is covered."""
    found.sort(key=lambda item: (item.start, -item.end))
    apart: list[Found] = []
    for item in found:
        if not apart or item.start >= apart[-1].end:
            apart.append(item)
        elif item.end > apart[-1].end:
            first = apart[-1]
            apart[-1] = Found(first.start, item.end, first.kind, first.value)
    return apart
