"""Scorers that report at once, from processes of their own; a server that is killed meanwhile."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.triage.scorer_records import DAY, a_record, of_batch
from triage import Alert, CaseStore
from triage.records import RecordStatus
from whetstone.streaming.outputs import open_output
from whetstone.streaming.outputs.deliver import Deliveries
from whetstone.streaming.outputs.journal import Entry, Journal

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
ALERTS = 12
STATUSES = ("open", "updated", "updated", "closed")


def until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def a_server(home: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "triage.serve", "--port", str(port)],
        env={**os.environ, "WHETSTONE_HOME": str(home)},
        cwd=ROOT,
    )
    try:
        until(lambda: answers(port))
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


def revisions() -> list[dict[str, Any]]:
    """All that the scorers of an environment say of its alerts, in the order in which it came."""
    return [
        a_record(f"{number:02d}", revision, status, score=revision / 10, unit=str(number))
        for number in range(ALERTS)
        for revision, status in enumerate(STATUSES, 1)
    ]


def word(alert: Alert) -> tuple[str, float, RecordStatus | None, str]:
    return alert.alert_id, alert.score, alert.status, alert.state


def test_twenty_scorers_and_a_batch_at_once_leave_one_right_row_each(tmp_path: Path) -> None:
    port = free_port()
    lines = "".join(json.dumps(record) + "\n" for record in revisions())
    with a_server(tmp_path, port), closing(CaseStore(f"sqlite:///{tmp_path}/cases.db")) as cases:
        script = [sys.executable, str(ROOT / "tests/triage/client_of_platform.py")]
        scorers = [
            subprocess.Popen(
                [*script, f"http://127.0.0.1:{port}", str(seed)], stdin=subprocess.PIPE, text=True
            )
            for seed in range(20)
        ]
        for scorer in scorers:
            assert scorer.stdin is not None
            scorer.stdin.write(lines)
            scorer.stdin.close()
        rounds = 0
        while rounds < 10 or any(scorer.poll() is None for scorer in scorers):
            # The day's batch finds the first ten, and one that no scorer does.
            found = [of_batch(f"{number:02d}", score=0.95) for number in range(rounds % 10, 10)]
            cases.replace_alerts(DAY, "brute", [*found, of_batch("batch")])
            cases.alerts()
            rounds += 1
        cases.replace_alerts(DAY, "brute", [of_batch("00", score=0.95)])

        assert [scorer.wait() for scorer in scorers] == [0] * 20
        expected = {(f"{n:02d}", 0.4, RecordStatus.CLOSED, "open") for n in range(1, ALERTS)}
        expected |= {
            ("00", 0.95, RecordStatus.CLOSED, "open"),
            ("batch", 0.9, None, "withdrawn"),
        }
        stored = [word(alert) for alert in cases.alerts(limit=1000)]
        assert len(stored) == len(expected)
        assert set(stored) == expected
        assert cases.record_counts()["champion"] == ALERTS


def test_a_server_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    port = free_port()
    home, state = tmp_path / "home", tmp_path / "state"
    entries = [
        Entry(record["event"]["id"], record["whetstone"]["revision"], record)
        for record in revisions()
    ]
    journal = Journal(state / "journal")
    output = open_output(f"platform+http://127.0.0.1:{port}", state)
    output.batch = 7
    deliveries = Deliveries(journal, [output], state / "cursors")
    (delivery,) = deliveries.deliveries
    deliveries.start()
    for part in range(2):
        with a_server(home, port):
            before = delivery.delivered
            journal.append(entries[part * 24 : part * 24 + 24])
            until(lambda before=before: delivery.delivered > before)
        assert not answers(port)
    with a_server(home, port), closing(CaseStore(f"sqlite:///{home}/cases.db")) as cases:
        assert deliveries.stop(PATIENCE)
        expected = {(f"{n:02d}", 0.4, RecordStatus.CLOSED, "open") for n in range(ALERTS)}
        stored = [word(alert) for alert in cases.alerts(limit=1000)]
        assert (len(stored), set(stored)) == (ALERTS, expected)
    journal.close()
