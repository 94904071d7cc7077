"""What peers send arrives line for line, and again after a kill, by real sockets."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streaming_inputs.streams import joined, read_all, read_lines, until
from whetstone.errors import InputError
from whetstone.streaming.inputs import open_input
from whetstone.streaming.inputs.messages import Counted, Either, Lines


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Path]:
    """A directory whose name is short enough for the path of a socket."""
    link = Path(f"/tmp/whetstone-{os.getpid()}")  # noqa: S108
    link.symlink_to(tmp_path)
    yield link
    link.unlink()


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unix(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX, kind)
    peer.connect(os.fspath(path))
    return peer


def opened(spec: str, spool: Path, position: Any = None) -> Any:
    one = open_input(spec, spool)
    one.open(position)
    return one


def test_lines_of_many_peers_are_not_torn_apart(short: Path) -> None:
    one = opened(f"suricata_flow=unix://{short}/eve.sock", short / "spool")
    peers = [unix(short / "eve.sock") for _ in range(3)]
    for part in (b"first ", b"second ", b"third\n"):
        for number, peer in enumerate(peers):
            peer.sendall(b"%d:%s" % (number, part))
    found = joined(read_lines(one, 3))
    assert sorted(found.splitlines()) == [
        b"%d:first %d:second %d:third" % (n, n, n) for n in range(3)
    ]
    peers[0].sendall(b"no end")
    peers[0].close()
    assert joined(read_lines(one, 1)) == b"no end\n"
    assert one.lost == 1
    one.close()


def test_what_was_read_before_a_kill_is_read_again_and_the_rest_follows(short: Path) -> None:
    spec = f"suricata_flow=unix://{short}/eve.sock"
    killed = opened(spec, short / "spool")
    peer = unix(short / "eve.sock")
    peer.sendall(b"one\ntwo\n")
    position = read_lines(killed, 2)[-1].position
    peer.sendall(b"three\nfour\nto")
    read_lines(killed, 2)
    killed.close()
    again = opened(spec, short / "spool", position)
    assert joined(read_lines(again, 2)) == b"three\nfour\n"
    with unix(short / "eve.sock") as back:
        back.sendall(b"five\n")
    assert joined(read_lines(again, 1)) == b"five\n"
    again.close()


def test_a_scorer_killed_before_its_first_checkpoint_reads_all_again(short: Path) -> None:
    spec = f"suricata_flow=unix://{short}/eve.sock"
    killed = opened(spec, short / "spool")
    with unix(short / "eve.sock") as peer:
        peer.sendall(b"one\ntwo\n")
    read_lines(killed, 2)
    killed.close()
    again = opened(spec, short / "spool")
    assert read_all(again)[0] == b"one\ntwo\n"
    again.close()


def test_a_socket_file_that_nobody_listens_on_is_replaced_and_another_is_not(short: Path) -> None:
    spec = f"sshd=unix://{short}/log.sock?mode=600"
    one = opened(spec, short / "spool")
    assert stat.S_IMODE((short / "log.sock").stat().st_mode) == 0o600
    with pytest.raises(InputError, match="another process listens there"):
        opened(spec, short / "other")
    one.close()
    opened(spec, short / "spool").close()
    (short / "file").write_text("x")
    with pytest.raises(InputError, match="no socket; remove it"):
        opened(f"sshd=unix://{short}/file", short / "spool")


def test_a_datagram_is_a_line(short: Path) -> None:
    one = opened(f"suricata_flow=unix://{short}/eve.sock?type=datagram", short / "spool")
    with unix(short / "eve.sock", socket.SOCK_DGRAM) as peer:
        for text in (b'{"a": 1}', b'{"b": 2}\n', b"", b"<38>c\0"):
            peer.send(text)
    assert joined(read_lines(one, 3)) == b'{"a": 1}\n{"b": 2}\n<38>c\n'
    one.close()


def test_syslog_comes_over_udp_and_what_the_system_drops_is_counted(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    one = opened(f"sshd=udp://127.0.0.1:{port}", tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"<38>Dec 10 06:55:46 host sshd[1]: hello\n", ("127.0.0.1", port))
        assert joined(read_lines(one, 1)) == b"<38>Dec 10 06:55:46 host sshd[1]: hello\n"
        assert one.lost == 0
        sent = 0

        def overrun() -> int:
            nonlocal sent
            for _ in range(2000):
                peer.sendto(b"x" * 8000, ("127.0.0.1", port))
                sent += 1
            return one.lost

        lost = until(overrun)
    arrived = read_all(one)[0].count(b"\n")
    assert arrived + lost == sent
    one.close()


@pytest.mark.parametrize("counted", [False, True])
def test_syslog_comes_over_tcp_in_both_framings(tmp_path: Path, counted: bool) -> None:
    port = free_port(socket.SOCK_STREAM)
    messages = [b"<38>1 - first", b"<38>1 - second", b"<38>1 - third"]
    sent = b"".join(b"%d %s" % (len(m), m) if counted else m + b"\n" for m in messages)
    one = opened(f"sshd=tcp://127.0.0.1:{port}", tmp_path)
    with closing(socket.create_connection(("127.0.0.1", port))) as peer:
        for at in range(0, len(sent), 5):
            peer.sendall(sent[at : at + 5])
        assert joined(read_lines(one, 3)) == b"".join(m + b"\n" for m in messages)
    one.close()


def test_a_peer_too_many_is_turned_away_and_counted(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_STREAM)
    one = opened(f"sshd=tcp://127.0.0.1:{port}?peers=1", tmp_path)
    with closing(socket.create_connection(("127.0.0.1", port))) as first:
        first.sendall(b"a\n")
        read_lines(one, 1)
        with closing(socket.create_connection(("127.0.0.1", port))) as second:
            until(lambda: one.read(100, 0.01) is None and one.lost)
            assert second.recv(1) == b""
        first.sendall(b"b\n")
        assert joined(read_lines(one, 1)) == b"b\n"
    one.close()


@given(
    messages=st.lists(st.binary(min_size=1, max_size=30).map(lambda m: b"<1>" + m.strip(b"\n\0"))),
    newline=st.booleans(),
    size=st.integers(1, 20),
)
def test_counted_messages_come_whole_wherever_they_are_cut(
    messages: list[bytes], newline: bool, size: int
) -> None:
    end = b"\n" if newline else b""
    sent = b"".join(b"%d %s%s" % (len(m), m, end) for m in messages)
    cutting = Either()
    found = [cutting.take(sent[at : at + size]) for at in range(0, len(sent), size)]
    assert b"".join([*found, cutting.end()]) == b"".join(m + b"\n" for m in messages)


@given(st.binary(max_size=80), st.integers(1, 20))
def test_lines_are_the_same_wherever_they_are_cut(content: bytes, size: int) -> None:
    cutting = Lines()
    found = [cutting.take(content[at : at + size]) for at in range(0, len(content), size)]
    end = b"" if not content or content.endswith(b"\n") else b"\n"
    assert b"".join([*found, cutting.end()]) == content + end


def test_a_line_without_end_takes_bounded_memory() -> None:
    cutting = Lines(longest=10)
    for _ in range(5):
        assert cutting.take(b"x" * 7) == b""
    assert cutting.take(b"y\nnext\n") == b"x" * 10 + b"y\nnext\n"


def test_a_length_that_is_none_ends_the_connection() -> None:
    cutting = Counted()
    assert cutting.take(b"5 <1>ab4x <1>") == b"<1>ab\n"
    assert cutting.broken
