"""Running platforms for tests, and what its user sees of it."""

import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0

TINY = """
import os
from pathlib import Path

import dagster as dg


def build(name):
    @dg.asset(name=name)
    def made() -> None: ...

    return made


catalog = Path(os.environ["WHETSTONE_CATALOG"])
defs = dg.Definitions(
    assets=[build(path.stem) for path in sorted(catalog.glob("*.textproto"))],
    executor=dg.in_process_executor,
)
"""


class RunningPlatform:
    """`up` in a process of its own; its output is read line by line."""

    def __init__(self, directory: Path, ports: list[int]) -> None:
        self.directory = directory
        self.dagster, self.dashboards, self.reports, self.triage = ports
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "tests/workbench/run_platform.py", directory, *map(str, ports)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # As under nohup.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def wait_for(self, text: str) -> str:
        """The next line of output that contains a text."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"no {text!r} in the output:\n{''.join(self.seen)}")
            self.seen.append(line)
            if text in line:
                return line

    def processes(self) -> list[psutil.Process]:
        """All that the supervisor started, at any depth."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def graphql(self, query: str) -> Any:
        """The answer of Dagster's webserver."""
        connection = http.client.HTTPConnection("127.0.0.1", self.dagster, timeout=PATIENCE)
        body = json.dumps({"query": query})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        assert "errors" not in answer, answer
        return answer["data"]

    def assets(self) -> set[str]:
        """Names of the assets that Dagster's pages show."""
        nodes = self.graphql("{ assetNodes { assetKey { path } } }")["assetNodes"]
        return {node["assetKey"]["path"][-1] for node in nodes}

    def define(self, name: str, text: str) -> None:
        """Save a definition in the catalog."""
        (self.directory / "catalog" / f"{name}.textproto").write_text(text)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@contextmanager
def starting_platform(directory: Path, tiny: str = TINY) -> Iterator[RunningPlatform]:
    """A platform that has just been started in an empty directory; ended in the end."""
    (directory / "catalog").mkdir()
    (directory / "tiny.py").write_text(tiny)
    platform = RunningPlatform(directory, free_ports(4))
    platform.define("first", 'name: "first"')
    try:
        yield platform
    finally:
        platform.process.terminate()
        platform.process.wait(PATIENCE)
