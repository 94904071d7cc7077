"""Processes that live and die together: started in order, restarted, ended without orphans."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from whetstone.errors import WhetstoneError
from workbench.console import Output
from workbench.guard import others_in_group

GRACE_SECONDS = 10.0
QUICK_SECONDS = 60.0
QUICK_DEATHS = 5
FIRST_PAUSE_SECONDS = 1.0


class PlatformError(WhetstoneError):
    """The platform cannot start or go on: free, mend or stop what the message names."""


@dataclass(frozen=True)
class Service:
    """One process of the platform.

    `answers` is its readiness: cheap, and true as soon as it does its work. The process is started
    when every service in `after` answers.
    """

    name: str
    command: Sequence[str]
    answers: Callable[[], bool]
    after: Sequence[str] = ()


@dataclass
class _Child:
    service: Service
    process: subprocess.Popen[str] | None = None
    reader: threading.Thread = field(default_factory=threading.Thread)
    started: float = 0.0
    start_at: float = 0.0
    quick_deaths: int = 0
    ready: bool = False
    tail: deque[str] = field(default_factory=lambda: deque[str](maxlen=20))


class ProcessGroup:
    """Runs services in one process group of their own.

    Ctrl-C at the terminal reaches the supervisor only, which ends the group in order; a supervisor
    that is killed takes the group with it (see `workbench.guard`). Use as a context manager and
    call `tend` again and again.
    """

    def __init__(
        self,
        services: Sequence[Service],
        environment: Mapping[str, str],
        directory: Path,
        output: Output,
    ) -> None:
        self._children = {service.name: _Child(service) for service in services}
        self._environment = dict(environment)
        self._directory = directory
        self._output = output

    def __enter__(self) -> Self:
        guard = [sys.executable, str(Path(__file__).with_name("guard.py")), str(GRACE_SECONDS)]
        end, self._lifeline = os.pipe()
        self._guard = subprocess.Popen(guard, stdin=end, process_group=0)  # noqa: S603
        os.close(end)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lifeline)
        try:
            deadline = time.monotonic() + GRACE_SECONDS + 5
            # The children are ours to reap; the guard does not count the dead.
            while self._guard.poll() is None and time.monotonic() < deadline:
                self._reap()
                time.sleep(0.02)
        except KeyboardInterrupt:
            self._output.say("killing what is left")
        # A no-op where the guard did its work.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._guard.pid, signal.SIGKILL)
        self._guard.wait()
        # Killed is not yet gone: a process ends when the kernel gets round to it.
        deadline = time.monotonic() + GRACE_SECONDS
        while others_in_group(self._guard.pid) and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.02)
        self._reap()

    @property
    def waiting_for(self) -> list[str]:
        """Names of the services that do not answer yet."""
        return [name for name, child in self._children.items() if not child.ready]

    def tend(self) -> None:
        """Start what is due, notice what answers, restart what died.

        Raises:
            PlatformError: a service died `QUICK_DEATHS` times in a row, each within
                `QUICK_SECONDS`; the message ends with its last output.
        """
        if self._guard.poll() is not None:
            raise PlatformError("the guard of the platform's processes was killed: start again")
        for child in self._children.values():
            if child.process is None:
                if child.start_at <= time.monotonic() and self._may_start(child):
                    self._start(child)
            elif child.process.poll() is not None:
                self._died(child, child.process.returncode)
            elif not child.ready and child.service.answers():
                child.ready = True
                if child.quick_deaths:
                    self._output.say(f"{child.service.name} answers again", "green")

    def _may_start(self, child: _Child) -> bool:
        return all(self._children[name].ready for name in child.service.after)

    def _start(self, child: _Child) -> None:
        child.started = time.monotonic()
        child.process = subprocess.Popen(  # noqa: S603
            child.service.command,
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=self._guard.pid,
        )
        child.reader = threading.Thread(
            target=self._relay, args=(child, child.process), daemon=True
        )
        child.reader.start()

    def _relay(self, child: _Child, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            child.tail.append(line.rstrip())
            self._output.relay(child.service.name, line)

    def _died(self, child: _Child, status: int) -> None:
        name = child.service.name
        quick = time.monotonic() - child.started < QUICK_SECONDS
        child.quick_deaths = child.quick_deaths + 1 if quick else 1
        if child.quick_deaths >= QUICK_DEATHS:
            child.reader.join(timeout=1.0)
            last = "\n".join(child.tail)
            raise PlatformError(
                f"{name} ended {QUICK_DEATHS} times in a row (exit status {status}); "
                f"its last output:\n{last}"
            )
        pause = FIRST_PAUSE_SECONDS * 2 ** (child.quick_deaths - 1)
        self._output.say(f"{name} ended (exit status {status}); again in {pause:g} s", "yellow")
        child.process, child.ready = None, False
        child.start_at = time.monotonic() + pause

    def _reap(self) -> None:
        for child in self._children.values():
            if child.process is not None:
                child.process.poll()
