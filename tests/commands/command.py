"""The installed `whetstone` command, as people and programs run it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    `prefix` is what stands before it on the command line, such as another program that limits it.
    """

    home: Path
    catalog: Path
    prefix: Sequence[str] = ()

    def run(self, *arguments: object, timeout: float = 120) -> Result:
        """Run to the end; whatever happens, people never see a traceback."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        assert "Traceback" not in out + err, err
        return Result(process.returncode, out, err)

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
        """Start it; Ctrl-C reaches it as it does in a terminal."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("WHETSTONE_")
        }
        return subprocess.Popen(
            [*self.prefix, WHETSTONE, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **environment,
                "WHETSTONE_HOME": str(self.home),
                "WHETSTONE_CATALOG": str(self.catalog),
                "COLUMNS": "80",
            },
            preexec_fn=_deliver_interrupts,
        )


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


def _deliver_interrupts() -> None:
    # Shells start background jobs with interrupts ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
