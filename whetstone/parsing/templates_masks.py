"""Masking: a message without what varies, as DuckDB SQL (pure).

Two stages with one meaning. The key of a message has no numbers: one expression without groups over
all messages, so that RE2 stays in its automaton. The mask has no names, paths and the like either;
it is computed of the distinct keys only, of which millions of messages have a few hundred. No rule
is about one kind of log.

The conventions follow the corrected ground truth of LogHub (Khan et al., ICSE 2022): a token that
is variable in part is variable, so are numbers, paths, booleans and neighbouring variables
together. Constants with one or two digits in a word, such as `ssh2` or `L3`, stay; whether they
vary is seen by comparison (`whetstone.parsing.templates_clusters`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from whetstone.sql import literal

VARIABLE = "<*>"
DELIMITERS = r"""\s,!;:=|"'\[\](){}.\-+@#$%&"""
"""What ends a token, as the inside of a character class."""

_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DOMAIN = "(?:com|org|net|edu|gov|mil|info|biz|local|lan)"
_UNIT = "(?:ns|us|ms|s|secs?|seconds?|mins?|minutes?|hours?|days?|bytes|[KMGTP]?i?B)"
_BEFORE = r"""(^|[\s,;:=|"'\[({<>@#])"""
_IN_PATH = r"""[^\s,;:"'\[\]()=|]"""
_START_OF_PATH = r"""[^\s,;:"'\[\]()=|/<\d]"""

_DIGITS = (
    # 2005-06-03T15:42:50.363Z
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?",
    # 10.1.2.3:50010, /10.1.2.3, host/10.1.2.3:80
    r"[\w.-]*/\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?",
    r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?",
    # 15:42:50.36, fe80::f6d4:88ff, 00:0d:60:ea:e0:8d, 02:31
    r"\b[0-9a-fA-F]{1,4}(?:::?[0-9a-fA-F]{1,4}){2,}(?:[.,]\d+)?\b",
    r"\b\d{1,2}:\d\d\b",
    # <1 sec, 93.0 KB: the unit was chosen with the number
    rf"[<>]\d+(?:\.\d+)? ?{_UNIT}\b",
    r"\b\d+\.\d+ [KMGTP]?i?B\b",
    # b9000564-fe1a-409b-b8cc-1e88b294cd1d
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b",
    # R25-M1-N2, 2005-06-03
    r"\b[A-Za-z]*\d\w*(?:-\w*\d\w*)+",
    # 0.25, v6.1.7601, 2.6.5-1.358
    r"\bv?\d+\.\d+[\w.+~-]*",
    # 17, 0x7fed, 30ms, 04DF80A7
    r"\b\d\w*",
    # blk_-38865, task_0020_m_000001, bglio716
    r"\b\w*(?:\d{3}|_-\d|\d[A-Za-z_]+\d)\w*",
    r"\b[0-9a-fA-F]{8,}\b",
)

_OTHERS = (
    (r"\s+", " "),
    # Fri Jun 17 07:07:00 PDT 2005
    (rf"\b(?:{_DAY},? )?{_MONTH} <\*> <\*>(?: [A-Z]{{3,4}})?(?: <\*>)?", VARIABLE),
    # "GET /index.html HTTP/1.1": the method stays
    (r"/\S* HTTP/<\*>", VARIABLE),
    # URLs that vary; one without digits is rather the text's own
    (r"""\b[a-z][a-z0-9+.-]*://[^\s,;"'\])}]*<\*>[^\s,;"'\])}]*""", VARIABLE),
    (r"[\w.+<*>-]+@[\w-]+(?:\.[\w-]+)+", VARIABLE),
    # Names of hosts, with port
    (
        rf"(?:<\*>|\w)[\w<*>-]*(?:(?:\.[\w<*>-]+)+\.[a-z]{{2}}|(?:\.[\w<*>-]+)*\.{_DOMAIN})"
        r"""(?::<\*>)?(\.?(?:$|[\s,;:"'\])}>]))""",
        VARIABLE + r"\1",
    ),
    (r"\b[A-Za-z][\w.]*-[\w.<*>-]*:<\*>", VARIABLE),
    # /etc/passwd, ./run, ~/x, Windows/System32/config
    (
        _BEFORE + r"(?:(?:~|\.{1,2})?/"
        rf"{_IN_PATH[:-1]}/]{_IN_PATH}*|{_START_OF_PATH}{_IN_PATH[:-1]}/]*/{_IN_PATH}*/"
        rf"{_IN_PATH}*)",
        r"\1" + VARIABLE,
    ),
    # C:\Windows\x, \\host\share
    (r"""(?:\b[A-Za-z]:|\\)\\[^\s,;"'\])}]*""", VARIABLE),
    # The sign of a number
    (r"([:=(\[,\s])[-+]<\*>", r"\1" + VARIABLE),
    # What shares a token with a variable
    (rf"[^{DELIMITERS}/]*<\*>[^{DELIMITERS}/]*", VARIABLE),
    (
        rf"(^|[{DELIMITERS}])(?:[Tt]rue|TRUE|[Ff]alse|FALSE|[Nn]ull|NULL|[Rr]oot|ROOT|[Aa]dmin)\b",
        r"\1" + VARIABLE,
    ),
    (r"<\*>(?:\.?<\*>)+", VARIABLE),
)


@dataclass(frozen=True)
class Masking:
    """The patterns of both stages, RE2. A dictionary carries those that it was mined with.

    Attributes:
        digits: what the key has a variable for, first match first.
        others: patterns and replacements that make the key the mask, in order.
    """

    digits: Sequence[str]
    others: Sequence[tuple[str, str]]

    @property
    def version(self) -> str:
        """Hash of the patterns."""
        return hashlib.sha256(repr((self.digits, self.others)).encode()).hexdigest()[:16]

    def key_sql(self, message: str) -> str:
        """SQL of the key of a message: equal keys have equal masks."""
        return f"regexp_replace({message}, {literal('|'.join(self.digits))}, '{VARIABLE}', 'g')"

    def mask_sql(self, key: str) -> str:
        """SQL of the mask of a key."""
        for pattern, replacement in self.others:
            key = f"regexp_replace({key}, {literal(pattern)}, {literal(replacement)}, 'g')"
        return f"trim({key}, ' ')"


MASKING = Masking(_DIGITS, _OTHERS)
"""What messages are masked by when a dictionary is begun."""
