"""A thread of the server that runs jobs, one at a time, each as a `whetstone` command.

In a process of its own a job can be stopped at any moment, and neither a definition that takes for
ever nor a raw file that fills the memory takes the server with it.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from triage.desk import Desk
from triage.intake.ideas import idea_command
from triage.intake.jobs import JobKind, Jobs
from triage.intake.uploads import upload_command
from whetstone.settings import Settings

_PAUSE = 0.5
_TOUCH_EVERY = 2.0
_COMMANDS: dict[JobKind, Callable[[Desk, str], Sequence[str]]] = {
    JobKind.UPLOAD: upload_command,
    JobKind.IDEA: idea_command,
}


class Runner:
    """Runs what waits until it is stopped; a job under way then begins again at the next start."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._jobs = Jobs(desk.database)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, within moments."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE):
            try:
                claimed = self._jobs.claim()
                if claimed is not None:
                    self._do(*claimed)
            except DBAPIError as error:
                print(f"jobs: the case store cannot be used: {error.orig}", file=sys.stderr)

    def _do(self, job_id: str, kind: JobKind) -> None:
        command = _Command(_COMMANDS[kind](self._desk, job_id), self._desk.settings)
        try:
            while not command.ended(_TOUCH_EVERY, self._stop):
                if self._stop.is_set() or not self._jobs.touch(job_id, command.says):
                    return
            self._jobs.end(job_id, *command.result())
        finally:
            command.kill()


@dataclass
class _Command:
    """A `whetstone` command under way; what it says on standard error is its progress."""

    arguments: Sequence[str]
    settings: Settings
    says: str = "beginning"
    _lines: list[str] = field(default_factory=list[str])
    _output: str = ""

    def __post_init__(self) -> None:
        program = str(Path(sys.executable).with_name("whetstone"))
        self._process = subprocess.Popen(  # noqa: S603
            [program, *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=_environment(self.settings),
        )
        self._readers = [
            threading.Thread(target=self._hear, daemon=True),
            threading.Thread(target=self._take, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def ended(self, seconds: float, stop: threading.Event) -> bool:
        """Wait at most so long; whether it has ended."""
        waited = 0.0
        while self._process.poll() is None and waited < seconds and not stop.wait(0.05):
            waited += 0.05
        return self._process.poll() is not None

    def result(self) -> tuple[dict[str, Any] | None, str | None]:
        """What it found, or why it found nothing."""
        for reader in self._readers:
            reader.join()
        last = self._output.strip().rpartition("\n")[2]
        try:
            return json.loads(last), None
        except ValueError:
            told = "\n".join(self._lines[-20:]).removeprefix("error: ")
            return None, told or f"it ended with status {self._process.returncode}"

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _hear(self) -> None:
        for line in self._process.stderr or ():
            self.says = line.strip() or self.says
            self._lines = [*self._lines[-50:], line.rstrip()]

    def _take(self) -> None:
        self._output = self._process.stdout.read() if self._process.stdout else ""


def _environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "WHETSTONE_HOME": str(settings.home),
        "WHETSTONE_CATALOG": str(settings.catalog),
    }
