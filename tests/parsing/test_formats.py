"""Raw fields of every format are what was written, whatever the values hold."""

import csv
import io
import json
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_logs import MAX_LINE_BYTES, parse_text

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
    Expression,
    Field,
    Format,
    Source,
)
from whetstone.engine import open_engine
from whetstone.parsing import RawFile, parse_files

HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\"'\\=|,;: \t-_[](){}<>#%+&$\x1d\x1e\x1f\x00é€\U0001f600ab01"),
        st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]),
    ),
    max_size=12,
)
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)


def source_of(kind: int, names: Sequence[str], **framing: Any) -> Source:
    """A source whose fields `f0`, `f1` ... are those raw fields, just as they are."""
    clock = Field(name="event_time", data_type="TIMESTAMP", index=["@day"], definition="$1")
    fields = [
        Field(name=f"f{at}", data_type="VARCHAR", index=[name], definition="$1")
        for at, name in enumerate(names)
    ]
    return Source(
        name="x", format=kind, event_time="event_time", fields=[clock, *fields], **framing
    )


def values_of(
    kind: int, names: Sequence[str], content: str | bytes, **framing: Any
) -> list[tuple[Any, ...]]:
    """The raw fields of each event; a reject is its reason alone."""
    source = source_of(kind, names, **framing)
    columns = ", ".join(f"f{at}" for at in range(len(names)))
    nulls = ", ".join("NULL" for _ in names)
    text = content.encode() if isinstance(content, str) else content
    with tempfile.TemporaryDirectory() as directory:
        _, rows = parse_text(
            source,
            Path(directory),
            text,
            f"SELECT raw_line, NULL, {columns} FROM events UNION ALL"
            f" SELECT raw_line, reason, {nulls} FROM rejects ORDER BY 1",
        )
    return [(reason,) if reason else tuple(values) for _, reason, *values in rows]


def one(kind: int, names: Sequence[str], line: str | bytes, **framing: Any) -> tuple[Any, ...]:
    (values,) = values_of(kind, names, line, **framing)
    return values


def read(values: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(value or None for value in values)


# CSV and TSV


@settings(max_examples=25)
@given(
    st.lists(
        st.lists(
            st.one_of(HOSTILE, st.text(st.sampled_from('a",\n é'), max_size=6)),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
    st.booleans(),
)
def test_values_of_csv_are_those_that_a_csv_writer_wrote(
    rows: list[list[str]], all_quoted: bool, header: bool
) -> None:
    rows = [["x", *row] for row in rows]  # no empty lines, no header again
    target = io.StringIO()
    quoting = csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(target, lineterminator="\n", quoting=quoting)
    if header:
        writer.writerow(["first", "a b", 'c"d', "é"])
    writer.writerows(rows)
    names = ["é", 'c"d', "a b", "missing"] if header else ["4", "3", "2"]
    found = values_of(CSV, names, target.getvalue(), header=header)
    expected = [read([row[3], row[2], row[1]]) for row in rows]
    assert found == [(*row, None) if header else row for row in expected]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('a,"b"c', ("not CSV: a quote out of place",)),
        ('a,"b', ("not CSV: a quote out of place",)),
        ("a", ("fields missing",)),
        ('5" disk,b', ('5" disk', "b")),
        ("a,b,c", ("a", "b")),
        (',"",', (None, None)),
    ],
)
def test_what_is_not_csv_is_a_reject(content: str, expected: tuple[Any, ...]) -> None:
    assert one(CSV, ["1", "2"], content) == expected


def test_rows_that_do_not_fit_their_header_are_rejects() -> None:
    for kind, separator in ((CSV, ","), (TSV, "\t")):
        rows = ["b,a", "1,2", "1", "1,2,3", ","]
        content = "\n".join(rows).replace(",", separator)
        assert values_of(kind, ["a", "b"], content, header=True) == [
            ("2", "1"),
            ("fewer values than the header names",),
            ("more values than the header names",),
            (None, None),
        ]


@settings(max_examples=25)
@given(st.lists(HOSTILE.map(lambda text: text.replace("\t", "")), min_size=2, max_size=4))
def test_values_of_tsv_are_what_stands_between_tabs(row: list[str]) -> None:
    row = ["x", *row, "y"]
    names = [str(at) for at in range(1, len(row) + 1)]
    assert one(TSV, names, "\t".join(row)) == read(row)


# Zeek


def zeek_text(value: str) -> str:
    """A value as Zeek's ASCII writer puts it."""
    escaped = value.replace("\\", "\\\\")
    escaped = re.sub(r"[\x00-\x1f,]", lambda found: f"\\x{ord(found[0]):02x}", escaped)
    return f"\\x2d{escaped[1:]}" if escaped == "-" else escaped


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(HOSTILE, st.lists(HOSTILE.filter(bool), min_size=1, max_size=3)), min_size=1
    ),
)
def test_a_log_of_zeek_has_the_same_values_as_tsv_and_as_json(
    rows: list[tuple[str, list[str]]],
) -> None:
    names = ["id.orig_h", "set", "nothing", "missing"]
    tsv = "#separator \\x09\n#fields\tn\tid.orig_h\tset\tnothing\n" + "".join(
        f"1\t{zeek_text(text) or '(empty)'}\t{','.join(map(zeek_text, values))}\t-\n"
        for text, values in rows
    )
    as_json = "".join(
        json.dumps({"n": 1, "id.orig_h": text, "set": values}) + "\n" for text, values in rows
    )
    expected = [(text or None, ",".join(values), None, None) for text, values in rows]
    assert values_of(ZEEK, names, tsv) == expected
    assert values_of(ZEEK, names, as_json) == expected


def test_a_text_that_looks_like_a_set_stays_as_it_is() -> None:
    content = json.dumps({"uri": '["a", "b"]', "set": ["a", 'b"', 5], "none": []})
    assert one(ZEEK, ["uri", "set", "none"], content) == ('["a", "b"]', 'a,b",5', None)


def test_bytes_that_zeek_escapes_and_that_are_no_text_stay_escaped() -> None:
    content = "#fields\ta\tb\n\\xff%41+\t\\xc3\\xa9%41+\n"
    assert one(ZEEK, ["a", "b"], content) == ("\\xff%41+", "é%41+")


def test_lines_of_zeek_that_are_no_records_are_rejects() -> None:
    content = "1\t2\n#fields\ta\tb\n1\n1\t2\t3\n{broken\n"
    assert values_of(ZEEK, ["a"], content) == [
        ("no header before it",),
        ("fewer values than the header names",),
        ("more values than the header names",),
        ("not JSON",),
    ]


# key=value


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(KEYS, HOSTILE.filter(lambda text: "\n" not in text)), min_size=1, max_size=5
    ),
    st.sampled_from([" ", "  ", "\t", "\x1d"]),
)
def test_values_within_quotes_forge_no_keys(pairs: list[tuple[str, str]], gap: str) -> None:
    line = gap.join(f"{key}={quoted(value)}" for key, value in pairs)
    first: dict[str, str] = {}
    for key, value in pairs:
        first.setdefault(key, value)
    names = [*first, "forged"]
    assert one(KEY_VALUE, names, line) == read([*first.values(), first.get("forged", "")])


@pytest.mark.parametrize(
    ("line", "names", "expected"),
    [
        ('a="x b=1" b=2', ["a", "b"], ("x b=1", "2")),
        ("a='x b=1' b=2", ["a", "b"], ("x b=1", "2")),
        ('user said "b=1" a=2', ["a", "b"], ("2", None)),
        ('a="x"b=1 c=2', ["a", "b", "c"], ("x", None, "2")),
        ('a="open b=1', ["a", "b"], ('"open', "1")),
        ("u=http://h/?b=1&c=2 c=3", ["u", "b", "c"], ("http://h/?b=1&c=2", None, "3")),
        ("a=1, b=2; c=", ["a", "b", "c"], ("1", "2", None)),
        (
            "msg=audit(1.2:3): msg='op=login'",
            ["msg", "msg[2]", "msg[3]"],
            ("audit(1.2:3):", "op=login", None),
        ),
        ("x IN= OUT=eth0 DF y", ["IN", "OUT", "DF", "@prefix"], (None, "eth0", None, "x")),
        (
            'Mar  1 09:12:44 fw kernel[7]: [1.5] "a=0" a=1',
            ["@time", "@host", "@program", "@pid", "@prefix", "a"],
            (
                "2026-03-01 09:12:44",
                "fw",
                "kernel",
                "7",
                'Mar  1 09:12:44 fw kernel[7]: [1.5] "a=0"',
                "1",
            ),
        ),
        ("no pair = here", ["a"], ("no key=value pair",)),
        ('"a=1"', ["a"], ("no key=value pair",)),
    ],
)
def test_pairs_are_read_from_left_to_right(
    line: str, names: list[str], expected: tuple[Any, ...]
) -> None:
    assert one(KEY_VALUE, names, line) == expected


# CEF and LEEF


def cef(value: str, special: str) -> str:
    for character in "\\" + special:
        value = value.replace(character, f"\\{character}")
    return value.replace("\n", "\\n").replace("\r", "\\r")


CONTROL = str.maketrans(dict.fromkeys("\x1d\x1e\x1f\x00\t", " "))


@settings(max_examples=30)
@given(
    st.lists(HOSTILE, min_size=6, max_size=6),
    st.dictionaries(
        KEYS.filter(lambda key: key not in ("time", "host", "name", "severity", "version")),
        st.one_of(HOSTILE, st.text(st.sampled_from("a= \\\n\r|"), max_size=8)),
        max_size=5,
    ),
    st.sampled_from(["", "<134>Mar  1 09:12:44 fw ", "Mar  1 09:12:44 fw "]),
)
def test_values_of_cef_are_those_that_were_escaped(
    head: list[str], extension: Mapping[str, str], syslog: str
) -> None:
    # Spaces around a value are not told from those between pairs.
    extension = {key: value.translate(CONTROL).strip(" ") for key, value in extension.items()}
    line = (
        f"{syslog}CEF:0|"
        + "|".join(cef(value, "|") for value in head)
        + "|"
        + " ".join(f"{key}={cef(value, '=')}" for key, value in extension.items())
    )
    heads = ["device_vendor", "device_product", "device_version", "signature_id", "name"]
    found = one(CEF, ["version", *heads, "severity", "time", "host", *extension], line)
    time_and_host = ("2026-03-01 09:12:44", "fw") if syslog else (None, None)
    assert found == ("0", *read(head), *time_and_host, *read([*extension.values()]))


@pytest.mark.parametrize(
    ("extension", "names", "expected"),
    [
        (
            "src=10.0.0.1 msg=a b c dst=1.1.1.1",
            ["src", "msg", "dst"],
            ("10.0.0.1", "a b c", "1.1.1.1"),
        ),
        (
            "request=http://h/?a=1&b=2 x=3",
            ["request", "a", "b", "x"],
            ("http://h/?a=1&b=2", None, None, "3"),
        ),
        ("msg=forged\\=no x\\=1 y=2", ["msg", "x", "y"], ("forged=no x=1", None, "2")),
        ("path=C:\\\\new\\nline", ["path"], ("C:\\new\nline",)),
        ("cs1Label=Rule cs1=7 ad.x[0]=1", ["cs1Label", "cs1", "ad.x[0]"], ("Rule", "7", "1")),
        ("", ["src"], (None,)),
    ],
)
def test_extensions_of_cef_are_read_as_devices_write_them(
    extension: str, names: list[str], expected: tuple[Any, ...]
) -> None:
    assert one(CEF, names, f"CEF:0|v|p|1|100|n|5|{extension}") == expected


@settings(max_examples=25)
@given(
    st.lists(HOSTILE, min_size=4, max_size=4),
    st.dictionaries(
        KEYS.filter(lambda key: key not in ("time", "host", "version", "vendor", "product")),
        HOSTILE.map(lambda text: text.translate(CONTROL)),
        max_size=5,
    ),
    st.sampled_from(
        [
            *(("1.0", "", "\t"), ("2.0", "|", "\t"), ("2.0", "x1e|", "\x1e")),
            *(("2.0", "^|", "^"), ("2.0", "0x09|", "\t"), ("2.0", "x5E|", "^")),
        ]
    ),
)
def test_attributes_of_leef_are_what_stands_between_delimiters(
    head: list[str], attributes: Mapping[str, str], how: tuple[str, str, str]
) -> None:
    version, delimiter, between = how
    attributes = {key: value.replace("^", "") for key, value in attributes.items()}
    line = (
        f"LEEF:{version}|"
        + "|".join(cef(value, "|") for value in head)
        + f"|{delimiter}"
        + between.join(f"{key}={value}" for key, value in attributes.items())
    )
    names = ["version", "vendor", "product", "product_version", "event_id", *attributes]
    assert one(LEEF, names, line) == (version, *read(head), *read([*attributes.values()]))


@pytest.mark.parametrize("line", ["nonsense", "CEF:0|a|b", "LEEF:x|", "a|CEF:0|1|2|3|4|5|6|"])
def test_what_is_neither_cef_nor_leef_is_a_reject(line: str) -> None:
    assert one(CEF, ["name"], line) == ("not CEF",)
    assert one(LEEF, ["event_id"], line) == ("not LEEF",)


# Syslog

SYSLOG_NAMES = ["time", "host", "program", "pid", "message"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Mar  1 09:12:44 h sshd[7]: a: b[1]: c",
            ("2026-03-01 09:12:44", "h", "sshd", "7", "a: b[1]: c"),
        ),
        ("<38>Feb 28 09:12:44 h sshd: x", ("2026-02-28 09:12:44", "h", "sshd", None, "x")),
        ("Mar 1 09:12:44.5 h a/b[x1]:x", ("2026-03-01 09:12:44.5", "h", "a/b", "x1", "x")),
        ("Mar  1 2019 09:12:44 h a: x", ("2019-03-01 09:12:44", "h", "a", None, "x")),
        (
            "2019 Mar  1 09:12:44,1234567 h a: x",
            ("2019-03-01 09:12:44.123456", "h", "a", None, "x"),
        ),
        ("2026-03-01T09:12:44.5+02:00 h a[1]: x", ("2026-03-01 07:12:44.5", "h", "a", "1", "x")),
        ("2026-03-01 09:12:44,5-0330 h a[1]: x", ("2026-03-01 12:42:44.5", "h", "a", "1", "x")),
        (
            "Mar  1 09:12:44 h last message repeated 3 times",
            ("2026-03-01 09:12:44", "h", None, None, "last message repeated 3 times"),
        ),
        (
            "Mar  1 09:12:44 fe80::1 su(pam_unix)[9]: x",
            ("2026-03-01 09:12:44", "fe80::1", "su(pam_unix)", "9", "x"),
        ),
        (
            "Mar  1 09:12:44 dnsmasq[8]: query",
            ("2026-03-01 09:12:44", None, "dnsmasq", "8", "query"),
        ),
        ("Mar  1 09:12:44 h a: ", ("2026-03-01 09:12:44", "h", "a", None, None)),
        (
            '<165>1 2026-03-01T09:12:44.003Z h app 7 ID [a@1 k="]\\"x"][b@1] \ufeffhi',
            ("2026-03-01 09:12:44.003", "h", "app", "7", "hi"),
        ),
        ("<165>1 - - - - - -", (None, None, None, None, None)),
        ("Mar  1 09:12 h a: x", ("not syslog",)),
        ("h a: x", ("not syslog",)),
    ],
)
def test_lines_of_syslog_have_these_parts(line: str, expected: tuple[Any, ...]) -> None:
    assert one(SYSLOG, SYSLOG_NAMES, line) == expected


def test_parts_that_only_rfc_5424_has() -> None:
    line = '<165>1 2026-03-01T09:12:44Z h app - ID47 [x@32 a="1"] text'
    names = ["priority", "message_id", "structured_data"]
    assert one(SYSLOG, names, line) == ("165", "ID47", '[x@32 a="1"]')
    assert one(SYSLOG, names, "<13>Mar  1 09:12:44 h a: x") == ("13", None, None)


@settings(max_examples=25)
@given(
    st.sampled_from(["Mar  1 09:12:44", "Feb 28 09:12:44", "2026-03-01T09:12:44Z"]),
    st.from_regex(r"[a-z][a-z0-9.:-]{0,8}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[a-zA-Z0-9_./()%-]{1,10}", fullmatch=True).filter(lambda tag: tag != "-"),
    st.one_of(st.none(), st.integers(0, 99999)),
    HOSTILE,
    st.sampled_from(["", "<13>"]),
)
def test_the_message_of_syslog_forges_nothing_in_front_of_it(
    clock: str, host: str, program: str, pid: int | None, message: str, priority: str
) -> None:
    tag = program if pid is None else f"{program}[{pid}]"
    found = one(SYSLOG, SYSLOG_NAMES, f"{priority}{clock} {host} {tag}: {message}")
    assert found[1:] == (host, program, pid if pid is None else str(pid), message or None)


@pytest.mark.parametrize(
    ("zone", "written", "meant"),
    [
        ("UTC", "Mar  1 09:12:44", "2026-03-01 09:12:44"),
        ("Europe/Berlin", "Mar  1 09:12:44", "2026-03-01 08:12:44"),
        ("Europe/Berlin", "Jul  1 09:12:44", "2025-07-01 07:12:44"),
        ("America/New_York", "2026-03-01T09:12:44", "2026-03-01 14:12:44"),
        ("America/New_York", "2026-03-01T09:12:44Z", "2026-03-01 09:12:44"),
    ],
)
def test_clocks_without_a_zone_run_in_that_of_the_environment(
    tmp_path: Path, zone: str, written: str, meant: str
) -> None:
    file = tmp_path / "raw.log"
    file.write_text(f"{written} h a: x")
    source = source_of(SYSLOG, ["time", "@time_zone", "@record"])
    with open_engine() as connection:
        raw = [RawFile(file, "oslo", "raw.log", zone)]
        parse_files(connection, source, raw, "2026-03-01", MAX_LINE_BYTES)
        rows = connection.execute("SELECT f0, f1, f2 FROM events").fetchall()
    assert rows == [(meant, zone, f"{written} h a: x")]


# All of them

FIELDS = {
    LINE: ["word"],
    JSON: ["a.b", "$.c[0]"],
    SYSLOG: SYSLOG_NAMES,
    CSV: ["1", "2"],
    TSV: ["1", "2"],
    ZEEK: ["a", "id.orig_h"],
    KEY_VALUE: ["a", "a[2]", "@prefix", "@time"],
    CEF: ["name", "src", "time"],
    LEEF: ["event_id", "src", "host"],
}
FRAGMENTS = st.sampled_from(
    [
        *("CEF:0|", "LEEF:2.0|", "|", "\\", "\\|", "=", " a=", "src=", '"', "'", "\t", ",", "^|"),
        *(
            "x00|",
            "xffff|",
            "0xd800|",
            "{",
            "}",
            '{"a": ',
            "[",
            "]",
            ":",
            "Mar  1 09:12:44 ",
            "<13>",
        ),
        *("1 ", "h a: ", "2026-03-01T09:12:44Z ", "Feb 30 25:61:61 ", "#fields\ta\tb\n", "\\x00"),
        *("\\xff", "%", "+", "\x1d", "\x1e", "\x1f", "\0", "\r", "\n", "é", "\ufeff", "9" * 30),
    ]
)


@pytest.mark.parametrize("kind", FIELDS, ids=Format.Name)
@settings(max_examples=40)
@given(
    content=st.one_of(st.lists(FRAGMENTS, max_size=30).map("".join).map(str.encode), st.binary()),
    accepts=st.booleans(),
)
def test_no_bytes_make_parsing_fail(kind: int, content: bytes, accepts: bool) -> None:
    source = source_of(kind, FIELDS[kind], pattern=r"^(?P<word>\w+)" if kind == LINE else "")
    if accepts:
        source.accept.CopyFrom(Expression(index=FIELDS[kind][:1], definition="$1 IS NULL"))
    with tempfile.TemporaryDirectory() as directory:
        parsed, rows = parse_text(
            source, Path(directory), b" " + content, "SELECT count(*), count(raw_hash) FROM events"
        )
    assert parsed.lines == parsed.events + parsed.skipped + sum(parsed.rejects.values())
    assert rows == [(parsed.events, parsed.events)]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (KEY_VALUE, 'a="' + '\\"' * 200_000),
        (KEY_VALUE, "a " * 200_000),
        (CSV, '"' + '""' * 200_000),
        (CSV, '"a",' * 100_000 + '"'),
        (CEF, "CEF:0|" + "\\|" * 200_000),
        (CEF, "CEF:0|a|b|c|d|e|f|" + " a=" * 100_000),
        (LEEF, "LEEF:2.0|a|b|c|d|^|" + "a=^" * 100_000),
        (SYSLOG, "<1>1 - - - - - [" + 'a="\\"' * 100_000),
        (SYSLOG, "Mar  1 09:12:44 " + "a" * 400_000),
        (ZEEK, "#fields\ta\n" + "\\x41" * 100_000),
    ],
    ids=lambda value: value[:25] if isinstance(value, str) else Format.Name(value),
)
def test_no_line_takes_longer_than_its_length_allows(kind: int, line: str) -> None:
    started = time.process_time()
    values_of(kind, FIELDS[kind], line)
    assert time.process_time() - started < 10


def test_only_records_that_are_accepted_are_computed_and_counted_as_events() -> None:
    source = source_of(KEY_VALUE, ["b"])
    source.accept.CopyFrom(Expression(index=["a", "@record"], definition="$1 = '1' AND $2 <> ''"))
    with tempfile.TemporaryDirectory() as directory:
        parsed, rows = parse_text(
            source, Path(directory), b"a=1 b=2\na=2 b=3\nb=4\nx", "SELECT f0 FROM events"
        )
    assert (parsed.events, parsed.skipped, parsed.rejects) == (1, 2, {"no key=value pair": 1})
    assert rows == [("2",)]
