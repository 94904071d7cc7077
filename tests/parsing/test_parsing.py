"""Lines become events, skipped records or counted rejects; nothing else happens to them."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_logs import CATALOG, parse, parse_text

from whetstone.catalog.catalog_pb2 import JSON, LINE, Field, Source
from whetstone.errors import InputError

FLOW = json.loads(CATALOG.sources["suricata_flow"].samples[0])
REJECTS = "SELECT raw_line, reason FROM rejects ORDER BY raw_line"


def flow(**changes: Any) -> bytes:
    return json.dumps({**FLOW, **changes}).encode()


def text_field(name: str, raw: str, data_type: str = "VARCHAR") -> Field:
    return Field(name=name, data_type=data_type, index=[raw], definition="$1")


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                flow(),
                flow(event_type="dns"),
                flow(flow={}),
                flow(timestamp="yesterday", flow={"start": "tomorrow"}),
                flow(src_port="ssh"),
                b"Dec 10 06:55:46 LabSZ sshd[1]: Failed password for root from 1.2.3.4 port 5 ssh2",
                b"Dec 10 06:55:46 LabSZ CRON[1]: session opened",
                b"Foo 99 06:55:46 LabSZ sshd[1]: x",
                b"",
                b"\r",
                b"\xff\xfe",
                b"[]",
                b"null",
                b'{"event_type": "flow"',
            ]
        ),
        st.binary(max_size=40).filter(lambda line: b"\n" not in line),
        st.text(max_size=40)
        .map(lambda line: line.encode(errors="replace"))
        .filter(lambda line: b"\n" not in line),
    ),
    max_size=12,
)


@pytest.mark.parametrize("name", ["sshd", "suricata_flow", "hdfs"])
@settings(max_examples=25)
@given(lines=LINES)
def test_every_line_that_is_not_empty_is_an_event_or_skipped_or_a_reject(
    name: str, lines: list[bytes]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        parsed, rows = parse_text(
            CATALOG.sources[name],
            Path(directory),
            b"\n".join([b" x", *lines]),  # whatever follows, the file is neither gzip nor zstd
            "SELECT raw_line, NULL FROM events UNION ALL SELECT raw_line, reason FROM rejects",
        )
    full = [at for at, line in enumerate([b" x", *lines], start=1) if line.rstrip(b"\r")]
    assert parsed.lines == len(full)
    assert parsed.lines == parsed.events + parsed.skipped + sum(parsed.rejects.values())
    assert len({number for number, _ in rows}) == len(rows)
    assert {number for number, _ in rows} <= set(full)
    assert sum(reason is not None for _, reason in rows) == sum(parsed.rejects.values())


def test_a_reject_keeps_its_line_number_its_reason_and_the_beginning_of_its_text(
    tmp_path: Path,
) -> None:
    long = b"y" * 5000
    _, rows = parse_text(
        CATALOG.sources["sshd"],
        tmp_path,
        b"\r\nnonsense\r\n\n\xff\n" + long + b"\nFoo 99 00:00:00 h sshd: x",
        "SELECT raw_file, raw_line, reason, raw FROM rejects ORDER BY raw_line",
    )
    assert rows == [
        ("raw.log", 2, "not syslog", "nonsense"),
        ("raw.log", 4, "not UTF-8", "\ufffd"),
        ("raw.log", 5, "not syslog", "y" * 2000),
        ("raw.log", 6, "event_time: no value", "Foo 99 00:00:00 h sshd: x"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[" * 300_000 + b"]" * 300_000, "not a JSON object"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, None),
        (b"[1]", "not a JSON object"),
        (b"5", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"{}{}", "not JSON"),
        (flow() + b"\0", "not JSON"),
        (flow()[:-1], "not JSON"),
        (b'{"event_type": "flow", "event_type": "dns"}', "event_time: no value"),
        (flow(flow_id=None), "flow_id: no value"),
        (flow(timestamp=5, flow=None), "event_time: no value"),
    ],
    ids=lambda value: value[:20].decode() if isinstance(value, bytes) else None,
)
def test_json_that_is_no_record_is_a_reject_or_skipped(
    tmp_path: Path, line: bytes, reason: str | None
) -> None:
    content = line + b"\n" + flow()
    parsed, rejects = parse_text(CATALOG.sources["suricata_flow"], tmp_path, content, REJECTS)
    assert rejects == ([(1, reason)] if reason else [])
    assert (parsed.lines, parsed.events, parsed.skipped) == (2, 1, 0 if reason else 1)


def test_a_value_that_does_not_fit_is_null_and_spoils_nothing_else(tmp_path: Path) -> None:
    huge = flow().replace(b"53493", b"9" * 4000).replace(b'"dest_port": 53', b'"dest_port": 1e999')
    _, rows = parse_text(
        CATALOG.sources["suricata_flow"],
        tmp_path,
        huge + b"\n" + flow(src_port={"a": [1]}, dest_port="dns"),
        "SELECT src_port, dest_port, src_ip FROM events",
    )
    assert rows == [(None, None, "192.168.10.122")] * 2


@pytest.mark.parametrize(
    ("landed", "written", "meant"),
    [
        ("2026-03-01", "Mar  1 10:00:00", "2026-03-01 10:00:00"),
        ("2026-03-01", "Feb 28 23:59:59", "2026-02-28 23:59:59"),
        ("2026-03-01", "Mar  1 23:59:59", "2026-03-01 23:59:59"),
        ("2026-03-01", "Mar  2 12:00:00", "2026-03-02 12:00:00"),  # a clock ahead of ours
        ("2026-03-01", "Mar  3 00:00:00", "2025-03-03 00:00:00"),
        ("2026-01-01", "Dec 31 23:59:59", "2025-12-31 23:59:59"),
        ("2026-01-01", "Jan  1 00:00:00", "2026-01-01 00:00:00"),
        ("2025-12-31", "Jan  1 00:00:00", "2025-01-01 00:00:00"),
        ("2024-03-01", "Feb 29 08:00:00", "2024-02-29 08:00:00"),
        ("2024-02-29", "Feb 29 08:00:00", "2024-02-29 08:00:00"),
        ("2025-01-10", "Feb 29 08:00:00", "2024-02-29 08:00:00"),
        ("2026-03-01", "Feb 29 08:00:00", None),
        (
            "2026-03-01",
            "2026-03-01T01:30:00.123456+02:00",
            "2026-02-28 23:30:00.123456",
        ),
        ("2026-03-01", "2026-03-01T01:30:00Z", "2026-03-01 01:30:00"),
        ("2026-03-01", "2026-02-29T01:30:00Z", None),
    ],
)
def test_syslog_times_without_a_year_are_the_last_ones_before_landing(
    tmp_path: Path, landed: str, written: str, meant: str | None
) -> None:
    parsed, rows = parse_text(
        CATALOG.sources["sshd"],
        tmp_path,
        f"{written} host sshd[1]: Connection closed".encode(),
        "SELECT event_time::VARCHAR FROM events",
        landed,
    )
    assert rows == ([(meant,)] if meant else [])
    assert parsed.rejects == ({} if meant else {"event_time: no value": 1})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2020-02-28T23:55:02.459268+0000", "2020-02-28 23:55:02.459268"),
        ("2020-02-28T23:55:02.459268+0200", "2020-02-28 21:55:02.459268"),
        ("2020-02-28T23:55:02-05:30", "2020-02-29 05:25:02"),
        ("2020-02-28T23:55:02Z", "2020-02-28 23:55:02"),
        ("2020-02-28T23:55:02", "2020-02-28 23:55:02"),
    ],
)
def test_times_of_flows_are_utc_whatever_zone_they_are_written_in(
    tmp_path: Path, written: str, meant: str
) -> None:
    _, rows = parse_text(
        CATALOG.sources["suricata_flow"],
        tmp_path,
        flow(flow={"start": written}),
        "SELECT event_time::VARCHAR FROM events",
    )
    assert rows == [(meant,)]


def test_fields_and_groups_can_have_the_names_that_parsing_uses_itself(tmp_path: Path) -> None:
    names = ("line", "problem", "raw", "valued", "split", "mismatch", "accepted", "reject_reason")
    source = Source(
        name="x",
        format=LINE,
        pattern=r"(?P<raw_file>\S+) " + " ".join(rf"(?P<{name}>\w+)" for name in names),
        event_time="event_time",
        fields=[
            text_field("event_time", "raw_file", "TIMESTAMP"),
            *(text_field(name, name) for name in names),
        ],
    )
    line = "2026-01-01T00:00:00 " + " ".join(f"is_{name}" for name in names)
    _, rows = parse_text(
        source, tmp_path, line.encode(), f"SELECT raw_file, {', '.join(names)} FROM events"
    )
    assert rows == [("raw.log", *(f"is_{name}" for name in names))]


def test_a_pattern_may_say_what_only_re2_understands(tmp_path: Path) -> None:
    source = Source(
        name="x",
        format=LINE,
        pattern=r"^(?P<time>\S+) (?:[(]|\Q(?P<no>\E) (\pL+)(?i:X)\(? (?P<word>[[:alpha:]()]+)\z",
        event_time="event_time",
        fields=[text_field("event_time", "time", "TIMESTAMP"), text_field("word", "word")],
    )
    content = "2026-01-01T00:00:00 (?P<no> éx( w(or)d\n2026-01-01T00:00:00 ( éX word".encode()
    _, rows = parse_text(source, tmp_path, content, "SELECT word FROM events ORDER BY raw_line")
    assert rows == [("w(or)d",), ("word",)]


def test_keys_of_json_can_hold_any_character(tmp_path: Path) -> None:
    source = Source(
        name="x",
        format=JSON,
        event_time="event_time",
        fields=[
            text_field("event_time", "@timestamp", "TIMESTAMP"),
            text_field("a", 'a b.c"d'),
            text_field("b", "$.list[1]"),
        ],
    )
    record = {"@timestamp": "2026-01-01", "a b": {'c"d': "yes"}, "list": [1, 2]}
    _, rows = parse_text(source, tmp_path, json.dumps(record).encode(), "SELECT a, b FROM events")
    assert rows == [("yes", "2")]


def test_equal_lines_have_equal_hashes_and_keep_their_own_numbers(tmp_path: Path) -> None:
    _, rows = parse_text(
        CATALOG.sources["suricata_flow"],
        tmp_path,
        b"\n".join([flow(), flow(), flow(src_port=1)]),
        "SELECT raw_line, raw_hash FROM events ORDER BY raw_line",
    )
    (first, one), (second, two), (third, three) = rows
    assert (first, second, third) == (1, 2, 3)
    assert one == two != three


def test_several_files_are_parsed_together_and_remembered_by_name(tmp_path: Path) -> None:
    for name in ("a.json", "b.json", "empty.json"):
        (tmp_path / name).write_bytes(b"" if name == "empty.json" else flow() + b"\n")
    parsed, rows = parse(
        CATALOG.sources["suricata_flow"],
        sorted(tmp_path.iterdir()),
        "SELECT environment, raw_file, raw_line FROM events ORDER BY ALL",
    )
    assert (parsed.lines, parsed.events) == (2, 2)
    assert rows == [("oslo", "a.json", 1), ("oslo", "b.json", 1)]


def test_a_file_that_is_gone_is_named_and_is_no_reject(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.log: cannot be read"):
        parse(CATALOG.sources["sshd"], [tmp_path / "gone.log"])
