"""Finds JSON documents in arrays and envelopes by counting brackets outside of strings.

An envelope is an answer of Elasticsearch or OpenSearch (`hits.hits`) or CloudTrail's `Records`.
Whether a document is JSON is judged later.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
import pyarrow as pa

from whetstone.parsing.lines import KEPT_OF_A_BAD_LINE, SCHEMA

TOO_LONG = "record too long"
SPACE = b" \t\r\n"
# Where documents lie in an envelope: the key of the array, and how deep it lies.
_ARRAYS = ((b'"hits"', 3), (b'"Records"', 2))
_KEY_BEFORE = {key: re.compile(re.escape(key) + rb"\s*:\s*$") for key, _ in _ARRAYS}
_LONGEST_KEY = 64

_OPENING = np.zeros(256, np.int8)
_OPENING[[*b"{["]] = 1
_OPENING[[*b"}]"]] = -1
_STRUCTURE = _OPENING != 0
_STRUCTURE[ord(",")] = True


class _State(Enum):
    """Where a text goes on."""

    TOP = auto()  # between documents that stand for themselves
    ITEMS = auto()  # between the documents of an array
    NO_DOCUMENT = auto()  # the rest of these is skipped: of text that is no document
    DOCUMENT = auto()  # of a document or envelope at the top
    ITEM = auto()  # of a document in an array


class Finder:
    """Finds the documents of a text that comes in chunks.

    Between chunks it keeps what is not complete. What is beyond the limit is reported at once, and
    the rest of it skipped; so is what stands behind the documents of an envelope.
    """

    def __init__(self, limit: int) -> None:
        self.line = 0  # the number that the last document got
        self._limit = limit
        self._rows: list[tuple[bytes, int, str | None]] = []
        self._kept = b""
        self._lines_before = 0  # in front of what is kept
        self._state = _State.TOP
        self._base = 0  # how deep the documents lie
        self._depth = 0  # how deep a skipped text goes on
        self._in_string = False

    def add(self, chunk: bytes) -> None:
        """Take the next chunk."""
        text = self._kept + chunk
        whole = text.rstrip(b"\\")  # an escape is not torn apart
        skipping = self._skipping
        depth, in_string = (self._depth, self._in_string) if skipping else (self._base, False)
        marks = Marks.of(whole, depth, in_string)
        at = self._find(whole, marks)
        self._lines_before += int(np.searchsorted(marks.newlines, at))
        self._kept = text[at:]
        if self._skipping:
            self._depth = int(marks.depth[-1]) if len(marks.depth) else depth
            self._in_string = marks.in_string

    def end(self) -> None:
        """Take what is kept as a document."""
        if not self._skipping:
            self._take(self._kept, 0, len(self._kept), Marks.of(self._kept, 0, False))
        self._kept = b""

    def state(self) -> dict[str, Any]:
        """All that is kept between two calls of `batch`, as JSON takes it."""
        return {
            "line": self.line,
            "kept": self._kept.decode("latin-1"),
            "lines_before": self._lines_before,
            "state": self._state.name,
            "base": self._base,
            "depth": self._depth,
            "in_string": self._in_string,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self.line, self._lines_before = state["line"], state["lines_before"]
        self._kept = state["kept"].encode("latin-1")
        self._state = _State[state["state"]]
        self._base, self._depth = state["base"], state["depth"]
        self._in_string = state["in_string"]

    def batch(self) -> pa.RecordBatch:
        """What was found since the last call."""
        pieces, numbers, problems = zip(*self._rows, strict=True) if self._rows else ((), (), ())
        self._rows = []
        raw = pa.array(pieces, pa.binary())
        try:
            lines = raw.cast(pa.string())
        except pa.ArrowInvalid:
            problems = [
                problem or (None if _is_text(piece) else "not UTF-8")
                for piece, problem in zip(pieces, problems, strict=True)
            ]
            kept = [
                piece[:KEPT_OF_A_BAD_LINE] if problem else piece
                for piece, problem in zip(pieces, problems, strict=True)
            ]
            lines = pa.array([piece.decode(errors="replace") for piece in kept], pa.string())
        columns = [lines, pa.array(numbers, pa.int64()), pa.array(problems, pa.string())]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)

    @property
    def _skipping(self) -> bool:
        return self._state not in (_State.TOP, _State.ITEMS)

    def _find(self, text: bytes, marks: "Marks") -> int:
        """Take all complete documents; the place behind what needs no further look."""
        opens = marks.places((marks.step == 1) & (marks.depth == 1))
        closes = marks.places((marks.step == -1) & (marks.depth == 0))
        bounds: dict[int, np.ndarray] = {}
        at = 0
        while True:
            match self._state:
                case _State.TOP:
                    at, goes_on = self._top(text, marks, opens, closes, at)
                case _State.ITEMS | _State.ITEM:
                    if self._base not in bounds:
                        bounds[self._base] = _bounds(marks, self._base)
                    if self._state == _State.ITEMS:
                        at, goes_on = self._items(text, marks, bounds[self._base], at)
                    else:
                        at, goes_on = _first(bounds[self._base], at)
                        self._state = _State.ITEMS if goes_on else self._state
                case _State.NO_DOCUMENT:
                    at, goes_on = _first(opens, at)
                    self._state = _State.TOP if goes_on else self._state
                case _State.DOCUMENT:
                    at, goes_on = _first(closes, at)
                    self._state, at = (_State.TOP, at + 1) if goes_on else (self._state, at)
            if not goes_on:
                return len(text) if self._skipping else at

    def _top(
        self, text: bytes, marks: "Marks", opens: np.ndarray, closes: np.ndarray, at: int
    ) -> tuple[int, bool]:
        begin, found = _first(opens, at)
        if not found:
            return at, self._report(text, at, marks, _State.NO_DOCUMENT)
        self._take(text, at, begin, marks)
        if text[begin : begin + 1] == b"[":
            self._state, self._base = _State.ITEMS, 1
            return begin + 1, True
        end, complete = _first(closes, begin)
        end = end + 1 if complete else len(text)
        array, depth = _array_in(text[begin : min(end, begin + self._limit)], marks, begin)
        if depth:
            self._state, self._base = _State.ITEMS, depth
            return array + 1, True
        if not complete:
            return begin, self._report(text, begin, marks, _State.DOCUMENT)
        self._take(text, begin, end, marks)
        return end, True

    def _items(self, text: bytes, marks: "Marks", bounds: np.ndarray, at: int) -> tuple[int, bool]:
        for bound in bounds[np.searchsorted(bounds, at) :].tolist():
            self._take(text, at, bound, marks)
            at = bound + 1
            if text[bound:at] != b",":
                # Behind the array of an envelope stands the rest of it.
                self._state = _State.TOP if self._base == 1 else _State.DOCUMENT
                self._base = 0
                return at, True
        return at, self._report(text, at, marks, _State.ITEM)

    def _take(self, text: bytes, start: int, end: int, marks: "Marks") -> None:
        piece = text[start:end].lstrip(SPACE)
        start = end - len(piece)
        problem = TOO_LONG if len(piece) > self._limit else None
        piece = piece[: min(self._limit, KEPT_OF_A_BAD_LINE)] if problem else piece.rstrip(SPACE)
        if piece not in (b"", b","):
            line = self._lines_before + int(np.searchsorted(marks.newlines, start)) + 1
            self.line = max(line, self.line + 1)
            self._rows.append((piece, self.line, problem))

    def _report(self, text: bytes, at: int, marks: "Marks", skipping: _State) -> bool:
        """Report what begins at a place and is too long already; False: more text is needed."""
        if len(text[at:].lstrip(SPACE)) > self._limit:
            self._take(text, at, len(text), marks)
            self._state = skipping
        return False


@dataclass(frozen=True)
class Marks:
    """The brackets and commas of a text that stand outside of strings.

    Attributes:
        at: their places.
        step: 1 opens, -1 closes, 0 is a comma.
        depth: how deep the text is behind each.
        newlines: places of the ends of lines.
        in_string: whether the text ends within a string.
    """

    at: np.ndarray
    step: np.ndarray
    depth: np.ndarray
    newlines: np.ndarray
    in_string: bool

    @classmethod
    def of(cls, text: bytes, depth: int, in_string: bool) -> "Marks":
        """Marks of a text that begins at a depth, perhaps within a string.

        No string goes on behind the end of a line: one that is not closed spoils its line only.
        """
        codes = np.frombuffer(text, np.uint8)
        newlines = np.flatnonzero(codes == ord("\n"))
        quotes = _unescaped_quotes(codes)
        # Quotes before each line; the string that the text begins in adds one to the first line.
        before = np.concatenate([[-int(in_string)], np.searchsorted(quotes, newlines)])
        at = np.flatnonzero(_STRUCTURE[codes])
        within = np.searchsorted(quotes, at) - before[np.searchsorted(newlines, at)]
        at = at[within % 2 == 0]
        step = _OPENING[codes[at]].astype(np.int64)
        total = depth + np.cumsum(step)
        # What closes more than is open closes nothing.
        floor = np.minimum(np.minimum.accumulate(total), 0) if len(total) else total
        return cls(at, step, total - floor, newlines, bool((len(quotes) - before[-1]) % 2))

    def places(self, wanted: np.ndarray) -> np.ndarray:
        """The places of some of the marks."""
        return self.at[wanted]


def _unescaped_quotes(codes: np.ndarray) -> np.ndarray:
    quotes = np.flatnonzero(codes == ord('"'))
    backslashes = np.flatnonzero(codes == ord("\\"))
    if not len(backslashes) or not len(quotes):
        return quotes
    # How many backslashes stand in a row up to each of them.
    numbers = np.arange(len(backslashes))
    begins = np.concatenate([[True], np.diff(backslashes) != 1])
    run = numbers - np.maximum.accumulate(np.where(begins, numbers, 0)) + 1
    last = np.searchsorted(backslashes, quotes) - 1
    follows = (last >= 0) & (backslashes[last] == quotes - 1)
    return quotes[~follows | (run[last] % 2 == 0)]


def _bounds(marks: "Marks", base: int) -> np.ndarray:
    """Where documents end in an array that lies `base` deep: commas, and the array's end."""
    commas = (marks.step == 0) & (marks.depth == base)
    return marks.places(commas | ((marks.step == -1) & (marks.depth == base - 1)))


def _first(places: np.ndarray, at: int) -> tuple[int, bool]:
    """The first place that is not before `at`, and whether there is one."""
    number = int(np.searchsorted(places, at))
    return (int(places[number]), True) if number < len(places) else (at, False)


def _array_in(document: bytes, marks: "Marks", begin: int) -> tuple[int, int]:
    """Where the array of an envelope begins and how deep it lies; depth 0: it is no envelope."""
    within = slice(*np.searchsorted(marks.at, [begin, begin + len(document)]))
    places, step, depth = marks.at[within], marks.step[within], marks.depth[within]
    for key, wanted in _ARRAYS:
        if key not in document:
            continue
        outer = places[(step == 1) & (depth == wanted - 1)]
        for place in places[(step == 1) & (depth == wanted)].tolist():
            above = int(outer[np.searchsorted(outer, place) - 1])
            named = _has_key(document, place - begin, key) and (
                wanted == 2 or _has_key(document, above - begin, key)
            )
            if named and document[place - begin : place - begin + 1] == b"[":
                return place, wanted
    return 0, 0


def _has_key(document: bytes, place: int, key: bytes) -> bool:
    before = document[max(0, place - _LONGEST_KEY) : place]
    return _KEY_BEFORE[key].search(before) is not None


def _is_text(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True
