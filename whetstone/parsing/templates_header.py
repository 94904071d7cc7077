"""Headers of log lines whose source nobody has defined: where the message begins (pure).

A header is found by its columns, not by the name of a system: times, numbers, a level, something
in brackets, the component. A column belongs to it when nearly all lines of a sample have it.
"""

import re
from collections.abc import Sequence

_SAMPLE = 2000
_NEARLY_ALL = 0.95
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d{1,2}:\d{1,2}:\d{1,2}(?:[.,:]\d+)?"
_TIME = "|".join(
    (
        rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?{_MONTH} +\d+ {_CLOCK}(?: \d{{4}})?",
        # ISO and its relatives, with or without a year
        rf"(?:\d{{2,4}}[-./])?\d{{1,2}}[-./]\d{{1,2}}[ T_-]{_CLOCK}(?:Z| ?[+-]\d\d:?\d\d)?",
        r"\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d+",
        rf"\d{{8}}[- ]{_CLOCK}",
        rf"\d{{1,2}}/{_MONTH}/\d{{4}}:{_CLOCK}(?: [+-]\d{{4}})?",
        r"\d{6} \d{6}",
        # Seconds of this century's first decades
        r"1[0-9]{9}(?:\.\d+)?",
    )
)
_LOUD_LEVEL = (
    "(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|FAILURE|FATAL|CRITICAL|ALERT|EMERG)"
)
_LEVEL = rf"(?:(?i:{_LOUD_LEVEL}|crit)|[VDIWEF])"
_BRACKETS = r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]"

_TO_TIME = re.compile(rf"(?:\S+ +){{0,4}}?\[?(?:{_TIME})\]?[\s,|:]*")
_AGAIN = re.compile(rf"(?:\S+ +){{0,2}}?(?:{_TIME})[\s,|:]*")
_SYSLOG = re.compile(
    r"\S+ +[^\s:\[\]]+(?: [^\s:\[\]]+){0,2}(?:\[\d+\])?"
    r"(?: \([^()]*(?:\([^()]*\))?[^()]*\))?:(?:\s+|$)"
)
_PIPE = re.compile(r"[^|\s]*\|")
_NUMBER = re.compile(r"\d+\s+")
_LEVEL_FIRST = re.compile(rf"\[?{_LEVEL}\]?(?:[\s,:|]+|$)")
_LEVEL_LATER = re.compile(rf"(?:[^\s\[\]]*[^\s\[\]:,] +){{1,3}}?\[?{_LOUD_LEVEL}\]?(?:[\s,:|]+|$)")
_COMPONENT_IN_FRONT = re.compile(rf"[\w.$/-]+ +{_BRACKETS}\s*")
_BRACKET = re.compile(rf"{_BRACKETS}\s*")
_DASH = re.compile(r"- +")
_PADDED = re.compile(r"\S+ {2,}")
_COMPONENT = re.compile(r"[^\s:]+(?: ?\(\S*\))?(?:\[\d+\])?\s*:(?:\s+|$)")
_PROGRAM = re.compile(r"[^\s-](?:[^-:]|-\S){0,40}? - ")


def messages(lines: Sequence[str]) -> list[str]:
    """The lines without the header that they share; whole where they share none."""
    steps = _header([line for line in lines[:_SAMPLE] if line])
    return [_without(line, steps) for line in lines]


def _header(lines: Sequence[str]) -> list[re.Pattern[str]]:
    """The columns in front of the message."""
    steps: list[re.Pattern[str]] = []
    rest = list(lines)

    def take(column: re.Pattern[str]) -> bool:
        nonlocal rest
        found = [column.match(line) for line in rest]
        if not rest or sum(match is not None for match in found) < _NEARLY_ALL * len(rest):
            return False
        steps.append(column)
        rest = [
            line[match.end() :] if match else line for line, match in zip(rest, found, strict=True)
        ]
        return True

    if not take(_TO_TIME):
        return []
    while take(_AGAIN):
        pass
    if not take(_SYSLOG):
        while take(_PIPE) or take(_NUMBER):
            pass
        take(_DASH)
        if take(_LEVEL_FIRST) or take(_LEVEL_LATER):
            _ = take(_COMPONENT_IN_FRONT) or take(_BRACKET)
            take(_DASH)
        _ = take(_PADDED) or take(_COMPONENT) or take(_PROGRAM)
    return steps


def _without(line: str, steps: Sequence[re.Pattern[str]]) -> str:
    for step in steps:
        if match := step.match(line):
            line = line[match.end() :]
    return line
