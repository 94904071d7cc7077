"""What was spooled is read again, line for line, whenever the process died."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.limits import file_size_limit
from tests.streaming_inputs.streams import joined, read_lines
from whetstone.errors import InputError
from whetstone.streaming.inputs.spool import Spool
from whetstone.streaming.inputs.spooled import Spooled
from whetstone.streaming.inputs.stdin import Stdin


def everything(spool: Spool, at: int) -> bytes:
    found = b""
    while at < spool.end:
        found += (piece := spool.read(at, 7))
        at += len(piece)
    return found


@settings(max_examples=60)
@given(
    lines=st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"") + b"\n"), min_size=1),
    segment_bytes=st.integers(1, 40),
    covered=st.floats(0, 1),
    torn=st.binary(max_size=9).map(lambda b: b.replace(b"\n", b"")),
)
def test_all_behind_a_checkpoint_is_there_after_a_kill_at_any_moment(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    segment_bytes: int,
    covered: float,
    torn: bytes,
) -> None:
    directory = tmp_path_factory.mktemp("spool") / "input"
    spool = Spool(directory, segment_bytes)
    assert spool.open(None) == 0
    places = [spool.append(line) for line in lines]
    number = int(covered * (len(lines) - 1))
    spool.forget(places[number])
    # The process dies while it writes a line.
    with max(directory.iterdir()).open("ab") as last:
        last.write(torn)
    again = Spool(directory, segment_bytes)
    assert again.open(places[number]) == places[number]
    assert everything(again, places[number]) == b"".join(lines[number + 1 :])
    # What comes next stands behind it.
    again.append(b"next\n")
    assert everything(again, places[number]) == b"".join([*lines[number + 1 :], b"next\n"])


def test_a_scorer_that_died_before_its_first_checkpoint_begins_with_the_oldest_line(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path / "input", 8)
    spool.open(None)
    for line in (b"first\n", b"second\n", b"third\n"):
        spool.append(line)
    again = Spool(tmp_path / "input", 8)
    assert everything(again, again.open(None)) == b"first\nsecond\nthird\n"


def test_segments_are_removed_when_a_checkpoint_covers_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10)
    spool.open(None)
    for _ in range(100):
        end = spool.append(b"0123456789\n")
    spool.forget(end)
    assert [file.name for file in tmp_path.iterdir()] == [f"{end - 11:020}.lines"]


def test_a_spool_that_is_gone_goes_on_where_the_checkpoint_is(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    assert spool.open(1000) == 1000
    assert spool.append(b"a\n") == 1002
    assert Spool(tmp_path).open(1002) == 1002


def test_lines_that_are_missing_are_an_error_that_says_where(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 4)
    spool.open(None)
    for _ in range(3):
        spool.append(b"line\n")
    spool.forget(10)
    with pytest.raises(InputError, match=r"begins at 10, the checkpoint ends at 5.*move the state"):
        Spool(tmp_path).open(5)


def test_a_file_system_that_is_full_costs_no_line(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    give, take = os.pipe()
    one = Spooled("stdin:", "sshd", Stdin(give), spool)
    one.open(None)
    os.write(take, b"0123456789\n" * 3)
    said = r"the spool cannot be used.*free space"
    with file_size_limit(15), pytest.raises(InputError, match=said):
        one.read(1 << 20, 1.0)
    one.open(None)
    assert joined(read_lines(one, 3)) == b"0123456789\n" * 3
    one.close()
    again = Spool(tmp_path / "spool")
    assert everything(again, again.open(None)) == b"0123456789\n" * 3
