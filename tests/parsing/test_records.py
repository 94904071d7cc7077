"""Raw files become records: no line is lost or made up, whatever the bytes and the chunks."""

import csv
import gzip
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whetstone.catalog.catalog_pb2 import CSV, JSON, LINE, TSV, ZEEK, Source
from whetstone.parsing.records import read_records

LIMIT = 60
STACK = Source(format=LINE, record_start=r"^\d")
TABLE = Source(format=CSV, header=True)
CELLS = Source(format=CSV)
DOCUMENTS = Source(format=JSON)
LOGS = Source(format=ZEEK)
ALL = (STACK, TABLE, CELLS, DOCUMENTS, LOGS, Source(format=TSV, header=True), Source(format=LINE))

PIECES = st.sampled_from(
    [
        *(b"\n", b"\r\n", b" ", b",", b"\t", b'"', b'""', b"\\", b'\\"', b"[", b"]", b"{", b"}"),
        *(b":", b"#", b"1", b"a", b"\xff", b"\xc3\xa9", b"\0"),
        *(b'{"a": 1}', b'{"a": "}"}', b'{"hits": {"hits": [', b'"_source": ', b'{"_index": "i"'),
        *(b'{"Records": [', b'{"index": {}}', b'{"took": 1', b"null"),
        *(b"#fields\ta\tb\n", b"#separator \\x09\n", b"#unset_field\t*\n", b"x\ty"),
        *(b"2026 begin", b"\tat frame", b"x" * 70, b'"x', b'x"'),
    ]
)
CONTENT = st.one_of(
    st.lists(PIECES, max_size=40).map(b"".join),
    st.binary(max_size=80),
).filter(lambda content: content[:2] != b"\x1f\x8b" and content[:4] != b"\x28\xb5\x2f\xfd")
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.lists(
    st.dictionaries(st.sampled_from('abcdé"\\'), JSON_VALUES, max_size=4), max_size=6
)


def records_in(
    source: Source, content: bytes, limit: int = 1 << 20, chunk_bytes: int = 8 << 20
) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "raw"
        file.write_bytes(content)
        return [
            row
            for batch in read_records(source, file, limit, chunk_bytes)
            for row in batch.to_pylist()
        ]


def full(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record for record in records if record["line"] or record["problem"]]


def texts(source: Source, content: bytes, **how: int) -> list[str]:
    return [record["line"] for record in full(records_in(source, content, **how))]


def documents(content: str, **how: int) -> list[Any]:
    return [json.loads(text) for text in texts(DOCUMENTS, content.encode(), **how)]


@pytest.mark.parametrize("source", ALL, ids=lambda source: str(source).replace("\n", " "))
@settings(max_examples=150)
@given(content=CONTENT, chunk_bytes=st.integers(1, 50))
@example(content=b"[\\", chunk_bytes=1)
@example(content=b"\xff" + b"x" * 58 + b"\n\n ", chunk_bytes=1)
@example(content=b'{"a": "\\\\"}\n{"b": "\\""}', chunk_bytes=3)
def test_chunks_never_change_the_records_of_any_bytes(
    source: Source, content: bytes, chunk_bytes: int
) -> None:
    assert full(records_in(source, content, LIMIT, chunk_bytes)) == full(
        records_in(source, content, LIMIT)
    )


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(["2026 begin", "\tat frame", "", "é", "2026", '"']), max_size=20),
    st.integers(1, 60),
)
def test_every_line_is_in_exactly_one_record_and_only_its_first_line_can_begin_it(
    lines: list[str], chunk_bytes: int
) -> None:
    content = "\n".join(lines).encode()
    found = records_in(STACK, content, chunk_bytes=chunk_bytes)
    expected: list[list[str]] = []
    for line in lines[:-1] + [line for line in lines[-1:] if line]:
        if not expected or line[:1].isdigit():
            expected.append([])
        expected[-1].append(line)
    assert [record["line"] for record in found] == [
        "\n".join(record).rstrip("\n") for record in expected
    ]
    begins = [record["raw_line"] for record in found]
    sizes = [len(record) for record in expected]
    assert begins == [1 + sum(sizes[:number]) for number in range(len(sizes))]


def test_a_record_beyond_the_limit_is_a_reject_of_bounded_size_and_costs_no_other() -> None:
    content = b"1 first\n" + b"2 long\n" + b"\tframe\n" * 100 + b"3 last\n\tframe"
    for chunk_bytes in (7, 100, 8 << 20):
        found = records_in(STACK, content, LIMIT, chunk_bytes)
        assert [(row["raw_line"], row["problem"]) for row in found] == [
            (1, None),
            (2, "record too long"),
            (103, None),
        ]
        assert found[1]["line"] == ("2 long\n" + "\tframe\n" * 100)[:LIMIT].rstrip("\n")
        assert found[2]["line"] == "3 last\n\tframe"


def test_a_line_that_is_no_text_spoils_its_record_and_no_other() -> None:
    content = b"1 a\n\t\xff\n\tb\n2 c\n"
    found = records_in(STACK, content)
    assert [(row["raw_line"], row["problem"]) for row in found] == [(1, "not UTF-8"), (4, None)]


def test_a_file_that_breaks_off_within_a_record_gives_that_record_and_a_problem() -> None:
    packed = gzip.compress(b"".join(b"%d begin\n\tframe %d\n" % (n, n * 7919) for n in range(9999)))
    found = records_in(STACK, packed[: len(packed) // 2])
    assert str(found[-1]["problem"]).startswith("file breaks off")
    assert all(record["problem"] is None for record in found[:-1])
    assert all("\n\tframe" in record["line"] for record in found[:-2])


@settings(max_examples=200)
@given(
    st.lists(
        st.lists(st.text(st.sampled_from('a",\n\té; '), max_size=6), min_size=2, max_size=4),
        max_size=8,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.integers(1, 60),
)
def test_records_of_csv_are_those_that_a_csv_writer_wrote(
    rows: list[list[str]], end: str, all_quoted: bool, chunk_bytes: int
) -> None:
    target = io.StringIO()
    quoting = csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
    csv.writer(target, lineterminator=end, quoting=quoting).writerows(rows)
    found = texts(CELLS, target.getvalue().encode(), chunk_bytes=chunk_bytes)
    assert [next(csv.reader(io.StringIO(text, newline=""))) for text in found] == [
        [cell.replace("\r\n", "\n") for cell in row] for row in rows
    ]


def test_a_stray_quote_within_a_value_opens_nothing() -> None:
    content = b'1,5" disk,x\n2,"a",y\n3,"open\nstill, ""open""\nend",z\n4,"a"b",c\n5,d,e\n'
    assert texts(CELLS, content) == [
        '1,5" disk,x',
        '2,"a",y',
        '3,"open\nstill, ""open""\nend",z',
        '4,"a"b",c',
        "5,d,e",
    ]


def test_a_header_names_all_records_and_is_none_however_often_it_stands() -> None:
    content = b'\n"a ""b""","c,\td",e\n1,2,3\n\n"a ""b""","c,\td",e\n4,5,6\n'
    for chunk_bytes in (1, 8 << 20):
        found = full(records_in(TABLE, content, chunk_bytes=chunk_bytes))
        assert [(row["line"], row["raw_line"], row["header"]) for row in found] == [
            ("1,2,3", 3, 'a "b",c d,e'),
            ("4,5,6", 6, 'a "b",c d,e'),
        ]


def test_a_header_of_zeek_holds_until_the_next_and_lines_before_one_are_rejects() -> None:
    content = (
        "early\n#separator \\x09\n#unset_field\t-\n#fields\ta\tb\n#types\tx\ty\n1\t2\n#close\n"
        '#fields\tb\n3\n{"a": 4}\n#separator ,\n#fields\ta\n5\n#separator \\x09\n#fields\tz\n6\n'
    )
    for chunk_bytes in (1, 8 << 20):
        found = full(records_in(LOGS, content.encode(), chunk_bytes=chunk_bytes))
        assert [(row["line"], row["header"], row["problem"]) for row in found] == [
            ("early", None, "no header before it"),
            ("1\t2", "a\tb", None),
            ("3", "b", None),
            ('{"a": 4}', None, None),
            ("5", "a", "its header is not one that Zeek writes by default"),
            ("6", "z", None),
        ]
        assert [row["raw_line"] for row in found] == [1, 6, 9, 10, 13, 16]


def test_a_header_that_is_huge_names_nothing() -> None:
    content = b"#fields\t" + b"x\t" * 40_000 + b"\n1\n"
    assert [row["problem"] for row in records_in(LOGS, content)] == ["no header before it"]


WRAPS = {
    "lines": lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
    "array": json.dumps,
    "indented array": lambda rows: json.dumps(rows, indent=2),
    "array, one a line": lambda rows: "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n",
    "indented, one after the other": lambda rows: "\n".join(
        json.dumps(row, indent=1) for row in rows
    ),
    "arrays": lambda rows: "".join(json.dumps([row, row]) + "\n" for row in rows),
    "answer": lambda rows: json.dumps(answer(rows)),
    "indented answer": lambda rows: json.dumps(answer(rows), indent=2),
    "answers": lambda rows: "".join(json.dumps(answer([row])) + "\n" for row in rows),
    "CloudTrail": lambda rows: json.dumps({"Records": rows}),
    "indented CloudTrail": lambda rows: json.dumps({"Records": rows}, indent=2),
    "bulk": lambda rows: "".join(
        json.dumps({"index": {"_index": "é", "_id": str(n)}}) + "\n" + json.dumps(row) + "\n"
        for n, row in enumerate(rows)
    ),
    "hits": lambda rows: "".join(json.dumps(hit(row)) + "\n" for row in rows),
}


def hit(row: Any) -> dict[str, Any]:
    return {"_index": "i", "_id": '"_source": {', "_score": 1e400, "_source": row, "sort": [[1]]}


def answer(rows: list[Any]) -> dict[str, Any]:
    return {
        "took": 1,
        "_shards": {"hits": [], "x": "}]"},
        "hits": {"total": {"value": 3}, "hits": [hit(row) for row in rows], "y": [{}]},
        "aggregations": {"hits": {"hits": [{"_source": {"no": "document"}}]}},
    }


@pytest.mark.parametrize("wrap", WRAPS)
@settings(max_examples=60)
@given(rows=OBJECTS, chunk_bytes=st.integers(1, 90))
def test_documents_are_those_that_were_wrapped(
    wrap: str, rows: list[dict[str, Any]], chunk_bytes: int
) -> None:
    # Indented documents begin with a key: an empty one looks like a line.
    rows = [{"k": 1, **row} for row in rows]
    expected = [row for row in rows for _ in (0, 1)] if wrap == "arrays" else rows
    found = records_in(DOCUMENTS, WRAPS[wrap](rows).encode(), chunk_bytes=chunk_bytes)
    assert [json.loads(row["line"]) for row in found] == expected
    numbers = [row["raw_line"] for row in found]
    assert numbers == sorted(set(numbers))


@settings(max_examples=300)
@given(OBJECTS, st.sampled_from(sorted(WRAPS)), st.data())
def test_damage_of_wrapped_documents_never_raises_nor_makes_up_more_text(
    rows: list[dict[str, Any]], wrap: str, data: st.DataObject
) -> None:
    content = WRAPS[wrap](rows).encode()
    at = data.draw(st.integers(0, len(content)))
    cut = data.draw(st.integers(0, 5))
    put = data.draw(st.sampled_from([b"", b'"', b"}", b"]", b"{", b"[", b"\\", b"\n", b"\xff"]))
    damaged = content[:at] + put + content[at + cut :]
    found = records_in(DOCUMENTS, damaged)
    assert sum(len(row["line"].encode(errors="replace")) for row in found) <= 3 * len(damaged)


def test_documents_keep_the_lines_that_they_begin_on() -> None:
    content = '[\n  {\n "a": 1\n  },\n\n  {"b": 2}, {"c": 3}\n]\n'
    found = records_in(DOCUMENTS, content.encode())
    assert [row["raw_line"] for row in found] == [2, 6, 7]


def test_a_first_line_that_is_cut_off_costs_no_other() -> None:
    assert texts(DOCUMENTS, b'{"a": {"b": 1\n{"a": 2}\n{"a": 3}\n') == [
        '{"a": {"b": 1',
        '{"a": 2}',
        '{"a": 3}',
    ]


def test_what_only_looks_like_an_envelope_stays_as_it_is() -> None:
    rows: list[dict[str, Any]] = [
        {"a": {"hits": {"hits": [1]}}},
        {"hits": 3, "b": [{"Records": [1]}]},
        {"_id": {"$oid": "5"}, "name": "no hit"},
        {"index": {"name": "no action"}},
        {"create": {"_id": {"of": "an event"}}},
        {"message": '{"index": {}}'},
    ]
    for wrap in ("lines", "indented array", "indented, one after the other"):
        assert documents(WRAPS[wrap](rows)) == rows


def test_a_document_beyond_the_limit_is_a_reject_of_bounded_size_and_costs_no_other() -> None:
    long = json.dumps({"long": ['\\"]}' * 99, {"x": [1, 2]}]})
    for content in (f'[{{"a": 1}}, {long}, {{"b": 2}}]', f'{{"a": 1,\n"c":1}}\n{long}\n{{"b": 2}}'):
        for chunk_bytes in (1, 10, 8 << 20):
            found = records_in(DOCUMENTS, content.encode(), LIMIT, chunk_bytes)
            assert [row["problem"] for row in found] == [None, "record too long", None]
            assert found[1]["line"] == long[:LIMIT]


def test_a_huge_array_on_one_line_streams_in_bounded_memory(tmp_path: Path) -> None:
    document = json.dumps({"text": "x" * 980, "list": [{"a": [1]}]}).encode()
    file = tmp_path / "huge.json.gz"
    with gzip.open(file, "wb", 1) as target:
        target.write(b"[")
        for _ in range(200):
            target.write((document + b",") * 1000)
        target.write(document + b"]")
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from whetstone.catalog.catalog_pb2 import JSON, Source\n"
        "from whetstone.parsing.records import read_records\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10\n"
        "before = peak()\n"
        "batches = read_records(Source(format=JSON), Path(sys.argv[1]), 1 << 20)\n"
        "print(sum(batch.num_rows - batch['problem'].is_valid().true_count for batch in batches))\n"
        "print(peak() - before)"
    )
    count, megabytes = subprocess.run(
        [sys.executable, "-c", program, str(file)], check=True, capture_output=True, text=True
    ).stdout.split()
    assert int(count) == 200_001
    assert int(megabytes) < 150
