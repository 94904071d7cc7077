"""A subject is erased from raw files and contributions; every other record stays what it was."""

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from privacy_worlds import DAY, MAX_LINE_BYTES, SOURCE, line

from whetstone.catalog.catalog_pb2 import Source
from whetstone.contributions import contribute, contributions
from whetstone.errors import InputError
from whetstone.privacy.erasure import (
    erase_from_contribution,
    erase_from_file,
    find_in_file,
    find_in_labels,
    subject_of,
)

FIELDS = """fields { name: "event_time" data_type: "TIMESTAMP" index: "time" definition: "$1" }
    fields { name: "user" data_type: "VARCHAR" index: "user" definition: "$1" personal_data: USER }
    fields { name: "note" data_type: "VARCHAR" index: "note" definition: "$1" }"""


def erased(path: Path, subject: str, source: Source = SOURCE) -> tuple[int, int]:
    """Erase; returns how many events and rejects went."""
    found = find_in_file(source, path, DAY, subject_of(subject), MAX_LINE_BYTES)
    if found:
        erase_from_file(source, path, DAY, found, MAX_LINE_BYTES)
    assert not find_in_file(source, path, DAY, subject_of(subject), MAX_LINE_BYTES)
    return found.events, found.rejects


def zstd(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content, asbytes=True)


def unzstd(content: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        return stream.read()


@pytest.mark.parametrize(
    ("packed", "unpacked"),
    [(bytes, bytes), (gzip.compress, gzip.decompress), (zstd, unzstd)],
    ids=["plain", "gzip", "zstd"],
)
def test_the_lines_of_a_subject_are_blank_and_all_others_as_before(
    tmp_path: Path, packed: Callable[[bytes], bytes], unpacked: Callable[[bytes], bytes]
) -> None:
    lines = [line(user="bo"), line(), line("hello ana", user="bo"), "nonsense(ana)", line(user="x")]
    path = tmp_path / "raw.log"
    path.write_bytes(packed("\r\n".join(lines).encode()))
    assert erased(path, "user=ana") == (1, 1)
    kept = [lines[0], "", lines[2], "", lines[4]]
    assert unpacked(path.read_bytes()).replace(b"\r", b"").decode().split("\n") == kept


def test_an_address_is_erased_wherever_it_is_said_and_however_it_is_written(
    tmp_path: Path,
) -> None:
    others = [line(ip="10.1.2.33"), line("at 110.1.2.3")]
    lines = [
        line(ip="010.001.002.003"),
        line("via ::ffff:10.1.2.3", ip="::1"),
        line("from 10.1.2.3:22", ip="::1"),
        "x 10.1.2.3",
    ]
    path = tmp_path / "raw.log"
    path.write_text("\n".join([*lines, *others]) + "\n")
    # 10.1.2.3 is what line() writes if it is not told otherwise.
    others[1] = line("at 110.1.2.3", ip="::1")
    path.write_text("\n".join([*lines, *others]) + "\n")
    assert erased(path, "address=10.1.2.3") == (3, 1)
    assert path.read_text() == "\n" * 4 + "\n".join(others) + "\n"


def test_an_email_address_is_erased_from_text_too(tmp_path: Path) -> None:
    path = tmp_path / "raw.log"
    path.write_text(line("to ana@example.org") + "\n" + line("to dana@example.org") + "\n")
    assert erased(path, "user=ana@example.org") == (1, 0)


def test_records_of_several_lines_are_erased_whole(tmp_path: Path) -> None:
    source = text_format.Parse(
        rf"""name: "app" format: LINE event_time: "event_time" record_start: "^2026"
        pattern: "(?s)^(?P<time>\\S+) (?P<user>\\S+) (?P<note>.*)$" {FIELDS}""",
        Source(),
    )
    path = tmp_path / "raw.log"
    path.write_text(
        f"{DAY}T01:00 bo x\n at bo\n{DAY}T02:00 ana y\n at x\n at y\n{DAY}T03:00 bo z\n at z\n"
    )
    assert erased(path, "user=ana", source) == (1, 0)
    assert path.read_text() == f"{DAY}T01:00 bo x\n at bo\n\n\n\n{DAY}T03:00 bo z\n at z\n"


def test_records_with_quoted_line_breaks_are_erased_whole(tmp_path: Path) -> None:
    source = text_format.Parse(
        f'name: "app" format: CSV header: true event_time: "event_time" {FIELDS}', Source()
    )
    path = tmp_path / "raw.csv"
    path.write_text(f'time,user,note\n{DAY},ana,"a\nb"\n{DAY},bo,"c\nd"\n{DAY},ana,e\n')
    assert erased(path, "user=ana", source) == (2, 0)
    assert path.read_text() == f'time,user,note\n\n\n{DAY},bo,"c\nd"\n\n'


def test_json_lines_are_erased(tmp_path: Path) -> None:
    source = text_format.Parse(
        f'name: "app" format: JSON event_time: "event_time" {FIELDS}', Source()
    )
    rows = [json.dumps({"time": DAY, "user": user, "note": "x"}) for user in ("ana", "bo", "ana")]
    path = tmp_path / "raw.json"
    path.write_text("\n".join(rows) + "\n")
    assert erased(path, "user=ana", source) == (2, 0)
    assert path.read_text() == f"\n{rows[1]}\n\n"


def test_a_file_whose_other_records_would_be_lost_is_left_as_it_is(tmp_path: Path) -> None:
    source = text_format.Parse(
        f'name: "app" format: JSON event_time: "event_time" {FIELDS}', Source()
    )
    rows = [{"time": DAY, "user": user, "note": "x"} for user in ("bo", "cem", "ana")]
    path = tmp_path / "raw.json"
    path.write_text(json.dumps(rows, indent=1))
    before = path.read_bytes()
    subject = subject_of("user=ana")
    found = find_in_file(source, path, DAY, subject, MAX_LINE_BYTES)
    assert found.events == 1
    try:
        erase_from_file(source, path, DAY, found, MAX_LINE_BYTES)
    except InputError as error:
        assert str(path) in str(error)
        assert path.read_bytes() == before
    else:
        assert find_in_file(source, path, DAY, subject_of("user=bo"), MAX_LINE_BYTES).events == 1
    assert [each.name for each in tmp_path.iterdir()] == ["raw.json"]


USERS = st.sampled_from(["ana", "bo", "ana.b", "banana"])


@settings(max_examples=30)
@given(st.lists(st.one_of(USERS.map(lambda u: line(user=u)), st.sampled_from(["", "x", "ana?"]))))
def test_only_records_of_the_subject_go_whatever_the_file(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = tmp_path_factory.mktemp("raw") / "raw.log"
    path.write_text("\n".join(["y", *lines]))
    erased(path, "user=ana")
    kept = ["" if each in (line(user="ana"), "ana?") else each for each in ["y", *lines]]
    assert path.read_text().split("\n") == kept


def test_a_contribution_goes_on_without_the_subject_under_another_id(tmp_path: Path) -> None:
    raw, labels = tmp_path / "raw.log", tmp_path / "l.csv"
    raw.write_text("\n".join([line(ip="10.1.2.3"), line(ip="10.1.2.4")]) + "\n")
    labels.write_text(
        "unit,label\n10.1.2.3,Attack\n10.1.2.3|ana,Attack\n10.1.2.4,Attack\n*,normal\n"
    )
    root = tmp_path / "contributions"
    given_in, _ = contribute(
        root, "scan", "vpn", raw, labels, contributor="bo", day=date.fromisoformat(DAY), note="n"
    )
    subject = subject_of("address=10.1.2.3")
    found = find_in_file(SOURCE, given_in.raw, DAY, subject, MAX_LINE_BYTES)
    assert find_in_labels(given_in, subject) == 2
    left = erase_from_contribution(root, SOURCE, given_in, found, subject, MAX_LINE_BYTES)
    assert left is not None
    assert contributions(root, "scan") == [left]
    assert left.id != given_in.id
    assert (left.contributor, left.note, left.day) == ("bo", "n", DAY)
    assert left.labels.read_text() == "unit,label\n10.1.2.4,Attack\n*,normal\n"
    assert "10.1.2.3" not in left.raw.read_text()
    assert [each.name for each in (root / "scan").iterdir()] == [left.id]


def test_a_contribution_of_nobody_else_is_removed(tmp_path: Path) -> None:
    raw, labels = tmp_path / "raw.log", tmp_path / "l.csv"
    raw.write_text(line() + "\n")
    labels.write_text("unit,label\n*,normal\n")
    root = tmp_path / "contributions"
    given_in, _ = contribute(
        root, "scan", "vpn", raw, labels, contributor="bo", day=date.fromisoformat(DAY)
    )
    subject = subject_of("user=ana")
    found = find_in_file(SOURCE, given_in.raw, DAY, subject, MAX_LINE_BYTES)
    assert erase_from_contribution(root, SOURCE, given_in, found, subject, MAX_LINE_BYTES) is None
    assert contributions(root, "scan") == []


@pytest.mark.parametrize("text", ["ana", "name=ana", "user=", "address=ana", "=x"])
def test_a_subject_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--subject"):
        subject_of(text)
