"""How a record of each format becomes raw fields, as SQL (pure).

The SQL reads the columns `_line`, `_header` and `_zone` of a record. It keeps to functions that
every engine has; patterns are RE2, written so that an engine that backtracks need not: no two
ways to match the same text.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from whetstone.catalog import catalog_pb2 as pb
from whetstone.catalog.patterns import capturing_only, certain_group, group_names
from whetstone.catalog.rawfields import PREFIX, PREFIX_FIELDS, SYSLOG
from whetstone.parsing.clocks import utc
from whetstone.sql import identifier, json_path, literal

_CEF = ("device_vendor", "device_product", "device_version", "signature_id", "name", "severity")
_LEEF = ("vendor", "product", "product_version", "event_id")

# No group of this name can be written in a pattern.
_WHOLE = "whole record"
_TAB = "chr(9)"
# Between pairs and between a key and its value; texts that hold them lose them.
_PAIR, _EQUALS = "\x1e", "\x1f"
_BACKSLASH = "\\"
_OCCURRENCE = re.compile(r"(.+)\[([1-9])\]")

_QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_CSV_QUOTED = '"[^"]*(?:""[^"]*)*"'
_ISO_CLOCK = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_CLOCK = (
    r"(?:\d{4} )?[A-Z][a-z]{2} +\d{1,2}(?: \d{4})? \d\d:\d\d:\d\d(?:[.,]\d+)?"
    rf"|{_ISO_CLOCK}"
)
# The groups of both are those of SYSLOG. A program that writes its file itself may leave the host
# out: `Mar  1 09:12:44 dnsmasq[812]: ...`.
_RFC_3164 = (
    rf"(?s)^(?:<(\d{{1,3}})>)?({_CLOCK}) (?:(\S*[^\s:]) )?"
    r"(?:([^\s\[:]+)(?:\[([^\]\s]*)\])?: ?)?()()(.*)$"
)
_RFC_5424 = (
    r"(?s)^<(\d{1,3})>\d{1,2} (\S+) (\S+) (\S+) (\S+) (\S+)"
    r' (-|(?:\[[^\]"]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^\]"]*)*\])+)(?: (?:\x{FEFF})?(.*))?$'
)
_KEY = r"[\pL\pN_@][\pL\pN_@./-]*"
_WORD = r"[^\s\x1d]"
# A word, a quoted text or a pair, from left to right: nothing within quotes is looked into.
_TOKEN = rf"(?s)(?:^|[\s\x1d]+)(?:({_KEY})=({_QUOTED}|'[^']*'|{_WORD}*)|{_QUOTED}|{_WORD}+)"
_HEADER_PART = r"([^|\\]*(?:\\.[^|\\]*)*)"
_CEF_RECORD = r"(?s)^([^|]*?)CEF: ?(\d+(?:\.\d+)?)" + rf"\|{_HEADER_PART}" * 6 + r"(?:\|(.*))?$"
_LEEF_RECORD = (
    r"(?s)^([^|]*?)LEEF: ?(\d+(?:\.\d+)?)"
    + rf"\|{_HEADER_PART}" * 4
    + r"(?:\|(?:(0?x[0-9A-Fa-f]{1,4}|[^|=]?)\|)?(.*))?$"
)


@dataclass(frozen=True)
class Split:
    """How a record becomes raw fields.

    Attributes:
        stages: columns to compute, each stage upon those before it.
        mismatch: SQL of the reason why the record is not of the format; NULL when it is.
        found: SQL of a raw field, by its name, as it stands in the record.
        cleaned: SQL of the same without quotes and escapes, given its name and the SQL of a column
            that holds it. NULL where it is empty or not there.
        late: columns that only records have which the source accepts; `accept` reads none.
    """

    stages: Sequence[Mapping[str, str]]
    mismatch: str
    found: Callable[[str], str]
    cleaned: Callable[[str, str], str]
    late: Mapping[str, str] | None = None

    def field(self, name: str) -> str:
        """SQL of a raw field in one piece."""
        return self.cleaned(name, self.found(name))


def split(source: pb.Source, raw: Sequence[str], day: str) -> Split:
    """How records of a source are split, given the raw fields that it uses."""
    match source.format:
        case pb.LINE:
            return _line(source.pattern, raw)
        case pb.SYSLOG:
            return _syslog(raw, day)
        case pb.CSV | pb.TSV:
            return _separated(source, raw)
        case pb.ZEEK:
            return _zeek(raw)
        case pb.KEY_VALUE:
            return _key_value(raw, day)
        case pb.CEF:
            return _cef(raw, day)
        case pb.LEEF:
            return _leef(raw, day)
        case _:
            return _json(source, raw)


def _line(pattern: str, raw: Sequence[str]) -> Split:
    certain = certain_group(pattern)
    pattern = capturing_only(pattern, {*raw, certain or ""})
    names = [str(name) for name in group_names(pattern)]
    if certain is None:  # an outer group tells a match of nothing from no match
        pattern, names = f"({pattern})", [_WHOLE, *names]
    return Split(
        stages=[{"_raw": _groups("_line", pattern, names)}],
        mismatch=_reason("pattern does not match", f"_raw.{identifier(certain or _WHOLE)} = ''"),
        found=lambda name: f"_raw.{identifier(name)}",
        cleaned=lambda _, text: _full(text),
    )


def _json(source: pb.Source, raw: Sequence[str]) -> Split:
    """Objects by paths. One extraction of many paths costs little more than one of one, and most
    records of a mixed file are not the source's: what `accept` reads is extracted first."""
    first = [name for name in raw if name in source.accept.index] or list(raw)
    rest = [name for name in raw if name not in first]

    def found(name: str) -> str:
        return (
            f"_raw[{first.index(name) + 1}]" if name in first else f"_rest[{rest.index(name) + 1}]"
        )

    return Split(
        stages=[{"_raw": _extracted([json_path(name) for name in first] or ["$"])}],
        mismatch=f"CASE {_JSON_MISMATCH} END",
        found=found,
        cleaned=lambda _, text: _full(text),
        late={"_rest": _extracted([json_path(name) for name in rest])} if rest else None,
    )


_JSON_MISMATCH = (
    "WHEN _raw IS NULL THEN 'not JSON' WHEN starts_with(_line, '{') THEN NULL"
    " WHEN NOT starts_with(ltrim(_line, chr(32) || chr(9)), '{') THEN 'not a JSON object'"
)


def _extracted(paths: Sequence[str]) -> str:
    return f"TRY(json_extract_string(_line, [{', '.join(literal(path) for path in paths)}]))"


def _syslog(raw: Sequence[str], day: str) -> Split:
    """Lines of the usual form by a pattern that RE2 runs through once, others by the full one."""
    priority = "" if "priority" in raw else r"(?:<\d{1,3}>)?"
    usual = "_usual.time <> ''"
    parts = {
        "time": "_usual.time",
        "host": "_usual.host",
        "program": "split_part(_usual.tag, '[', 1)",
        "pid": "rtrim(split_part(_usual.tag, '[', 2), ']')",
        "message": "_usual.message",
    }

    def found(name: str) -> str:
        part = parts.get(name, "NULL")
        return f"CASE WHEN {usual} THEN {part} ELSE _raw.{name} END"

    return Split(
        stages=[
            {"_usual": _groups("_line", _usual_syslog(priority), _USUAL)},
            {"_raw": f"CASE WHEN NOT ({usual}) THEN {_syslog_groups('_line')} END"},
        ],
        mismatch=_reason("not syslog", f"NOT ({usual}) AND _raw.time = ''"),
        found=found,
        cleaned=lambda name, text: _syslog_value(name, text, day),
    )


_USUAL = ("time", "host", "tag", "message")


def _usual_syslog(priority: str) -> str:
    return (
        rf"(?s)^{priority}([A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d|{_ISO_CLOCK})"
        r" ([^\s:]+) ([^\s:\[]+(?:\[[^\s\]]*\])?): (.*)$"
    )


def _syslog_groups(text: str) -> str:
    return (
        f"CASE WHEN regexp_matches({text}, '^<\\d{{1,3}}>\\d{{1,2}} ')"
        f" THEN {_groups(text, _RFC_5424, SYSLOG)} ELSE {_groups(text, _RFC_3164, SYSLOG)} END"
    )


def _syslog_value(name: str, text: str, day: str) -> str:
    if name == "time":
        return utc(text, "_zone", day)
    # RFC 5424 writes - for what there is not.
    return _full(text) if name == "message" else f"nullif({_full(text)}, '-')"


def _separated(source: pb.Source, raw: Sequence[str]) -> Split:
    """CSV and TSV. Column names are those of the file's header, or 1, 2 ..."""
    csv = source.format == pb.CSV
    separator = "','" if csv else _TAB
    values = f"string_split(_line, {separator})"
    problems: list[tuple[str, str]] = []
    if csv:
        cell = f'(?:{_CSV_QUOTED}|[^",][^,]*|)'
        quoted = "contains(_line, '\"')"
        values = (
            f"CASE WHEN {quoted} THEN regexp_extract_all(',' || _line,"
            f" {literal(f'(?s),({_CSV_QUOTED}|[^,]*)')}, 1) ELSE {values} END"
        )
        well_formed = f"regexp_full_match(_line, {literal(f'(?s){cell}(?:,{cell})*')})"
        problems.append(("not CSV: a quote out of place", f"{quoted} AND NOT {well_formed}"))
    stage = {"_values": values}
    if source.header:
        stage["_names"] = f"string_split(_header, {separator})"
        problems += _counted()
    elif numbers := [int(name) for name in raw if name.isdigit()]:
        problems.append(("fields missing", f"len(_values) < {max(numbers)}"))

    def cleaned(_: str, text: str) -> str:
        return _full(_without_quotes(text) if csv else text)

    return Split(
        stages=[stage],
        mismatch=_first_reason(problems),
        found=lambda name: _value_at(_position(name) if source.header else name),
        cleaned=cleaned,
    )


def _value_at(position: str) -> str:
    return f"list_extract(_values, {position})"


def _without_quotes(value: str) -> str:
    inner = f"""replace(substr({value}, 2, length({value}) - 2), '""', '"')"""
    return f"CASE WHEN starts_with({value}, '\"') THEN {inner} ELSE {value} END"


def _position(name: str) -> str:
    return f"list_position(_names, {literal(name)})"


def _counted() -> list[tuple[str, str]]:
    return [
        ("fewer values than the header names", "len(_values) < len(_names)"),
        ("more values than the header names", "len(_values) > len(_names)"),
    ]


def _zeek(raw: Sequence[str]) -> Split:
    """TSV with a header, or JSON with the same names as keys."""
    paths = [_key_path(name) for name in raw]
    counted = " ".join(f"WHEN {test} THEN {literal(reason)}" for reason, test in _counted())

    def found(name: str) -> str:
        text = f"_raw[{raw.index(name) + 1}]"
        return f"CASE WHEN _header IS NULL THEN {text} ELSE {_value_at(_position(name))} END"

    def cleaned(name: str, text: str) -> str:
        path = literal(_key_path(name))
        is_set = f"starts_with({text}, '[') AND json_type(_line, {path}) = 'ARRAY'"
        joined = f"array_to_string(CAST(CAST({text} AS JSON) AS VARCHAR[]), ',')"
        return _full(
            f"CASE WHEN _header IS NULL THEN CASE WHEN {is_set} THEN {joined} ELSE {text} END"
            f" WHEN {text} NOT IN ('-', '(empty)') THEN {_without_zeek_escapes(text)} END"
        )

    return Split(
        stages=[
            {
                "_raw": f"CASE WHEN _header IS NULL THEN {_extracted(paths or ['$'])} END",
                "_values": f"CASE WHEN _header IS NOT NULL THEN string_split(_line, {_TAB}) END",
                "_names": f"string_split(_header, {_TAB})",
            }
        ],
        mismatch=(f"CASE WHEN _header IS NULL THEN CASE {_JSON_MISMATCH} END {counted} END"),
        found=found,
        cleaned=cleaned,
    )


def _key_path(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


def _without_zeek_escapes(value: str) -> str:
    r"""Zeek writes \xHH for a byte and \\ for a backslash; bytes that are no text stay so."""
    percent = f"replace(replace({value}, '%', '%25'), '+', '%2B')"
    escaped = (
        f"regexp_replace(replace({percent}, '\\\\', '%5C'), '\\\\x([0-9a-fA-F]{{2}})', '%\\1', 'g')"
    )
    return (
        f"CASE WHEN contains({value}, '\\') THEN coalesce(TRY(url_decode({escaped})), {value})"
        f" ELSE {value} END"
    )


def _key_value(raw: Sequence[str], day: str) -> Split:
    stages = [
        {name: _all("_line", _TOKEN, group) for name, group in (("_keys", 1), ("_values", 2))}
    ]
    if not {PREFIX, *PREFIX_FIELDS}.isdisjoint(raw):
        first = "list_position(list_transform(_keys, lambda key: coalesce(key, '') <> ''), true)"
        tokens = f"list_slice({_all('_line', _TOKEN, 0)}, 1, {first} - 1)"
        stages.append({"_prefix": f"array_to_string({tokens}, '') || ' '"})
    if not PREFIX_FIELDS.keys().isdisjoint(raw):
        stages.append({"_syslog": _syslog_groups("_prefix")})

    def found(name: str) -> str:
        if name == PREFIX:
            return "trim(_prefix)"
        return f"_syslog.{PREFIX_FIELDS[name]}" if name in PREFIX_FIELDS else _pair(name)

    def cleaned(name: str, text: str) -> str:
        if name in PREFIX_FIELDS:
            return _syslog_value(PREFIX_FIELDS[name], text, day)
        return _full(text if name == PREFIX else _without_key_value_quotes(text))

    return Split(
        stages=stages,
        # A record of words alone has keys, all of them empty.
        mismatch=_reason("no key=value pair", f"regexp_extract(_line, {literal(_ANY_PAIR)}) = ''"),
        found=found,
        cleaned=cleaned,
    )


_ANY_PAIR = rf"(?:^|[\s\x1d])({_KEY}=)"


def _without_key_value_quotes(value: str) -> str:
    inner = f"substr({value}, 2, length({value}) - 2)"
    unescaped = _unescaped(inner, {'"': '"'})
    return (
        f"CASE WHEN length({value}) > 1 AND starts_with({value}, '\"')"
        f" AND ends_with({value}, '\"') THEN {unescaped}"
        f" WHEN length({value}) > 1 AND starts_with({value}, '''') AND ends_with({value}, '''')"
        f" THEN {inner} ELSE rtrim({value}, ',;') END"
    )


def _cef(raw: Sequence[str], day: str) -> Split:
    names = ["prefix", "version", *_CEF, "extension"]
    clean = f"translate(_raw.extension, {literal(_PAIR + _EQUALS)}, '  ')"
    # Either an escape, which stays, or the key of the next pair.
    marked = (
        f"replace(regexp_replace(' ' || {clean}, '(?s)(\\\\.)|\\s+([\\w.@\\[\\]-]+)=',"
        f" '\\1{_PAIR}\\2{_EQUALS}', 'g'), '{_PAIR}{_EQUALS}', '')"
    )
    escapes = {"=": "=", "|": "|", "n": "\n", "r": "\r"}
    return _with_header(raw, day, _CEF_RECORD, names, marked, escapes)


def _leef(raw: Sequence[str], day: str) -> Split:
    names = ["prefix", "version", *_LEEF, "delimiter", "extension"]
    delimiter = (
        f"CASE WHEN _raw.delimiter = '' THEN {_TAB} WHEN length(_raw.delimiter) = 1"
        " THEN _raw.delimiter"
        " ELSE chr(CAST('0x' || regexp_extract(_raw.delimiter, '[0-9A-Fa-f]+$') AS INTEGER)) END"
    )
    pair = literal(_PAIR)
    clean = (
        f"replace(CASE WHEN {delimiter} = {pair} THEN _raw.extension"
        f" ELSE replace(_raw.extension, {pair}, ' ') END, {literal(_EQUALS)}, ' ')"
    )
    marked = (
        f"regexp_replace({pair} || replace({clean}, {delimiter}, {pair}),"
        f" '{_PAIR}\\s*([^={_PAIR}]+)=', '{_PAIR}\\1{_EQUALS}', 'g')"
    )
    return _with_header(raw, day, _LEEF_RECORD, names, marked, {})


def _with_header(
    raw: Sequence[str],
    day: str,
    pattern: str,
    names: Sequence[str],
    marked: str,
    escapes: Mapping[str, str],
) -> Split:
    """CEF and LEEF: a header of parts between |, pairs behind it, syslog before it."""
    heads = names[1:-1]
    pairs = f"{_PAIR}([^{_PAIR}{_EQUALS}]*){_EQUALS}([^{_PAIR}]*)"
    stages = [
        {"_raw": _groups("_line", pattern, names)},
        {"_marked": marked},
        {"_keys": _all("_marked", pairs, 1), "_values": _all("_marked", pairs, 2)},
    ]
    if {"time", "host"} & set(raw):
        stages[1]["_syslog"] = _syslog_groups("_raw.prefix")

    def found(name: str) -> str:
        if name in ("time", "host"):
            return f"_syslog.{name}"
        return f"_raw.{name}" if name in heads else _pair(name)

    def cleaned(name: str, text: str) -> str:
        if name in ("time", "host"):
            return _syslog_value(name, text, day)
        undone = {"|": "|"} if name in heads else escapes
        return _full(_unescaped(text, undone) if undone else text)

    kind = "CEF" if "severity" in names else "LEEF"
    return Split(stages, _reason(f"not {kind}", "_raw.version = ''"), found, cleaned)


def _pair(name: str) -> str:
    """The value of a key; `key[2]` is that of its second occurrence."""
    occurrence = _OCCURRENCE.fullmatch(name)
    key, number = (occurrence[1], int(occurrence[2])) if occurrence else (name, 1)
    position = f"list_position(_keys, {literal(key)})"
    for _ in range(number - 1):
        rest = f"list_slice(_keys, {position} + 1, len(_keys))"
        position = f"({position} + list_position({rest}, {literal(key)}))"
    return _value_at(position)


def _unescaped(value: str, escapes: Mapping[str, str]) -> str:
    r"""A text without its backslashes: `\\` is one, each of `escapes` what it stands for."""
    text = f"replace({value}, '\\\\', {literal(_PAIR)})"
    for escaped, meant in escapes.items():
        text = f"replace({text}, {literal(_BACKSLASH + escaped)}, {literal(meant)})"
    text = f"replace({text}, {literal(_PAIR)}, '\\')"
    return f"CASE WHEN contains({value}, '\\') THEN {text} ELSE {value} END"


def _groups(text: str, pattern: str, names: Sequence[str]) -> str:
    listed = ", ".join(literal(name) for name in names)
    return f"regexp_extract({text}, {literal(pattern)}, [{listed}])"


def _all(text: str, pattern: str, group: int) -> str:
    return f"regexp_extract_all({text}, {literal(pattern)}, {group})"


def _full(value: str) -> str:
    return f"nullif({value}, '')"


def _reason(reason: str, test: str) -> str:
    return _first_reason([(reason, test)])


def _first_reason(problems: Sequence[tuple[str, str]]) -> str:
    if not problems:
        return "NULL::VARCHAR"
    whens = " ".join(f"WHEN {test} THEN {literal(reason)}" for reason, test in problems)
    return f"CASE {whens} END"
