"""Bytes of a stream become the very records of a file of them, wherever they are cut."""

import gzip
import json
import tempfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.catalog import load_catalog
from whetstone.catalog.catalog_pb2 import CSV, JSON, LINE, TSV, ZEEK, Source
from whetstone.parsing.records import read_records
from whetstone.streaming.inputs.framing import Framer

CATALOG = load_catalog(Path(__file__).resolve().parents[2] / "catalog")
LIMIT = 90
STACK = Source(format=LINE, record_start=r"^\d")
CELLS = Source(format=CSV)
SHAPES = (STACK, CELLS, Source(format=CSV, header=True), Source(format=TSV, header=True))

PIECES = st.sampled_from(
    [
        *(b"\n", b"\n", b"\r\n", b" ", b",", b"\t", b'"', b'""', b"{", b"}", b"[", b"]", b":"),
        *(b"\xef\xbb\xbf", b"\xff", b"\xc3\xa9", b"x" * 100, b'"x', b'x"', b"\\"),
        *(b"2026 begin", b"\tat frame", b"#fields\ta\tb\n", b"#separator \\x09\n", b"x\ty"),
        *(b'{"a": 1}', b'{"index": {}}\n', b'{"_index": "i", "_source": {"b": 2}}\n', b"null"),
        *(b'{"Records": [', b'{"hits": {"hits": ['),
    ]
)


def of_file(source: Source, content: bytes, limit: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "raw"
        file.write_bytes(content)
        return rows(read_records(source, file, limit))


def of_stream(
    source: Source, pieces: list[bytes], limit: int, whole_file: bool = False
) -> list[dict[str, Any]]:
    """Records of pieces; behind each, another framer goes on from what the last one remembers."""
    found: list[dict[str, Any]] = []
    state = None
    for piece in pieces:
        framer = Framer(source, limit, state, whole_file)
        found += rows([framer.feed(piece)])
        state = json.loads(json.dumps(framer.state()))
    return found + rows([Framer(source, limit, state, whole_file).feed(b"", last=True)])


def rows(batches: Iterable[Any]) -> list[dict[str, Any]]:
    """Their records; empty ones, which no parser takes, may be there or not."""
    return [row for batch in batches for row in batch.to_pylist() if row["line"] or row["problem"]]


def cut(content: bytes, places: list[int]) -> list[bytes]:
    at = sorted({0, len(content), *(place for place in places if place < len(content))})
    return [content[begin:end] for begin, end in pairwise(at)]


@pytest.mark.parametrize("name", sorted(CATALOG.sources))
@settings(max_examples=12)
@given(st.data())
def test_records_of_a_stream_are_those_of_a_file_for_every_source(
    name: str, data: st.DataObject
) -> None:
    source = CATALOG.sources[name]
    samples = [sample.encode() for sample in source.samples]
    some = st.one_of(st.sampled_from([*samples, b"\n"]), st.just(b"\n"), PIECES)
    content = b"".join(data.draw(st.lists(some, max_size=12)))
    places = data.draw(st.lists(st.integers(1, max(1, len(content))), max_size=6))
    limit = data.draw(st.sampled_from([LIMIT, 1 << 20]))
    files = source.format == JSON
    assert of_stream(source, cut(content, places), limit, files) == of_file(source, content, limit)


@pytest.mark.parametrize("source", SHAPES, ids=lambda source: str(source).replace("\n", " "))
@settings(max_examples=80)
@given(st.lists(PIECES, max_size=30).map(b"".join), st.integers(1, 40))
def test_no_cut_of_any_bytes_changes_the_records(source: Source, content: bytes, size: int) -> None:
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    assert of_stream(source, pieces, LIMIT) == of_file(source, content, LIMIT)


def test_real_eve_lines_and_zeek_files_are_framed_as_files_are(real_data: Path) -> None:
    for name, file in (
        ("suricata_flow", "suricata/slips_test6_malicious_partA.eve.json.gz"),
        ("suricata_flow", "suricata/aitlds_mailserver_first60pct.eve.json.gz"),
        ("sshd", "loghub_2k/OpenSSH/OpenSSH_2k.log.gz"),
    ):
        content = gzip.decompress((real_data / file).read_bytes())
        pieces = [content[at : at + 70_001] for at in range(0, len(content), 70_001)]
        source = CATALOG.sources[name]
        found = of_stream(source, pieces, 1 << 20)
        assert len(found) > 1900
        assert found == of_file(source, content, 1 << 20)


def test_lines_are_counted_over_all_that_came() -> None:
    framer = Framer(Source(format=LINE), LIMIT)
    framer.feed(b"\na\n")
    again = Framer(Source(format=LINE), LIMIT, framer.state())
    assert again.feed(b"b\n").to_pylist()[0]["raw_line"] == 3
    assert again.lines == 3


def test_a_record_of_several_lines_waits_for_the_next_or_for_silence() -> None:
    framer = Framer(STACK, LIMIT)
    assert framer.feed(b"1 first\n\tframe\n").num_rows == 0
    assert framer.pending
    assert framer.feed(b"2 second\n\tfr")["line"].to_pylist() == ["1 first\n\tframe"]
    flushed = framer.flush().to_pylist()
    assert [(row["line"], row["raw_line"]) for row in flushed] == [("2 second", 3)]
    assert not framer.pending
    # The line that was torn is not lost: it comes as a record of its own.
    assert framer.feed(b"ame\n3 third\n")["line"].to_pylist() == ["\tframe"]


def test_a_record_of_csv_comes_with_its_last_line_and_an_open_quote_is_never_flushed() -> None:
    framer = Framer(CELLS, LIMIT)
    assert framer.feed(b'a,b\n"c\n')["line"].to_pylist() == ["a,b"]
    assert not framer.pending
    assert framer.flush().num_rows == 0
    assert framer.feed(b'd",e\n')["line"].to_pylist() == ['"c\nd",e']


def test_a_document_a_line_comes_at_once_in_a_stream() -> None:
    framer = Framer(Source(format=JSON), LIMIT)
    assert framer.feed(b'{"a": 1}\n{"b"')["line"].to_pylist() == ['{"a": 1}']


def test_a_header_is_remembered_over_a_restart() -> None:
    framer = Framer(Source(format=ZEEK), LIMIT)
    framer.feed(b"#fields\tts\tuid\n1\tC1\n")
    again = Framer(Source(format=ZEEK), LIMIT, json.loads(json.dumps(framer.state())))
    assert again.feed(b"2\tC2\n").to_pylist() == [
        {"line": "2\tC2", "raw_line": 3, "problem": None, "header": "ts\tuid"}
    ]
