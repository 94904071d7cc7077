"""How times are written, and the expression that reads each way (pure)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

ZONE, DAY = "@time_zone", "@day"
_DATE = r"\d{4}-\d\d-\d\d"
_TIME = r"\d\d:\d\d:\d\d"
_ZONE_TEXT = r" ?(?:Z|[+-]\d\d(?::?\d\d)?)"
_MONTH = _WEEKDAY = "[A-Z][a-z]{2}"


@dataclass(frozen=True)
class Clock:
    """One way to write a time.

    Attributes:
        pattern: RE2 of the text; it captures nothing.
        definition: SQL that reads it, `$1`; what it needs beside it is `$2` ...
        needs: those raw fields.
        distinct: no other text looks like this; numbers do.
    """

    pattern: str
    definition: str
    needs: tuple[str, ...] = ()
    distinct: bool = True

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern for Python, where it stands alone in a text."""
        return re.compile(rf"(?<![\w.:/-]){self.pattern}(?![\w.])", re.ASCII)

    def reads(self, text: str) -> bool:
        """Whether a text looks like this."""
        return re.fullmatch(self.pattern, text, re.ASCII) is not None


def _local(expression: str) -> str:
    return f"{expression} AT TIME ZONE $2"


def _strptime(pattern: str, *formats: str) -> Clock:
    """A clock without a zone: the environment's."""
    tries = [f"try_strptime($1, '{form}')" for form in formats]
    value = tries[0] if len(tries) == 1 else f"coalesce({', '.join(tries)})"
    return Clock(pattern, _local(value), (ZONE,))


def _this_or_last_year(form: str) -> str:
    this = f"try_strptime(left($2, 4) || ' ' || $1, '%Y {form}')"
    last = f"try_strptime((CAST(left($2, 4) AS INTEGER) - 1) || ' ' || $1, '%Y {form}')"
    ahead = "CAST($2 AS DATE) + INTERVAL 2 DAY"
    return f"(CASE WHEN {this} < {ahead} THEN {this} ELSE {last} END) AT TIME ZONE $3"


CLOCKS: Sequence[Clock] = (
    Clock(rf"{_DATE}[T ]{_TIME}(?:\.\d{{1,9}})?{_ZONE_TEXT}", "CAST($1 AS TIMESTAMPTZ)"),
    Clock(
        rf"{_DATE}[T ]{_TIME},\d{{1,9}}{_ZONE_TEXT}", "CAST(replace($1, ',', '.') AS TIMESTAMPTZ)"
    ),
    Clock(rf"{_DATE}[T ]{_TIME}(?:\.\d{{1,9}})?", _local("CAST($1 AS TIMESTAMP)"), (ZONE,)),
    Clock(
        rf"{_DATE}[T ]{_TIME},\d{{1,9}}",
        _local("CAST(replace($1, ',', '.') AS TIMESTAMP)"),
        (ZONE,),
    ),
    Clock(
        rf"\d{{1,2}}/{_MONTH}/\d{{4}}:{_TIME} [+-]\d{{4}}",
        "try_strptime($1, '%d/%b/%Y:%H:%M:%S %z')",
    ),
    _strptime(
        rf"{_WEEKDAY} {_MONTH} [ \d]\d {_TIME}(?:\.\d{{1,6}})? \d{{4}}",
        "%a %b %d %H:%M:%S %Y",
        "%a %b %d %H:%M:%S.%f %Y",
    ),
    _strptime(rf"{_MONTH} +\d{{1,2}} \d{{4}} {_TIME}", "%b %d %Y %H:%M:%S"),
    _strptime(rf"\d{{4}} {_MONTH} +\d{{1,2}} {_TIME}", "%Y %b %d %H:%M:%S"),
    Clock(rf"{_MONTH} +\d{{1,2}} {_TIME}", _this_or_last_year("%b %d %H:%M:%S"), (DAY, ZONE)),
    _strptime(
        rf"\d{{4}}/\d\d/\d\d {_TIME}(?:\.\d{{1,6}})?", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f"
    ),
    _strptime(rf"\d{{4}}\.\d\d\.\d\d {_TIME}", "%Y.%m.%d %H:%M:%S"),
    _strptime(r"\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d{1,6}", "%Y-%m-%d-%H.%M.%S.%f"),
    _strptime(rf"\d\d/\d\d/\d{{4}} {_TIME}", "%m/%d/%Y %H:%M:%S"),
    _strptime(rf"\d\d/\d\d/\d{{4}} {_TIME}", "%d/%m/%Y %H:%M:%S"),
    _strptime(r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d [AP]M", "%m/%d/%Y %I:%M:%S %p"),
    _strptime(rf"\d\d\.\d\d\.\d{{4}} {_TIME}", "%d.%m.%Y %H:%M:%S"),
    _strptime(r"\d{8}-\d{1,2}:\d{1,2}:\d{1,2}:\d{1,3}", "%Y%m%d-%H:%M:%S:%g"),
    _strptime(r"\d{8}T\d{6}", "%Y%m%dT%H%M%S"),
    Clock(r"\d{8}T\d{6}Z", "try_strptime($1, '%Y%m%dT%H%M%SZ')"),
    _strptime(r"\d{6} \d{6}", "%y%m%d %H%M%S"),
    Clock(
        r"audit\(\d{10}\.\d{3}:\d+\):?",
        r"to_timestamp(CAST(regexp_extract($1, '\d+\.\d+') AS DOUBLE))",
    ),
    Clock(r"1\d{9}(?:\.\d{1,9})?", "to_timestamp(CAST($1 AS DOUBLE))", distinct=False),
    Clock(r"1\d{12}", "epoch_ms(CAST($1 AS BIGINT))", distinct=False),
    Clock(r"1\d{15}", "make_timestamp(CAST($1 AS BIGINT))", distinct=False),
    Clock(r"1\d{18}", "make_timestamp(CAST($1 AS BIGINT) // 1000)", distinct=False),
)
# What some formats give is read as it is.
READY = Clock("", "$1")
SECONDS = Clock("", "to_timestamp(CAST($1 AS DOUBLE))")
# When all else fails, a record is of the day that its file landed on.
NO_CLOCK = Clock("", "CAST($1 AS TIMESTAMP)", distinct=False)


def clocks_of(values: Sequence[str]) -> list[Clock]:
    """The ways that all of the values are written in, the likeliest first."""
    return [clock for clock in CLOCKS if values and all(map(clock.reads, values))]
