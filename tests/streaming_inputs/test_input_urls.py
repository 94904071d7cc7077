"""An input is what its URL says, and a wrong URL says what would be right."""

import gzip
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.streaming_inputs.streams import read_all
from whetstone.catalog.catalog_pb2 import JSON, LINE, Source
from whetstone.errors import InputError
from whetstone.streaming.flow import EndOfInput
from whetstone.streaming.inputs import open_input
from whetstone.streaming.inputs.framing import Framer
from whetstone.streaming.inputs.spool import Spool
from whetstone.streaming.inputs.spooled import Spooled
from whetstone.streaming.inputs.stdin import Stdin


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("tail:///var/log/auth.log", "write SOURCE=URL"),
        ("sshd=gopher://x", "no input is called gopher:; there are tail, file, unix"),
        ("sshd=tail://var/log/auth.log", "absolute path behind three slashes"),
        ("sshd=tail:///log?begn=end", "no option 'begn'; did you mean begin?"),
        ("sshd=tail:///log?begin=middle", "may be start or end"),
        ("sshd=tail:///log?begin=end&begin=start", "stands twice"),
        ("sshd=file:///log?begin=end", "no option 'begin'; it takes name"),
        ("sshd=unix:///sock?type=packet", "may be stream or datagram"),
        ("sshd=unix:///sock?mode=rw", "takes e.g. 660"),
        ("sshd=udp://127.0.0.1", "name a port"),
        ("sshd=udp://127.0.0.1:99999", "0 to 65535|0-65535"),
        ("sshd=tcp://127.0.0.1:5514?peers=0", "whole number from 1"),
        ("sshd=redis://127.0.0.1", "list=KEY or stream=KEY"),
        ("sshd=redis://127.0.0.1/x?list=a", "takes a number"),
        ("sshd=kafka://127.0.0.1:9092", "brokers and a topic"),
    ],
)
def test_a_wrong_url_is_refused_with_what_would_be_right(
    spec: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        open_input(spec, tmp_path)


def test_a_name_is_stable_and_holds_neither_password_nor_options(tmp_path: Path) -> None:
    spec = "sshd=redis://ann:secret@127.0.0.1:6379/2?list=eve"
    assert open_input(spec, tmp_path).name == "sshd=redis://127.0.0.1:6379/2"
    assert open_input("sshd=tail:///log?name=auth.log", tmp_path).name == "auth.log"
    assert open_input("sshd=stdin:", tmp_path).name == "sshd=stdin:"


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
def test_a_file_goes_on_where_a_killed_scorer_was(tmp_path: Path, packing: str) -> None:
    content = b"\xef\xbb\xbf" + b"".join(b"line %d\n" % number for number in range(1000))
    file = tmp_path / "log"
    file.write_bytes(gzip.compress(content) if packing == "gzip" else content)
    if packing == "zstd":
        subprocess.run(["zstd", "-q", "--rm", file, "-o", tmp_path / "packed"], check=True)
        file = tmp_path / "packed"
    one = open_input(f"sshd=file://{file}", tmp_path)
    assert one.finite
    one.open(None)
    first = one.read(100, 0.0)
    assert first
    again = open_input(f"sshd=file://{file}", tmp_path)
    again.open(json.loads(json.dumps(first.position)))
    assert first.data + read_all(again)[0] == content[3:]
    with pytest.raises(EndOfInput):
        again.read(1, 0.0)


def test_another_file_in_the_place_of_the_one_that_was_begun_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"one\n")
    one = open_input(f"sshd=file://{file}", tmp_path)
    one.open(None)
    _, position = read_all(one)
    file.write_bytes(b"two\n")
    with pytest.raises(InputError, match="another file than the one that was begun"):
        one.open(position)


def test_a_packed_file_that_breaks_off_says_so_at_its_end(tmp_path: Path) -> None:
    file = tmp_path / "log.gz"
    file.write_bytes(gzip.compress(b"line\n" * 1000)[:-12])
    one = open_input(f"sshd=file://{file}", tmp_path)
    one.open(None)
    framer = Framer(Source(format=LINE), 100)
    with pytest.raises(EndOfInput) as end:
        while chunk := one.read(1 << 20, 0.0):
            framer.feed(chunk.data)
    rest = framer.break_off(str(end.value)).to_pylist()
    assert [row["problem"].split(":")[0] for row in rest] == ["file breaks off"]


def test_documents_of_a_json_file_may_be_wrapped(tmp_path: Path) -> None:
    file = tmp_path / "trail.json"
    file.write_text('[\n  {"a": 1},\n  {"a": 2}\n]\n')
    one = open_input(f"cloudtrail=file://{file}", tmp_path)
    one.open(None)
    framer = Framer(Source(format=JSON), 1000, whole_file=one.whole_file)  # type: ignore[attr-defined]
    found = framer.feed(read_all(one)[0]).to_pylist() + framer.feed(b"", last=True).to_pylist()
    assert [(row["line"], row["raw_line"]) for row in found] == [('{"a": 1}', 2), ('{"a": 2}', 3)]


def test_standard_input_is_read_to_its_end_and_again_after_a_kill(tmp_path: Path) -> None:
    give, take = os.pipe()
    killed = Spooled("stdin:", "sshd", Stdin(give), Spool(tmp_path), finite=True)
    killed.open(None)
    os.write(take, b"one\ntwo\nthr")
    assert read_all(killed)[0] == b"one\ntwo\n"
    os.write(take, b"ee\nfour")
    os.close(take)
    data, _ = read_all(killed)
    assert data == b"three\nfour\n"
    again = Spooled("stdin:", "sshd", Stdin(give), Spool(tmp_path), finite=True)
    again.open(None)
    assert read_all(again)[0] == b"one\ntwo\nthree\nfour\n"
    os.close(give)
