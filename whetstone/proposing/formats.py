"""Which formats a file may be in, judged by its first lines: the likeliest first (pure)."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, cast

from whetstone.catalog.catalog_pb2 import (
    CEF,
    CSV,
    JSON,
    KEY_VALUE,
    LEEF,
    LINE,
    SYSLOG,
    TSV,
    ZEEK,
    Source,
)
from whetstone.proposing.lines import line_pattern

_MOST = 0.9
_FEW = 0.01
_MOST_KEYS = 60
_FIELDS_OF_A_TABLE = 3
_PAIRS_OF_A_LINE = 3
# Access logs as NCSA's httpd, Apache and nginx write them.
ACCESS_LOG = (
    r"^(?P<client>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\]"
    r' "(?:(?P<method>[A-Z]+) )?(?P<url>[^"\\]*?(?:\\.[^"\\]*?)*)'
    r'(?: (?P<http_version>HTTP/[\d.]+))?"'
    r" (?P<status>\d{3}|-) (?P<bytes>\d+|-)"
    r'(?: "(?P<referrer>[^"\\]*(?:\\.[^"\\]*)*)" "(?P<user_agent>[^"\\]*(?:\\.[^"\\]*)*)")?'
    r"(?P<rest>.*)$"
)
_SYSLOG = re.compile(
    r"(?:<\d{1,3}>)?(?:\d{1,2} )?"
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) \S+"
    r" (?:[^\s:\[]+(?:\[[^\]]*\])?:|\S+ \S+ \S+ )",
    re.ASCII,
)
_PAIR = re.compile(r"""(?:^|\s)([\w@][\w@./-]*)=(?:"[^"]*"|'[^']*'|\S*)""")
_CEF_KEY = re.compile(r"(?:^|\s)([\w.\[\]-]+)=")


def possible_formats(lines: Sequence[str]) -> Iterator[Source]:
    """Sources without fields: a format, and what it takes to split records.

    Args:
        lines: the first lines of a file, none of them empty.
    """
    if any(line.startswith("#fields\t") for line in lines[:20]):
        yield Source(format=ZEEK)
    if lines[0].lstrip()[:1] in ("{", "["):
        first = _object(lines[0])
        if "ts" in first and any("." in key for key in first):
            yield Source(format=ZEEK)
        yield Source(format=JSON)
    if _share(lines, "CEF:"):
        yield Source(format=CEF)
    if _share(lines, "LEEF:"):
        yield Source(format=LEEF)
    access = re.compile(ACCESS_LOG, re.ASCII)
    if sum(access.match(line) is not None for line in lines) >= _MOST * len(lines):
        yield Source(format=LINE, pattern=ACCESS_LOG)
    for separator, form in (("\t", TSV), (",", CSV)):
        if _is_table(lines, separator):
            header = _is_header(lines[0].split(separator), lines[1:], separator)
            yield Source(format=form, header=header)
    if sum(len(_PAIR.findall(line)) >= _PAIRS_OF_A_LINE for line in lines) >= _MOST * len(lines):
        yield Source(format=KEY_VALUE)
    if sum(_SYSLOG.match(line) is not None for line in lines) >= _MOST * len(lines):
        yield Source(format=SYSLOG)
    for only_time in (False, True):
        found = line_pattern(lines, only_time)
        yield Source(format=LINE, pattern=found.pattern, record_start=found.record_start)
    yield Source(format=LINE, pattern="^(?P<message>.*)$")


def keys_of(source: Source, records: Sequence[str], header: str | None) -> list[str]:
    """The raw fields that records have, in the order in which they occur.

    Args:
        source: its format.
        records: some records.
        header: the names of the columns, for formats that have a line of them.
    """
    if source.format == JSON:
        return _frequent([list(_paths(_object(record))) for record in records], len(records))
    if source.format == ZEEK and header is None:
        return _frequent([list(_object(record)) for record in records], len(records))
    if source.format in (ZEEK, CSV, TSV):
        separator = "," if source.format == CSV else "\t"
        if header is not None:
            return header.split(separator)
        return [str(n + 1) for n in range(_width(records, separator))]
    if source.format == KEY_VALUE:
        return _frequent([_PAIR.findall(record) for record in records], len(records))
    pairs = [_CEF_KEY.findall(record.rpartition("|")[2]) for record in records]
    return _frequent(pairs, len(records))


def _frequent(found: Sequence[Sequence[str]], records: int) -> list[str]:
    """Keys that more than a few records have; of very many only the most frequent."""
    counts = Counter(key for keys in found for key in dict.fromkeys(keys))
    kept = {key for key, count in counts.most_common(_MOST_KEYS) if count >= _FEW * records}
    return [key for key in counts if key in kept]


def _paths(value: dict[str, Any], before: tuple[str, ...] = ()) -> Iterator[str]:
    for key, inner in value.items():
        path = (*before, key)
        if isinstance(inner, dict) and inner:
            yield from _paths(cast(dict[str, Any], inner), path)
        elif inner is not None:
            yield _raw_path(path)


def _raw_path(path: Sequence[str]) -> str:
    """As `index` names it: `flow.bytes`; a key with dots or a mark in front is quoted."""
    if all(re.fullmatch(r"\w+", key, re.ASCII) for key in path):
        return ".".join(path)
    quoted = ('."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in path)
    return "$" + "".join(quoted)


def _object(text: str) -> dict[str, Any]:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _share(lines: Sequence[str], mark: str) -> bool:
    return sum(mark in line for line in lines) >= _MOST * len(lines)


def _is_table(lines: Sequence[str], separator: str) -> bool:
    counts = Counter(_cells(line, separator) for line in lines)
    cells, count = counts.most_common(1)[0]
    return cells >= _FIELDS_OF_A_TABLE and count >= _MOST * len(lines)


def _cells(line: str, separator: str) -> int:
    """The number of cells; separators between quotes are no separators."""
    return re.sub(r'"[^"]*"', "", line).count(separator) + 1


def _width(records: Sequence[str], separator: str) -> int:
    widths = Counter(_cells(record, separator) for record in records)
    return widths.most_common(1)[0][0]


def _is_header(names: Sequence[str], lines: Sequence[str], separator: str) -> bool:
    """Names are words, each once, and no value of the lines below is one of them."""
    words = [name.strip().strip('"') for name in names]
    if len(set(words)) != len(words) or not all(re.match(r"[A-Za-z_]", word) for word in words):
        return False
    below = [line.split(separator) for line in lines[:50]]
    return not any(
        cell == words[n] for cells in below for n, cell in enumerate(cells[: len(words)])
    )
