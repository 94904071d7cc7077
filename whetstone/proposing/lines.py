"""A pattern for lines of free text: what stands before the message, column by column (pure).

The time is looked for first, then what follows it is taken apart from the left as long as (almost)
all lines agree: a level, something in brackets, numbers, a program or component with a colon. The
rest is the message.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from whetstone.proposing.clocks import CLOCKS, Clock

# Lines that do not fit a piece of the pattern become rejects: few may.
_AGREEMENT = 0.998
_SOME = 0.5
_TIME_WITHIN = 160
_MOST_WORDS = 4
_MOST_PIECES = 12
_LEVELS = (
    "trace|debug|verbose|info|information|notice|warn|warning|error|err|severe|critical|crit|fatal"
    "|alert|emerg|emergency|panic|failure|fine|finer|finest"
)
_MARKS = "|,;:=-()<>#/]"
_EXCEPTION = re.compile(r"\s|Caused by|\.\.\. |[\w.$]+(?:Exception|Error)\b|Traceback|\}|\{|$")


@dataclass(frozen=True)
class LinePattern:
    """A pattern with named groups; `time` and `message` among them, when there are such."""

    pattern: str
    clock: Clock | None
    record_start: str = ""


@dataclass(frozen=True)
class _Piece:
    """A piece of a pattern: how it reads a text's beginning, and the names that it needs.

    `written` is what stands in the pattern instead: wider, for what the sample did not show.
    """

    regex: str
    names: tuple[str, ...]
    last: bool = False
    written: str = ""


@dataclass
class _Names:
    """Group names, each given once."""

    given: Counter[str] = field(default_factory=Counter[str])

    def next(self, name: str) -> str:
        self.given[name] += 1
        count = self.given[name]
        return name if count == 1 else f"{name}_{count}"


_ENDS = r"(?=[\s|,;:\])-]|$)"
_PIECES: Sequence[_Piece] = (
    _Piece(rf"\[(?P<%s>(?i:{_LEVELS}))\]", ("level",), written=r"\[(?P<%s>[A-Za-z]+)\]"),
    _Piece(rf"(?P<%s>(?i:{_LEVELS})){_ENDS}", ("level",), written="(?P<%s>[A-Za-z]+)"),
    _Piece(r"\[(?P<%s>[^\[\]]*)\](?=[\s:|,-]|$)", ("part",)),
    _Piece(r"\[(?P<%s>[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\](?=\s|$)", ("part",)),
    _Piece(r'"(?P<%s>[^"]*)"', ("part",)),
    _Piece(r"(?P<%s>\d{1,3}(?:\.\d{1,3}){3})(?=[\s,|]|$)", ("address",)),
    _Piece(r"(?P<%s>[^\s\[\]:]+)\[(?P<%s>\d+)\]:(?=\s|$)", ("program", "pid"), last=True),
    _Piece(r"(?P<%s>-?\d+)(?=[\s|,;\]]|$)", ("number",)),
    _Piece(r"(?P<%s>[^\s:]+):(?=\s|$)", ("component",), last=True),
    _Piece(r"(?P<%s>\S+)(?= {2})", ("component",)),
)
_PROGRAM = _Piece(r"(?P<%s>[^\s\[\]:]+)(?:\[(?P<%s>\d+)\])?:(?=\s|$)", ("program", "pid"), True)
# What words before it may be skipped for; a number or a quote may stand in any message.
_TARGETS = (*_PIECES[:4], _PIECES[6], _PIECES[8], _PROGRAM)


def line_pattern(lines: Sequence[str], only_time: bool = False) -> LinePattern:
    """The pattern of some lines; the message alone when they have nothing in common.

    Args:
        lines: the lines.
        only_time: take nothing apart but the time and the rest.
    """
    clock, timed = _clock_of(lines)
    if clock is None:
        return LinePattern("^(?P<message>.*)$", None)
    names = _Names()
    names.next("time")
    names.next("message")
    before = [line[: found.start()] for line, found in timed]
    head = _head(before, names)
    whole = re.compile(rf"^{head}{clock.pattern}", re.ASCII)
    fitting = [line for line, _ in timed if whole.match(line)]
    starts = ""
    message = ".*"
    if len(timed) < _AGREEMENT * len(lines):
        starts, message = f"^{_without_names(head)}{clock.pattern}", "(?s:.*)"
    rests = [line[found.end() :] for line in fitting if (found := whole.match(line))]
    pieces = "" if only_time else _pieces(rests, names)
    pattern = f"^{head}(?P<time>{clock.pattern}){pieces}(?P<message>{message})$"
    return LinePattern(pattern, clock, starts)


def _clock_of(
    lines: Sequence[str],
) -> tuple[Clock | None, list[tuple[str, re.Match[str]]]]:
    """The clock that most lines have in front, and those lines with the place of the time."""
    best: tuple[Clock | None, list[tuple[str, re.Match[str]]]] = (None, [])
    for clock in CLOCKS:
        timed = [
            (line, found) for line in lines if (found := clock.regex.search(line[:_TIME_WITHIN]))
        ]
        agreed = len(timed) >= _AGREEMENT * len(lines)
        if not agreed and not (len(timed) >= _SOME * len(lines) and _is_multi_line(lines, timed)):
            continue
        if best[0] is None or (clock.distinct and _rank(timed) < _rank(best[1])):
            best = clock, timed
    return best


def _rank(timed: Sequence[tuple[str, re.Match[str]]]) -> tuple[int, int]:
    """The earlier in the line the better, then the more of the time is read."""
    places = sorted((found.start(), found.start() - found.end()) for _, found in timed)
    return places[len(places) // 2]


def _is_multi_line(lines: Sequence[str], timed: Sequence[tuple[str, re.Match[str]]]) -> bool:
    """Whether the lines without a time look like the rest of records such as stack traces."""
    without = set(lines) - {line for line, _ in timed}
    return sum(_EXCEPTION.match(line) is not None for line in without) > 0.8 * len(without)


def _head(before: Sequence[str], names: _Names) -> str:
    """What stands before the time: words, the same or not."""
    common = before[0]
    mark = (
        common[-1:] if common[-1:] in "[(<" and all(t[-1:] == common[-1:] for t in before) else ""
    )
    words = [text.removesuffix(mark).split(" ") for text in before]
    if len({len(each) for each in words}) > 1:
        return "(?:.*?[^\\w.:/-])?" if not mark else f".*?{_escaped(mark)}"
    columns = [set(column) for column in zip(*words, strict=True)]
    return " ".join(_word(column, names) for column in columns) + _escaped(mark)


def _word(column: set[str], names: _Names) -> str:
    """A column of words; what is the same in a sample need not be so in the next file."""
    only = next(iter(column))
    if len(column) == 1 and only != "-" and not re.search(r"\w", only):
        return _escaped(only)
    return f"(?P<{names.next('part')}>\\S*)"


def _pieces(rests: list[str], names: _Names) -> str:
    """The pieces after the time, as long as the lines agree."""
    total = len(rests)
    pattern = ""
    for _ in range(_MOST_PIECES):
        separator = _separator(rests, total)
        rests = _after(rests, separator)
        pattern += separator
        if separator.endswith("|") and (bar := _up_to_bar(rests, total)):
            piece: _Piece | None = bar
        else:
            piece = _piece(rests, total, separator)
        if piece is None:
            words = _words_before_a_piece(rests, total, separator, "level" in names.given)
            for _ in range(words):
                pattern += f"(?P<{names.next('word')}>\\S+) +"
                rests = _after(rests, r"\S+ +")
            piece = _piece(rests, total, " ") if words else None
        if piece is None:
            break
        pattern += (piece.written or _without_lookahead(piece.regex)) % tuple(
            map(names.next, piece.names)
        )
        rests = _after(rests, _anonymous(piece))
        if piece.last:
            separator = _separator(rests, total)
            pattern += separator
            break
    return pattern


def _separator(rests: Sequence[str], total: int) -> str:
    """What all lines have next between two pieces: marks and spaces."""
    pattern = ""
    while True:
        first = Counter(text[:1] for text in rests).most_common(1)
        mark, count = first[0] if first else ("", 0)
        if not mark or count < _AGREEMENT * total:
            return pattern
        if mark in " \t":
            space = "\t" if mark == "\t" else " "
            one = sum(re.match(rf"{space}(?!{space})", text) is not None for text in rests)
            step = f"{space}" if one == len(rests) else f"{space}+"
        elif mark in _MARKS and not _begins_a_word(rests, mark):
            step = _escaped(mark)
        else:
            return pattern
        pattern += step.replace("\t", "\\t")
        rests = _after(rests, step)


def _begins_a_word(rests: Sequence[str], mark: str) -> bool:
    """A minus before a number, a slash before a path: these belong to what follows."""
    return mark in "-/<(#" and any(text[1:2] not in (" ", "") for text in rests)


def _piece(rests: Sequence[str], total: int, separator: str) -> _Piece | None:
    for piece in (*_PIECES[:6], _PROGRAM, *_PIECES[6:]):
        if piece is _PROGRAM and not _fits(rests, total, _PIECES[6], share=0.01):
            continue
        if _fits(rests, total, piece):
            return piece
    return None


def _fits(rests: Sequence[str], total: int, piece: _Piece, share: float = _AGREEMENT) -> bool:
    regex = re.compile(_anonymous(piece), re.ASCII)
    return sum(regex.match(text) is not None for text in rests) >= share * total


def _up_to_bar(rests: Sequence[str], total: int) -> _Piece | None:
    piece = _Piece(r"(?P<%s>[^|]*)(?=\|)", ("part",))
    return piece if _fits(rests, total, piece) else None


def _words_before_a_piece(
    rests: Sequence[str], total: int, separator: str, after_level: bool
) -> int:
    """How many words stand before something that only a header has; 0 when it is not there."""
    if not separator.strip("+").endswith(" "):
        return 0
    # Behind the level the message may begin: a word in front of brackets or a colon at most.
    targets = [piece for piece in _TARGETS if not (after_level and "level" in piece.names)]
    for count in range(1, 2 if after_level else _MOST_WORDS + 1):
        rests = _after(rests, r"\S+ +")
        if len(rests) < _AGREEMENT * total:
            return 0
        if any(_fits(rests, total, target) for target in targets):
            return count
    return 0


def _after(rests: Sequence[str], regex: str) -> list[str]:
    compiled = re.compile(regex, re.ASCII)
    return [text[found.end() :] for text in rests if (found := compiled.match(text))]


def _anonymous(piece: _Piece) -> str:
    return piece.regex.replace("(?P<%s>", "(?:")


def _without_names(pattern: str) -> str:
    return re.sub(r"\(\?P<\w+>", "(?:", pattern)


def _without_lookahead(regex: str) -> str:
    """RE2 looks at what is there only by reading it; the pieces that follow do."""
    return re.sub(r"\(\?=.*\)$", "", regex)


def _escaped(text: str) -> str:
    return re.sub(r"([\\.+*?()\[\]{}|^$])", r"\\\1", text)
