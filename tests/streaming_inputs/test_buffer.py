"""Between inputs and parser nothing is lost, nothing grows without bound, and errors are shown."""

import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streaming_inputs.streams import until
from whetstone.catalog.catalog_pb2 import LINE, TSV, Source
from whetstone.errors import InputError
from whetstone.streaming.flow import Chunk, Position
from whetstone.streaming.inputs import open_input
from whetstone.streaming.inputs.buffer import Buffer, Policy, Taken
from whetstone.streaming.inputs.framing import Framer
from whetstone.streaming.inputs.lane import Lane
from whetstone.streaming.inputs.spool import Spool
from whetstone.streaming.inputs.spooled import Spooled
from whetstone.streaming.inputs.stdin import Stdin

PLAIN = Source(format=LINE)
STACK = Source(format=LINE, record_start=r"^\d")


def buffered(
    tmp_path: Path, names: list[str], most_bytes: int = 1 << 20, silent_seconds: float = 60.0
) -> Buffer:
    inputs = [open_input(f"sshd=tail://{tmp_path / name}?name={name}", tmp_path) for name in names]
    return Buffer(inputs, most_bytes, silent_seconds=silent_seconds)


def drained(buffer: Buffer, framers: dict[str, Framer], wanted: int) -> dict[str, list[Any]]:
    """Rows by input, until there are so many."""
    rows: dict[str, list[Any]] = {name: [] for name in framers}

    def enough() -> bool:
        for taken in buffer.take(1 << 20, 0.1):
            rows[taken.input] += taken.feed(framers[taken.input]).to_pylist()
        return sum(map(len, rows.values())) >= wanted

    until(enough)
    return rows


def test_all_lines_of_all_inputs_come_in_order_within_bounds(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    for name in names:
        (tmp_path / name).write_text("".join(f"{name} {number}\n" for number in range(30_000)))
    buffer = buffered(tmp_path, names, most_bytes=30_000)
    buffer.start({})
    rows = drained(buffer, {name: Framer(PLAIN, 100) for name in names}, 90_000)
    buffer.stop()
    for name in names:
        assert [row["line"] for row in rows[name]] == [f"{name} {n}" for n in range(30_000)]
        assert rows[name][-1]["raw_line"] == 30_000


def test_a_restart_from_the_positions_taken_goes_on_with_the_next_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("1 one\n\tframe\n2 two\n")
    framers = {"log": Framer(STACK, 100)}
    buffer = buffered(tmp_path, ["log"])
    buffer.start({})
    [taken] = until(lambda: buffer.take(1 << 20, 0.1))
    found = taken.feed(framers["log"]).to_pylist()
    buffer.stop()
    with (tmp_path / "log").open("a") as file:
        file.write("\tframe\n3 three\n")
    again = buffered(tmp_path, ["log"])
    again.start({"log": taken.position})
    found += drained(again, {"log": Framer(STACK, 100, framers["log"].state())}, 1)["log"]
    again.stop()
    assert [(row["line"], row["raw_line"]) for row in found] == [
        ("1 one\n\tframe", 1),
        ("2 two\n\tframe", 3),
    ]


def test_a_record_that_waits_for_the_next_comes_after_silence(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("1 one\n\tframe\n")
    buffer = buffered(tmp_path, ["log"], silent_seconds=0.05)
    buffer.start({})
    rows = drained(buffer, {"log": Framer(STACK, 100)}, 1)["log"]
    buffer.stop()
    assert [row["line"] for row in rows] == ["1 one\n\tframe"]


def test_the_end_of_a_file_ends_its_last_record(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("1 one\n\tframe")
    buffer = Buffer([open_input(f"sshd=file://{tmp_path}/log?name=log", tmp_path)])
    buffer.start({})
    taken: list[Taken] = []
    until(lambda: taken.extend(buffer.take(1 << 20, 0.1)) or (taken and taken[-1].ended))
    buffer.stop()
    framer = Framer(STACK, 100)
    lines = [row["line"] for one in taken for row in one.feed(framer).to_pylist()]
    assert lines == ["1 one\n\tframe"]


def test_what_a_checkpoint_covers_is_removed_from_the_spool(tmp_path: Path) -> None:
    give, take = os.pipe()
    buffer = Buffer([Spooled("in", "sshd", Stdin(give), Spool(tmp_path, segment_bytes=8))])
    buffer.start({})
    position: Position | None = None
    for _ in range(3):
        os.write(take, b"0123456789\n")
        [taken] = until(lambda: buffer.take(1 << 20, 0.1))
        position = taken.position
    assert len(list(tmp_path.iterdir())) == 3
    buffer.commit({"in": position})
    until(lambda: len(list(tmp_path.iterdir())) == 1)
    buffer.stop()
    os.close(give)
    os.close(take)


def test_an_input_that_fails_is_shown_and_opened_again_where_it_was(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\n")
    buffer = buffered(tmp_path, ["log"])
    buffer.start({})
    framers = {"log": Framer(PLAIN, 100)}
    drained(buffer, framers, 1)
    # A directory in the place of the file, with something in it, is no file.
    log.rename(tmp_path / "log.1")
    log.mkdir()
    (log / "x").touch()
    [state] = until(lambda: [s for s in buffer.states() if s.error])
    assert "is no file" in state.error
    assert state.failures
    (log / "x").unlink()
    log.rmdir()
    log.write_text("two\n")
    rows = drained(buffer, framers, 1)["log"]
    assert [(row["line"], row["raw_line"]) for row in rows] == [("two", 2)]
    until(lambda: buffer.states()[0].error is None)
    buffer.stop()


def test_an_input_that_cannot_be_opened_at_the_start_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        buffer = Buffer([open_input(f"sshd=tcp://127.0.0.1:{port}", tmp_path)])
        with pytest.raises(InputError, match="cannot be listened on"):
            buffer.start({})


def test_lines_that_the_input_did_not_give_have_numbers_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a\tb\n1\t2\n")
    buffer = buffered(tmp_path, ["log"])
    buffer.start({})
    framers = {"log": Framer(Source(format=TSV, header=True), 100)}
    rows = drained(buffer, framers, 1)["log"]
    buffer.put_aside("log", b"canary\tx\n")
    with (tmp_path / "log").open("a") as file:
        file.write("3\t4\n")
    rows += drained(buffer, framers, 2)["log"]
    buffer.stop()
    found = {(row["line"], row["raw_line"], row["header"]) for row in rows}
    assert found == {("1\t2", 2, "a\tb"), ("canary\tx", -1, "a\tb"), ("3\t4", 3, "a\tb")}


def lane(policy: Policy, most_bytes: int) -> Lane:
    return Lane("in", "sshd", most_bytes, policy, threading.Condition())


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1),
    takes=st.lists(st.booleans(), min_size=1),
    most=st.integers(1, 40),
)
def test_what_is_dropped_is_whole_lines_which_are_counted_and_keep_their_numbers(
    sizes: list[int], takes: list[bool], most: int
) -> None:
    content = b"".join(b"%d\n" % (number % 7 * 1111) for number in range(60))
    dropping = lane("drop", most)
    framer = Framer(PLAIN, 100)
    rows: list[Any] = []
    at = step = 0
    while at < len(content):
        data = content[at : at + sizes[step % len(sizes)]]
        at += len(data)
        dropping.put(Chunk(data, {"at": at}, 0.0), threading.Event())
        if takes[step % len(takes)] and (taken := dropping.take(1 << 20, 60.0)):
            rows += taken.feed(framer).to_pylist()
            assert taken.position == {"at": at}
        step += 1
    if taken := dropping.take(1 << 20, 60.0):
        rows += taken.feed(framer).to_pylist()
    lines = content.decode().splitlines()
    assert len(rows) + dropping.dropped == framer.lines == 60
    assert all(row["line"] == lines[row["raw_line"] - 1] for row in rows)


def test_a_lane_that_is_full_drops_and_its_neighbour_does_not() -> None:
    full, empty = lane("drop", 10), lane("drop", 10)
    for _ in range(5):
        full.put(Chunk(b"0123456\n", {}, 0.0), threading.Event())
    empty.put(Chunk(b"x\n", {}, 0.0), threading.Event())
    assert (full.dropped, empty.dropped) == (4, 0)
