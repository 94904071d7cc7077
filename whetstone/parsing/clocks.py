"""The times of syslog as SQL: years that are not written, zones that are not written (pure)."""

from collections.abc import Callable
from datetime import date, timedelta

from whetstone.sql import literal

# A clock ahead of ours, or a zone ahead of UTC, may be two days ahead of the day of landing.
_TOLERANCE = timedelta(days=2)


def utc(time: str, zone: str, day: str) -> str:
    """SQL that turns a syslog time into the text of a UTC timestamp.

    Args:
        time: SQL of the text: ISO 8601, or `Dec 10 06:55:46` with or without a year.
        zone: SQL of the IANA zone that a clock without one runs in.
        day: the day of landing, ISO. A time without a year is of the last year in which it is
            not after that day (and two more).
    """
    return (
        f"CAST(CASE WHEN {time} LIKE '____-%' THEN {_iso(time, zone)}"
        f" ELSE {_local(_traditional(time, day), zone)} END AS VARCHAR)"
    )


def _iso(time: str, zone: str) -> str:
    point = f"replace({time}, ',', '.')"
    return (
        f"CASE WHEN regexp_matches({time}, '(?:Z|[+-]\\d\\d:?\\d\\d)$')"
        f" THEN CAST(TRY_CAST({point} AS TIMESTAMPTZ) AS TIMESTAMP)"
        f" ELSE {_local(f'TRY_CAST({point} AS TIMESTAMP)', zone)} END"
    )


def _local(timestamp: str, zone: str) -> str:
    return (
        f"CASE WHEN {zone} = 'UTC' THEN {timestamp}"
        f" ELSE CAST(timezone({zone}, {timestamp}) AS TIMESTAMP) END"
    )


def _traditional(time: str, day: str) -> str:
    landed = date.fromisoformat(day)
    limit = f"TIMESTAMP {literal(f'{landed + _TOLERANCE} 00:00:00')}"

    def last(parsed: Callable[[str], str]) -> str:
        this_year, year_before = (
            parsed(f"{literal(f'{year} ')} || {single}") for year in (landed.year, landed.year - 1)
        )
        return f"CASE WHEN {this_year} < {limit} THEN {this_year} ELSE {year_before} END"

    single = f"replace({time}, '  ', ' ')"
    year_in_front = f"regexp_replace({single}, '^([A-Z][a-z]+ \\d+) (\\d{{4}}) ', '\\2 \\1 ')"
    # Only a year or a fraction makes it longer than `Dec 10 06:55:46`.
    return (
        f"CASE WHEN length({time}) <= 15 THEN {last(_parsed)}"
        f" WHEN regexp_matches({time}, '\\d{{4}} ') THEN {_parsed_to_the_fraction(year_in_front)}"
        f" ELSE {last(_parsed_to_the_fraction)} END"
    )


def _parsed(text: str) -> str:
    """`2026 Dec 10 06:55:46` as a timestamp."""
    return f"try_strptime({text}, '%Y %b %d %H:%M:%S')"


def _parsed_to_the_fraction(text: str) -> str:
    """The same, perhaps with a fraction; digits after the microseconds are cut off."""
    cut = f"regexp_replace(replace({text}, ',', '.'), '([.]\\d{{6}})\\d+$', '\\1')"
    return (
        f"CASE WHEN regexp_matches({text}, '[.,]')"
        f" THEN try_strptime({cut}, '%Y %b %d %H:%M:%S.%f') ELSE {_parsed(text)} END"
    )
