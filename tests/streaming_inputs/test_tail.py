"""A file that is written is followed: each line once, through rotation, truncation and kills."""

import os
import random
import shutil
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.streaming_inputs.streams import joined, read_all
from whetstone.errors import InputError
from whetstone.streaming.flow import Input, Position
from whetstone.streaming.inputs import open_input


def tail(path: Path, position: Position | None = None, options: str = "") -> Input:
    one = open_input(f"sshd=tail://{path}{options}", path.parent / "spool")
    one.open(position)
    return one


def write(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rename(path: Path) -> None:
    """As logrotate does: .1 becomes .2, the file becomes .1."""
    for number in range(9, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


def copy_and_truncate(path: Path) -> None:
    for number in range(9, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)


ROTATIONS = pytest.mark.parametrize("rotate", [rename, copy_and_truncate])


def test_a_file_may_appear_later(tmp_path: Path) -> None:
    one = tail(tmp_path / "log")
    assert one.read(100, 0.0) is None
    write(tmp_path / "log", "first\nsec")
    assert read_all(one)[0] == b"first\nsec"
    write(tmp_path / "log", "ond\n")
    assert read_all(one)[0] == b"ond\n"


@ROTATIONS
def test_a_file_is_read_to_its_end_when_it_is_rotated(
    tmp_path: Path, rotate: Callable[[Path], None]
) -> None:
    log = tmp_path / "log"
    write(log, "a\n")
    one = tail(log)
    assert read_all(one)[0] == b"a\n"
    write(log, "b\n")
    rotate(log)
    write(log, "c\n")
    assert read_all(one)[0] == b"b\nc\n"


@ROTATIONS
@pytest.mark.parametrize("rotations", [1, 2, 3])
def test_what_was_written_and_rotated_while_the_scorer_was_down_is_read_in_order(
    tmp_path: Path, rotate: Callable[[Path], None], rotations: int
) -> None:
    log = tmp_path / "log"
    write(log, "what was read before\n")
    one = tail(log)
    _, position = read_all(one)
    one.close()
    for number in range(rotations):
        write(log, f"before rotation {number}\n")
        rotate(log)
        os.utime(tmp_path / "log.1", ns=(number, number))
        write(log, f"behind rotation {number}\n")
    expected = "".join(f"before rotation {n}\nbehind rotation {n}\n" for n in range(rotations))
    assert read_all(tail(log, position))[0].decode() == expected


def test_a_writer_that_goes_on_with_the_renamed_file_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("a") as old:
        old.write("a\n")
        old.flush()
        one = tail(log)
        assert read_all(one)[0] == b"a\n"
        rename(log)
        log.touch()
        old.write("late\n")
        old.flush()
        assert read_all(one)[0] == b"late\n"
    write(log, "b\n")
    assert read_all(one)[0] == b"b\n"


def test_a_line_that_a_rotation_tore_ends_where_the_file_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    write(log, "torn")
    one = tail(log)
    first, position = read_all(one)
    rename(log)
    write(log, "next\n")
    assert first + read_all(one)[0] == b"torn\nnext\n"
    # The same for one that was down meanwhile.
    assert read_all(tail(log, position))[0] == b"\nnext\n"


def test_a_file_that_is_truncated_begins_anew_even_if_it_has_grown_longer(tmp_path: Path) -> None:
    log = tmp_path / "log"
    write(log, "old line\n")
    one = tail(log)
    _, position = read_all(one)
    log.write_text("new line that is longer than the old one\n")
    for following in (one, tail(log, position)):
        assert read_all(following)[0] == b"new line that is longer than the old one\n"
        assert following.gaps == 1  # type: ignore[attr-defined]


def test_a_scorer_may_begin_with_what_is_still_to_come(tmp_path: Path) -> None:
    log = tmp_path / "log"
    write(log, "old\nhalf")
    one = tail(log, options="?begin=end")
    write(log, " a line\n")
    assert read_all(one)[0] == b"half a line\n"


def test_a_directory_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no file"):
        tail(tmp_path).read(1, 0.0)


@ROTATIONS
@pytest.mark.parametrize("restarted", [False, True])
def test_a_rotation_at_any_moment_of_a_look_loses_and_repeats_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rotate: Callable[[Path], None],
    restarted: bool,
) -> None:
    """It comes just before the n-th call that looks at a file or the directory, for every n."""
    for moment in count(1):
        home = tmp_path / str(moment)
        home.mkdir()
        log = home / "log"
        write(log, "first\n")
        one = tail(log)
        told, position = read_all(one, 0.0)
        write(log, "second\n")
        rotate(log)
        write(log, "third\n")

        def turn(log: Path = log) -> None:
            rotate(log)
            write(log, "fourth\n")

        with monkeypatch.context() as patched:
            looked = _just_before_look(patched, moment, turn)
            if restarted:
                one.close()
                one = tail(log, position)
            told += read_all(one, 0.0)[0]
            if not looked():
                return
        told += read_all(one)[0]
        one.close()
        assert told == b"first\nsecond\nthird\nfourth\n", moment


def _just_before_look(
    patched: pytest.MonkeyPatch, moment: int, happen: Callable[[], None]
) -> Callable[[], bool]:
    """Have something happen before the n-th look at the files; whether it has, is told then."""
    left, happened = moment, False

    def looking(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            nonlocal left, happened
            left -= 1
            if not left:
                happened = True
                happen()
            return call(*arguments, **named)

        return counted

    for name in ("stat", "open", "scandir", "fstat", "pread"):
        patched.setattr(os, name, looking(getattr(os, name)))
    return lambda: happened


@ROTATIONS
def test_every_line_comes_once_through_rotations_and_kills_at_random_moments(
    tmp_path: Path, rotate: Callable[[Path], None]
) -> None:
    """Between reading and the checkpoint a kill throws away what was read."""
    log = tmp_path / "log"
    random_ = random.Random(7)  # noqa: S311
    lines, written = 1500, threading.Event()
    read_up_to = threading.Semaphore(0)
    write(log, "first\n")
    kept, position = read_all(tail(log))

    def writer() -> None:
        for number in range(lines):
            write(log, f"{number} {'x' * (number % 50)}\n")
            if number % 150 == 149:
                # copytruncate itself loses what is written while it copies: nothing is.
                rotate(log)
                os.utime(tmp_path / "log.1", ns=(number, number))
                # Two rotations at most happen unseen.
                read_up_to.acquire(timeout=0.2)
        written.set()

    thread = threading.Thread(target=writer)
    thread.start()
    idle = 0
    while kept.count(b"\n") < lines + 1:
        one = tail(log, position)
        sizes = [random_.choice([70, 1000, 5000]) for _ in range(random_.randrange(1, 8))]
        pending = [chunk for size in sizes if (chunk := one.read(size, 0.01))]
        survived = pending[: random_.randrange(len(pending) + 1)]
        kept += joined(survived)
        position = survived[-1].position if survived else position
        read_up_to.release()
        one.close()
        idle = 0 if survived or not written.is_set() else idle + 1
        assert idle < 100, "lines are missing"
    thread.join()
    numbers = [int(line.split()[0]) for line in kept.splitlines()[1:]]
    assert numbers == list(range(lines))
