"""A scorer that is killed again and again tells what an undisturbed one tells: all of it, once."""

import gzip
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.commands.command import WHETSTONE
from tests.streaming.bundles import ENVIRONMENT, bundle_of
from whetstone.releases import pack, stamp

ROOT = Path(__file__).resolve().parents[2]
DAY = "2015-12-13"
KILLS_OF_WORKERS, KILLS_OF_COMMANDS = 44, 6
_STEPS, _STEP_SECONDS = 100, 0.12  # in which logs are written
Record = dict[str, Any]


@dataclass(frozen=True)
class Material:
    """Real lines of two sources and the bundles that score them.

    One detector is early: its alerts are on units that grow; they are updated, some withdrawn.
    The last line of each file is days after the others: by then all units before are complete.
    """

    log: Path
    eve: Path
    bundles: Sequence[Path]

    def inputs(self, kind: str, directory: Path | None = None) -> list[str]:
        """Of these files, or of those of the same names in another directory."""
        found = (("sshd", self.log, "ssh"), ("suricata_flow", self.eve, "eve"))
        return [
            f"{source}={kind}://{directory / path.name if directory else path}?name={name}"
            for source, path, name in found
        ]


@pytest.fixture(scope="module")
def material(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Material:
    directory = tmp_path_factory.mktemp("material")
    log, eve = directory / "auth.log", directory / "eve.json"
    log.write_bytes(head(real_data / "loghub_2k/OpenSSH/OpenSSH_2k.log.gz", 1200) + _LAST_LOGIN)
    flows = head(real_data / "suricata/slips_test6_malicious_partA.eve.json.gz", 900)
    last = json.loads(next(line for line in flows.splitlines() if b'"event_type":"flow"' in line))
    last["timestamp"] = last["flow"]["start"] = last["flow"]["end"] = f"{_LAST_FLOW}T12:00:00+0000"
    eve.write_bytes(flows + json.dumps(last).encode() + b"\n")
    bundles: list[Path] = []
    for name in ("ssh_bruteforce_gb", "network_scan_iforest", "infected_host_shape"):
        bundle = bundle_of(name, real_data)
        if name == "network_scan_iforest":  # a few of its alerts suffice
            bundle = stamp(replace(bundle, threshold=0.57))
        path = directory / f"{name}.tar"
        path.write_bytes(pack(bundle))
        bundles.append(path)
    return Material(log, eve, bundles)


_LAST_LOGIN = (
    b"Dec 12 12:00:00 LabSZ sshd[1]: Failed password for root from 203.0.113.9 port 1 ssh2\n"
)
_LAST_FLOW = "2021-06-12"
AFTERWARDS = {"2015-12-12", _LAST_FLOW}


def head(path: Path, lines: int) -> bytes:
    with gzip.open(path, "rb") as file:
        return b"".join(next(file) for _ in range(lines))


class Workers:
    """Starts scorers; see `scoring_worker`."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.streaming.scoring_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, home: Path, doomed: int = 0, seconds: float | None = None) -> int:
        """Score; killed at the n-th durable step, or after so many seconds. The exit status."""
        asked = {
            "inputs": self._material.inputs("file"),
            "bundles": [str(path) for path in self._material.bundles],
            "state": str(home / "state"),
            "out": str(home / "alerts.jsonl"),
            "doomed": doomed,
            "day": DAY,
        }
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{json.dumps(asked)}\n".encode())
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        if seconds is not None and not select.select([self._process.stdout], [], [], seconds)[0]:
            os.kill(pid, signal.SIGKILL)
        return int(self._process.stdout.readline())

    def end(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def workers(material: Material) -> Iterator[Workers]:
    workers = Workers(material)
    yield workers
    workers.end()


@pytest.fixture(scope="module")
def undisturbed(
    workers: Workers, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, int], Record]:
    """What is told when nothing is killed."""
    home = tmp_path_factory.mktemp("undisturbed")
    assert workers.run(home) == 0
    told = told_in(home)
    statuses = [record["whetstone"]["status"] for record in told.values()]
    assert {"open", "updated", "closed", "withdrawn"} <= set(statuses)
    assert {record["whetstone"]["source"] for record in told.values()} == {"sshd", "suricata_flow"}
    return told


def told_in(home: Path) -> dict[tuple[str, int], Record]:
    """Records by id and revision, none of which is there twice; the sequence has no gaps."""
    records = [json.loads(line) for line in (home / "alerts.jsonl").read_text().splitlines()]
    told = {(r["event"]["id"], r["whetstone"]["revision"]): comparable(r) for r in records}
    assert len(told) == len(records)
    assert [r["event"]["sequence"] for r in records] == list(range(1, len(records) + 1))
    return told


def comparable(record: Record) -> Record:
    """A record without what tells of the process: what it still remembered of other lines."""
    record.pop("observer")  # has the version of the scorer
    own = {name: value for name, value in record["whetstone"].items() if name not in _OF_PROCESS}
    if own["status"] in ("open", "updated"):
        own.pop("per_day")
        own.pop("group")
    own["lines"] = [{k: v for k, v in line.items() if k != "text"} for line in own["lines"]]
    event = {name: value for name, value in record["event"].items() if name != "sequence"}
    return record | {"event": event, "whetstone": own}


_OF_PROCESS = ("context", "related")


def test_killed_at_random_moments_it_tells_the_same(
    workers: Workers, undisturbed: dict[tuple[str, int], Record], tmp_path: Path
) -> None:
    """Half of the moments are of the clock, half are calls that make something durable."""
    chance, kills, rounds = random.Random(0), 0, 0  # noqa: S311
    while kills < KILLS_OF_WORKERS:
        home, rounds = tmp_path / str(rounds), rounds + 1
        status = -signal.SIGKILL
        while status:
            assert status == -signal.SIGKILL
            if kills >= KILLS_OF_WORKERS:
                status = workers.run(home)
            elif kills % 2:
                status = workers.run(home, doomed=chance.randrange(1, 40))
            else:
                status = workers.run(home, seconds=chance.uniform(0.05, 1.0))
            kills += status != 0
        assert told_in(home) == undisturbed


def test_the_command_killed_while_logs_are_written_tells_the_same(
    material: Material, undisturbed: dict[tuple[str, int], Record], tmp_path: Path
) -> None:
    """It follows files that grow all the while."""
    expected = {key: told for key, told in undisturbed.items() if day_of(told) not in AFTERWARDS}
    assert len(expected) > 100
    chance, kills = random.Random(1), 0  # noqa: S311
    with growing(material, tmp_path) as complete:
        while kills < KILLS_OF_COMMANDS:
            with scoring(material, tmp_path) as process, suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"it ended: {process.wait(chance.uniform(1.0, 4.0))}")
            kills += 1
        assert complete.wait(60)
        with scoring(material, tmp_path) as process:
            deadline = time.monotonic() + 60
            while not expected.keys() <= keys_until_now(tmp_path):
                assert time.monotonic() < deadline, "alerts are missing"
                with suppress(subprocess.TimeoutExpired):
                    raise AssertionError(f"it ended: {process.wait(0.1)}")
            process.send_signal(signal.SIGTERM)
            # A signal before it had begun ends it at once.
            assert ended(process, tmp_path) in (0, -signal.SIGTERM)
    told = told_in(tmp_path)
    assert {key: record for key, record in told.items() if key in expected} == expected
    assert {day_of(told[key]) for key in told.keys() - expected.keys()} <= AFTERWARDS


def ended(process: subprocess.Popen[bytes], home: Path) -> int:
    """How it ended; where each of its threads is, and what became of the signal, if it does not."""
    try:
        return process.wait(90)
    except subprocess.TimeoutExpired:
        seen = seen_from_outside(process.pid)
        process.send_signal(signal.SIGABRT)
        process.wait(10)
        pytest.fail(seen + (home / "errors.txt").read_text()[-20_000:])


def seen_from_outside(pid: int) -> str:
    """A process' signals (pending, blocked, ignored, caught) and what its threads wait for."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    signals = [line for line in status if line.startswith(("State", "Threads", "Sig", "Shd"))]
    threads = [
        f"{(task / 'comm').read_text().strip()}: {(task / 'wchan').read_text()}"
        for task in Path(f"/proc/{pid}/task").iterdir()
    ]
    return "\n".join([*signals, *threads, ""])


def day_of(record: Record) -> str:
    """The day on which the unit begins."""
    return record["whetstone"]["unit_start"][:10]


def keys_until_now(home: Path) -> set[tuple[str, int]]:
    """What has been told; the last line may be half written."""
    out = home / "alerts.jsonl"
    whole = out.read_bytes().rpartition(b"\n")[0].splitlines() if out.exists() else []
    records = map(json.loads, whole)
    return {(record["event"]["id"], record["whetstone"]["revision"]) for record in records}


@contextmanager
def growing(material: Material, home: Path) -> Iterator[threading.Event]:
    """Both files grow below `home`, a piece at a time; it is said when they are complete."""
    complete, abandoned = threading.Event(), threading.Event()

    def write() -> None:
        whole = {path.name: path.read_bytes() for path in (material.log, material.eve)}
        for step in range(_STEPS):
            for name, content in whole.items():
                begin, end = (len(content) * n // _STEPS for n in (step, step + 1))
                with (home / name).open("ab") as file:
                    file.write(content[begin:end])
            if abandoned.wait(_STEP_SECONDS):
                return
        complete.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield complete
    finally:
        abandoned.set()
        thread.join()


@contextmanager
def scoring(material: Material, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`whetstone score`, which is killed at the end if it still runs."""
    with (home / "errors.txt").open("ab") as errors:
        process = subprocess.Popen(
            [
                *(WHETSTONE, "score", "--environment", ENVIRONMENT, "--day", DAY, "--metrics", ""),
                *("--checkpoint", "0.2", "--state", str(home / "state")),
                *("--output", f"file://{home / 'alerts.jsonl'}"),
                *(part for spec in material.inputs("tail", home) for part in ("--input", spec)),
                *(part for path in material.bundles for part in ("--bundle", str(path))),
            ],
            stderr=errors,
            start_new_session=True,
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert "Traceback" not in (home / "errors.txt").read_text()
