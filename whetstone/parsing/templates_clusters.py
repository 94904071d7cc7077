"""Which masked messages are one template: found by comparison (pure).

Only distinct masked messages come here. Words are constant until there is evidence that they vary:
two messages that differ in one word are rather two events (`state is up`, `state is down`).
Evidence is: a list that is longer elsewhere; words that differ in nothing but digits; another
dotted name, quoted text or value of a key in the same place; the same place masked in another
message (a user called `user700` beside one called `ada`), or after the same words; many words in
one place.

The result depends on the set of messages alone, not on their order or number.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

from whetstone.parsing.templates_masks import DELIMITERS, VARIABLE

_MANY = 8
_ENOUGH_WORDS = 2
# Hostile messages may have any number of different ones in one place.
_COMPARED = 100
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[\w.-]+([,;:]?)")
_DIGITS = re.compile(r"\d+")
_PIECES = re.compile(rf"([{DELIMITERS}/])")
_TOKEN = re.compile(rf"[^{DELIMITERS}/]*<\*>[^{DELIMITERS}/]*")
_NEIGHBOURS = re.compile(r"<\*>(?:\.?<\*>)+")
_NAME = re.compile(r"\.?\b[A-Za-z_][\w$]*(?:\.(?:[A-Za-z_$][\w$]*|<\*>)){2,}")
# Quoted text, the value of a key, a dotted name: the parts of a message that are values by form.
_PLAIN = r"""[^\s,;:=|"'\[\](){}<>]"""
_VALUE = re.compile(
    r"""(?<!\w)"[^"]*"|(?<!\w)'[^']*'(?!\w)|"""
    rf"=(?:<\*>|{_PLAIN}*{{[^{{}}]*}}|{_PLAIN}+)|{_NAME.pattern}"
)
_REPEATED = (
    (re.compile(r"(\S*<\*>\S*)(?: \1)+(?=\s|$)"), r"\1"),
    (re.compile(r"<\*>(?:, ?<\*>)+"), VARIABLE),
    (re.compile(r"((?:\S*<\*>\S*)(?: \S+){1,3})(?: \1)+(?=\s|$)"), r"\1"),
)

_Chunks = tuple[str, ...]
# A message without the chunk at one position.
_Rest = tuple[_Chunks, _Chunks]


def cluster(masked: Iterable[str]) -> dict[str, str]:
    """The template of each distinct masked message."""
    found = {message: message for message in masked}
    _varying_lists(found)
    _varying_digits(found)
    _varying_values(found)
    _varying_chunks(found)
    return found


def without_repetition(text: str) -> str:
    """A masked message with each list reduced to one element."""
    for pattern, replacement in _REPEATED:
        text = pattern.sub(replacement, text)
    return text


def covers(wide: str, chunk: str) -> bool:
    """Whether a chunk of a template, with or without a variable, stands for a message's chunk."""
    if wide == chunk:
        return True
    head, variable, tail = wide.partition(VARIABLE)
    fits = chunk.startswith(head) and chunk.endswith(tail)
    return bool(variable) and fits and len(chunk) >= len(head) + len(tail) and VARIABLE not in tail


def constant_words(chunks: Sequence[str]) -> list[tuple[int, str]]:
    """The chunks with letters and without a variable, with their places."""
    return [(place, chunk) for place, chunk in enumerate(chunks) if _is_constant_word(chunk)]


def specific(text: str) -> tuple[int, str]:
    """Sorts the template or chunk with the most constant text first; unambiguous."""
    return -len(text.replace(VARIABLE, "")), text


def _varying_lists(found: dict[str, str]) -> None:
    _regroup(found, without_repetition, lambda rest, _: rest)


def _varying_digits(found: dict[str, str]) -> None:
    _regroup(found, lambda text: _DIGITS.sub("0", text), _with_varying_pieces)


def _varying_values(found: dict[str, str]) -> None:
    _regroup(found, lambda text: _VALUE.sub("\0", text), _with_varying_values)


def _varying_chunks(found: dict[str, str]) -> None:
    while merged := _merged_in_one_chunk(set(found.values())):
        for message, template in found.items():
            found[message] = merged.get(template, template)


def _regroup(
    found: dict[str, str],
    key: Callable[[str], str],
    merge: Callable[[str, list[str]], str],
) -> None:
    """Give templates with equal keys one text."""
    groups: dict[str, list[str]] = defaultdict(list)
    for template in sorted(set(found.values())):
        groups[key(template)].append(template)
    merged = {
        template: merge(shared, group)
        for shared, group in groups.items()
        if len(group) > 1
        for template in group
    }
    for message, template in found.items():
        found[message] = merged.get(template, template)


def _with_varying_pieces(_: str, texts: Sequence[str]) -> str:
    columns = zip(*(_PIECES.split(text) for text in texts), strict=True)
    return _tidy("".join(c[0] if len(set(c)) == 1 else VARIABLE for c in columns))


def _with_varying_values(shared: str, texts: Sequence[str]) -> str:
    columns = zip(*(_VALUE.findall(text) for text in texts), strict=True)
    values = [c[0] if len(set(c)) == 1 else _any_value(c) for c in columns]
    between = shared.split("\0")
    return _tidy(between[0] + "".join(map("".join, zip(values, between[1:], strict=True))))


def _any_value(values: Sequence[str]) -> str:
    """What stands for different values in one place."""
    (first, *others) = {value[0] for value in values}
    if others or _NAME.fullmatch(values[0]):
        return _common_name(values)
    return f"={VARIABLE}" if first == "=" else f"{first}{VARIABLE}{first}"


def _common_name(names: Sequence[str]) -> str:
    """Dotted names up to where they part."""
    columns = zip(*(name.split(".")[:-1] for name in names), strict=False)
    common = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]
    return ".".join([*common, VARIABLE])


def _tidy(text: str) -> str:
    return _NEIGHBOURS.sub(VARIABLE, _TOKEN.sub(VARIABLE, text))


def _merged_in_one_chunk(templates: set[str]) -> dict[str, str]:
    """New texts of templates that differ from others in one chunk that is known to vary."""
    groups: dict[_Rest, set[str]] = defaultdict(set)
    variable: dict[_Rest, set[str]] = defaultdict(set)
    split = {text: tuple(text.split(" ")) for text in sorted(templates)}
    for chunks in split.values():
        for at, chunk in enumerate(chunks):
            if _says_enough(chunks, at):
                rest = _rest(chunks, at)
                groups[rest].add(chunk)
                if VARIABLE in chunk:
                    variable[rest].add(chunk)
    after, between = _places_of_variables(split.values())
    merged: dict[str, str] = {}
    for text, chunks in split.items():
        for at, chunk in enumerate(chunks):
            rest = _rest(chunks, at)
            others = groups.get(rest, set[str]())
            many = at > 0 and len(others) >= _MANY
            word = _WORD.fullmatch(chunk)
            wider = None
            if many and VARIABLE in chunk:
                wider = VARIABLE
            elif covering := _wider(chunk, variable.get(rest, set[str]())):
                wider = covering
            elif word and at:
                before = chunks[max(at - 2, 0) : at]
                known = len(others) > 1 and before in after
                if known or many or (*before, *chunks[at + 1 : at + 2]) in between:
                    wider = VARIABLE + word[1]
            if wider is not None and wider != chunk:
                merged[text] = " ".join((*chunks[:at], wider, *chunks[at + 1 :]))
                break
    return merged


def _wider(chunk: str, variable: set[str]) -> str | None:
    """The widest of the other chunks with variables that covers this one."""
    others = variable if len(variable) <= _COMPARED else variable & {VARIABLE}
    covering = [other for other in others if other != chunk and covers(other, chunk)]
    return max(covering, key=specific, default=None)


def _places_of_variables(
    messages: Iterable[_Chunks],
) -> tuple[set[_Chunks], set[_Chunks]]:
    """The two words before variables; and those with the word behind."""
    after: set[_Chunks] = set()
    between: set[_Chunks] = set()
    for chunks in messages:
        for at, chunk in enumerate(chunks):
            before = chunks[at - 2 : at]
            if chunk == VARIABLE and at > 1 and all(_is_constant_word(word) for word in before):
                after.add(before)
                between.add((*before, *chunks[at + 1 : at + 2]))
    return after, between


def _rest(chunks: _Chunks, at: int) -> _Rest:
    return chunks[:at], chunks[at + 1 :]


def _says_enough(chunks: _Chunks, at: int) -> bool:
    """Whether two words at least stay when one is taken away."""
    return sum(place != at for place, _ in constant_words(chunks)) >= _ENOUGH_WORDS


def _is_constant_word(chunk: str) -> bool:
    return VARIABLE not in chunk and _LETTER.search(chunk) is not None
