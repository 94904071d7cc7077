"""A standalone Spark cluster on loopback: a master and workers, each a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

SPARK_HOME = Path(pyspark.__file__).parent
_SECONDS_TO_START = 60
# For Java that runs for a minute: what an optimising compiler costs never comes back, and to verify
# the classes of Spark's own archives is a quarter of a start.
SHORT_LIVED_JAVA = (
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    " -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
)


@dataclass
class Cluster:
    """A master and its workers.

    Attributes:
        master: its address, `spark://…`.
        workers: their processes.
    """

    master: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)


@contextmanager
def running_cluster(directory: Path, workers: int) -> Iterator[Cluster]:
    """Start a cluster whose files lie below `directory`; end it with all its processes."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        log = directory / "master.log"
        processes.append(_started("master.Master", log, ["--port", "0", "--webui-port", "0"]))
        (master,) = _logged(log, r"Starting Spark master at (spark://\S+)", 1)
        cluster = Cluster(master)
        for number in range(workers):
            work = directory / f"worker-{number}"
            arguments = ["--cores", "1", "--memory", "1g", "--webui-port", "0", "-d", str(work)]
            log_of_worker = directory / f"worker-{number}.log"
            process = _started("worker.Worker", log_of_worker, [*arguments, master])
            processes.append(process)
            cluster.workers.append(process)
        _logged(log, r"Registering worker (\S+)", workers)
        yield cluster
    finally:
        for process in reversed(processes):
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and what it started, at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _started(name: str, log: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": SHORT_LIVED_JAVA,
        "PYSPARK_PYTHON": sys.executable,
    }
    log.parent.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [
            str(SPARK_HOME / "bin" / "spark-class"),
            f"org.apache.spark.deploy.{name}",
            *["--host", "127.0.0.1"],
            *arguments,
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=log.open("wb"),
        start_new_session=True,
    )


def _logged(log: Path, pattern: str, times: int) -> list[str]:
    """What a process wrote, as soon as it wrote it so often."""
    until = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < until:
        found = re.findall(pattern, log.read_text())
        if len(found) >= times:
            return found
        time.sleep(0.1)
    raise AssertionError(f"Spark did not start in {_SECONDS_TO_START} s:\n{log.read_text()}")
