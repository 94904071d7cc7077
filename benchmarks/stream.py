"""Live scoring as an operator runs it: the command, a Unix socket in, a Unix socket out.

    python -m benchmarks.stream --events 3000000 --json
    python -m benchmarks.stream --events 1200000 --rate 20000 --json
    python -m benchmarks.stream --events 36000000 --json       (30 minutes of 20,000 a second)

Without `--rate` the sender writes as fast as the scorer reads, and the figure is how many events a
second it sustained. With `--rate` events are offered at that rate by the clock, and the figures
are milliseconds from sending an alert's last line to receiving the alert, of alerts that a single
event or a growing window gave cause for; what a window's end brings waits for the lateness, and
does not count. `--event-rate` is how many events a second of event time holds. `--plain` runs a
loop as one writes it by hand on a part of the same lines: json.loads, counters in dictionaries and
the same two graphs in batches. The last line on stdout is a JSON object.
"""

import argparse
import bisect
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.plain_stream import plain_events_per_second
from benchmarks.stream_events import SOURCES, seconds_of_traffic
from benchmarks.stream_models import write_bundles

_SLICES = 200  # a second, in which a rate is offered
_START_SECONDS = 60.0
_EVENTS = "whetstone_events_total"
_PLAIN_EVENTS = 100_000


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="stream-") as directory:
        _say(f"{options.detectors} detectors are trained")
        bundles = write_bundles(Path(directory), options.source, options.detectors)
        result = _measure(options, Path(directory), bundles)
        if options.plain:
            _say("the plain loop")
            events = min(options.events, _PLAIN_EVENTS)
            speed = plain_events_per_second(
                bundles, seconds_of_traffic(options.source, events, 20_000)
            )
            result["plain_events_per_second"] = round(speed)
            result["ratio"] = round(result["events_per_second"] / speed, 2)
    print(json.dumps(result, indent=None if options.json else 2))


def _measure(options: argparse.Namespace, directory: Path, bundles: list[Path]) -> dict[str, Any]:
    rate = options.event_rate or options.rate or 20_000
    with (
        _Receiver(directory / "alerts.sock") as receiver,
        _Scorer(directory, options.source, bundles) as scorer,
    ):
        sender = _Sender(scorer.socket)
        traffic = seconds_of_traffic(options.source, options.events, rate)
        if options.rate:
            slices = _sliced(traffic, options.rate)  # made before: the sender must not stammer
            began = time.monotonic()
            sender.offer(slices, options.rate)
        else:
            began = time.monotonic()
            for number, lines in enumerate(traffic):
                sender.send(lines)
                if number % 60 == 0:
                    scorer.sample_memory()
        scorer.wait_until_read(options.events)
        seconds = time.monotonic() - began
        scorer.sample_memory()
        cpu = scorer.cpu_seconds() - scorer.cpu_before
    latencies = sorted(receiver.latencies(sender))
    return {
        "source": options.source,
        "events": options.events,
        "detectors": options.detectors,
        "offered_per_second": options.rate,
        "events_per_second": round(options.events / seconds),
        "seconds": round(seconds, 2),
        "cpu_microseconds_per_event": round(cpu / options.events * 1e6, 2),
        "p50_ms": _quantile(latencies, 0.5),
        "p99_ms": _quantile(latencies, 0.99),
        "measured_alerts": len(latencies),
        "alerts": len(receiver.ids),
        "peak_rss_mb": scorer.peak_mb,
        "rss_mb": scorer.memory,
        "start_seconds": round(scorer.start_seconds, 2),
        "cores": os.cpu_count(),
    }


class _Scorer:
    """The command in a process of its own."""

    def __init__(self, directory: Path, source: str, bundles: list[Path]) -> None:
        self.socket = directory / "lines.sock"
        self.memory: list[int] = []
        self.peak_mb = 0
        self._port = _free_port()
        given = [part for file in bundles for part in ("--bundle", str(file))]
        self._command = [
            *(str(Path(sys.executable).with_name("whetstone")), "score"),
            *("--environment", "bench", *given),
            *("--input", f"{source}=unix://{self.socket}"),
            *(
                "--output",
                f"unix://{directory / 'alerts.sock'}",
                "--state",
                str(directory / "state"),
            ),
            *("--metrics", f"127.0.0.1:{self._port}", "--most-alerts", "1000000"),
        ]

    def __enter__(self) -> "_Scorer":
        began = time.monotonic()
        self._process = subprocess.Popen(self._command)  # noqa: S603 - our own command
        while not self.socket.exists():
            if self._process.poll() is not None or time.monotonic() - began > _START_SECONDS:
                raise SystemExit("the scorer did not start; what it said is above")
            time.sleep(0.01)
        self.start_seconds = time.monotonic() - began
        self.cpu_before = self.cpu_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_START_SECONDS)

    def wait_until_read(self, events: int) -> None:
        """Until so many events have been scored."""
        while self._scored() < events:
            if self._process.poll() is not None:
                raise SystemExit("the scorer ended; what it said is above")
            time.sleep(0.02)

    def sample_memory(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        numbers = {k: v for k, _, v in (line.partition(":") for line in status.splitlines())}
        self.memory.append(int(numbers["VmRSS"].split()[0]) // 1024)
        self.peak_mb = int(numbers["VmHWM"].split()[0]) // 1024

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _scored(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as answer:
            text = answer.read().decode()
        found = re.findall(rf"^{_EVENTS}(?:{{[^}}]*}})? ([\d.e+]+)$", text, re.MULTILINE)
        return int(sum(map(float, found)))


class _Sender:
    """Writes lines to the scorer's socket and remembers when."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = [0]
        self._times: list[float] = []

    def send(self, lines: bytes) -> None:
        """Send lines as fast as they are read."""
        self._socket.sendall(lines)

    def offer(self, slices: list[tuple[int, bytes]], rate: int) -> None:
        """Send slices of so many lines when they are due at `rate` lines a second."""
        begin = time.monotonic()
        for count, lines in slices:
            due = begin + (self._lines[-1] + count) / rate
            time.sleep(max(0.0, due - time.monotonic()))
            self._times.append(time.monotonic())
            self._lines.append(self._lines[-1] + count)
            self._socket.sendall(lines)

    def sent_at(self, line: int) -> float | None:
        """When the line of this number, from 1, was sent."""
        at = bisect.bisect_left(self._lines, line) - 1
        return self._times[at] if 0 <= at < len(self._times) else None


class _Receiver:
    """Takes alerts and remembers when."""

    def __init__(self, path: Path) -> None:
        self.ids: set[str] = set()
        self._said: list[tuple[int, float]] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self) -> "_Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(_START_SECONDS)

    def latencies(self, sender: _Sender) -> list[float]:
        """Seconds from the last line of an alert to the alert."""
        pairs = [(sender.sent_at(line), at) for line, at in self._said]
        return [at - sent for sent, at in pairs if sent is not None]

    def _receive(self) -> None:
        connection, _ = self._listening.accept()
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                now = time.monotonic()
                said = json.loads(line)["whetstone"]
                if said["kind"] != "alert":
                    continue
                self.ids.add(said["alert"])
                single = said["unit_start"] == said["unit_end"]
                if said["lines"] and (single or said["status"] in ("open", "updated")):
                    self._said.append((said["lines"][-1]["line"], now))


def _sliced(traffic: Iterable[bytes], rate: int) -> list[tuple[int, bytes]]:
    """Lines in slices, each with how many they are."""
    step = max(1, rate // _SLICES)
    slices: list[tuple[int, bytes]] = []
    for lines in traffic:
        parts = lines.splitlines(keepends=True)
        for at in range(0, len(parts), step):
            part = parts[at : at + step]
            slices.append((len(part), b"".join(part)))
    return slices


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _quantile(values: list[float], share: float) -> float | None:
    return round(values[int(share * (len(values) - 1))] * 1000, 1) if values else None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rate", type=int, help="events a second to offer; default: all at once")
    parser.add_argument("--event-rate", type=int, help="events in a second of event time")
    parser.add_argument("--detectors", type=int, default=2)
    parser.add_argument("--source", choices=SOURCES, default=SOURCES[0])
    parser.add_argument(
        "--plain", action="store_true", help="run the plain loop, too (of flows only)"
    )
    parser.add_argument("--json", action="store_true", help="the result on one line")
    return parser


if __name__ == "__main__":
    main()
