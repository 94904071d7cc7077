"""The installed `whetstone` command, as people and programs run it.

In the tests' own process by default: starting another costs more than most commands do.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import pytest

from whetstone import cli
from whetstone.settings import settings

WHETSTONE = str(Path(sys.executable).with_name("whetstone"))


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object on the last line of standard output."""
        found = json.loads(self.out.splitlines()[-1])
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True)
class Command:
    """The command with a home and a catalog of its own.

    Attributes:
        prefix: what stands before it on the command line, such as another program that limits it.
        variables: what its environment has beside the tests' and without their `WHETSTONE_*`.
    """

    home: Path
    catalog: Path
    prefix: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: object) -> Result:
        """Run to the end, in this process where nothing stands before it."""
        if self.prefix:
            return self.run_apart(*arguments)
        return _untraced(_here(list(map(str, arguments)), self._own_variables()))

    def run_apart(self, *arguments: object, timeout: float = 120) -> Result:
        """Run to the end in a process."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        return _untraced(Result(process.returncode, out, err))

    def good(self, *arguments: object) -> dict[str, Any]:
        """The JSON that a command prints that must succeed."""
        result = self.run(*arguments, "--json")
        assert result.code == 0, result.err
        return result.json

    def refused(self, *arguments: object) -> str:
        """The message of a command that must be refused, which prints no result."""
        result = self.run(*arguments)
        assert result.code == 1, (result.code, result.err)
        assert result.out == ""
        assert result.err.count("error:") == 1
        return result.err

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a process of it; Ctrl-C reaches it as it does in a terminal."""
        environment = {name: value for name, value in os.environ.items() if not _is_ours(name)}
        return subprocess.Popen(
            [*self.prefix, WHETSTONE, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, **self._own_variables()},
            preexec_fn=_deliver_interrupts,
        )

    def _own_variables(self) -> dict[str, str]:
        return {
            "WHETSTONE_HOME": str(self.home),
            "WHETSTONE_CATALOG": str(self.catalog),
            "COLUMNS": "80",
            **self.variables,
        }


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """The progress up to the line that has the text."""
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"ended without {text!r}: {''.join(lines)}")


def end(process: subprocess.Popen[str], by: signal.Signals, within: float) -> str:
    """Send a signal; the process ends within so many seconds. Returns what it still said."""
    began = time.monotonic()
    process.send_signal(by)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < within
    return err


def _untraced(result: Result) -> Result:
    """Whatever happens, people never see a traceback."""
    assert "Traceback" not in result.out + result.err, result.err
    return result


def _here(arguments: list[str], variables: Mapping[str, str]) -> Result:
    """Run the command in this process; what it leaves behind there is undone."""
    with (
        TemporaryFile("w+", encoding="utf-8") as out,
        TemporaryFile("w+", encoding="utf-8") as err,
        pytest.MonkeyPatch.context() as patched,
    ):
        for name in filter(_is_ours, list(os.environ)):
            patched.delenv(name)
        for name, value in variables.items():
            patched.setenv(name, value)
        patched.chdir(Path.cwd())
        patched.setattr(cli.app, "registered_commands", [*cli.app.registered_commands])
        patched.setattr(cli.app, "registered_groups", [*cli.app.registered_groups])
        # Else what libraries log would go to pytest, and not to standard error.
        patched.setattr(logging.getLogger(), "handlers", [])
        settings.cache_clear()
        try:
            with (
                _sent_to(out, "stdout"),
                _sent_to(err, "stderr"),
                pytest.raises(SystemExit) as ended,
            ):
                cli.run(arguments)
        finally:
            settings.cache_clear()
        out.seek(0)
        err.seek(0)
        return Result(int(ended.value.code or 0), out.read(), err.read())


@contextmanager
def _sent_to(file: IO[str], name: str) -> Iterator[None]:
    """Send a standard stream to a file, also what is not written by Python."""
    stream = getattr(sys, name)
    number = {"stdout": 1, "stderr": 2}[name]
    stream.flush()
    kept = os.dup(number)
    os.dup2(file.fileno(), number)
    own = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    setattr(sys, name, own)
    try:
        yield
    finally:
        own.flush()
        setattr(sys, name, stream)
        os.dup2(kept, number)
        os.close(kept)


def _is_ours(variable: str) -> bool:
    return variable.startswith("WHETSTONE_")


def _deliver_interrupts() -> None:
    # Shells start background jobs with interrupts ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
