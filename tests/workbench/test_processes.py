"""How the supervisor treats processes that do not behave."""

import io
import re
import sys
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from workbench import processes
from workbench.console import Output
from workbench.processes import PlatformError, ProcessGroup, Service


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def tend_until_given_up(group: ProcessGroup) -> str:
    with pytest.raises(PlatformError) as given_up:
        while True:
            group.tend()
    return str(given_up.value)


@pytest.fixture
def printed() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def output(printed: io.StringIO) -> Output:
    return Output(Console(file=printed, width=20))


def test_a_process_that_dies_five_times_is_given_up_with_its_last_output(
    tmp_path: Path, output: Output, printed: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "FIRST_PAUSE_SECONDS", 0.01)
    dying = Service("dying", program("print('no such table'); exit(3)"), lambda: False)

    with ProcessGroup([dying], {}, tmp_path, output) as group:
        message = tend_until_given_up(group)

    assert "dying ended 5 times in a row (exit status 3)" in message
    assert message.endswith("no such table")
    pauses = re.findall(r"again in (\S+) s", printed.getvalue())
    assert pauses == ["0.01", "0.02", "0.04", "0.08"]


def test_a_process_waits_for_those_it_needs(tmp_path: Path, output: Output) -> None:
    marks = tmp_path / "first", tmp_path / "second"
    first = Service("first", program(f"open({str(marks[0])!r}, 'w'); input()"), lambda: False)
    second = Service(
        "second", program(f"open({str(marks[1])!r}, 'w')"), lambda: True, after=["first"]
    )

    with ProcessGroup([first, second], {}, tmp_path, output) as group:
        while not marks[0].exists():
            group.tend()

    assert not marks[1].exists()


def test_a_process_that_ignores_the_end_is_killed_with_its_own_children(
    tmp_path: Path, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 1.0)
    mark = tmp_path / "up"
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    child += f"open({str(mark)!r}, 'w').write('up'); time.sleep(600)"
    stubborn = "import subprocess, sys, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    stubborn += f"subprocess.run([sys.executable, '-c', {child!r}])"
    service = Service("stubborn", program(stubborn), lambda: mark.exists())
    # The process that runs the tests has children of other tests, too.
    others = set(psutil.Process().children(recursive=True))

    with ProcessGroup([service], {}, tmp_path, output) as group:
        while group.waiting_for:
            group.tend()
        started = set(psutil.Process().children(recursive=True)) - others

    assert len(started) >= 3
    _, left = psutil.wait_procs(started, timeout=5)
    assert [process for process in left if is_alive(process)] == []


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; a dead process that nobody has reaped does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
