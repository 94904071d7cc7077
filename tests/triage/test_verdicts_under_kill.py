"""A thousand verdicts from twenty clients, while the server is killed again and again."""

import http.client
import json
import multiprocessing
import os
import random
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from judged_alerts import some_alerts, store_alerts
from queues import kept, rebuilt

from triage import CaseStore
from triage.exchange.changes import ChangeKind, Changes
from triage.serve import serve

CLIENTS, BUNDLE, KILLS = 20, 10, 5
PATIENCE = 60.0
# All servers are forked from one process that has imported what they need, so that to start one
# takes no longer than to kill it.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["triage.serve", "triage.app"])
VALUES = ("true_positive", "false_positive", "benign_expected", "unsure")


def run_server(home: str, url: str, port: int) -> None:
    os.environ |= {
        "WHETSTONE_HOME": home,
        "WHETSTONE_CASE_STORE_URL": url,
        "WHETSTONE_TRIAGE_REQUESTS_A_MINUTE": "1000000",
    }
    serve("127.0.0.1", port, None)


@dataclass
class Server:
    """A server that comes back whenever it is killed."""

    home: Path
    url: str
    port: int
    up: threading.Event = field(default_factory=threading.Event)
    process: BaseProcess | None = None

    def start(self) -> None:
        self.process = FORKS.Process(target=run_server, args=(str(self.home), self.url, self.port))
        self.process.start()
        while self._ask("GET", "/health")[0] != 200:
            assert self.process.is_alive(), f"exit code {self.process.exitcode}"
            self.process.join(0.02)
        self.up.set()

    def kill(self) -> None:
        assert self.process is not None
        self.up.clear()
        self.process.kill()
        self.process.join()

    def send(self, path: str, body: object) -> None:
        """Send until it is acknowledged: nobody knows what became of one that was cut off."""
        while True:
            assert self.up.wait(PATIENCE)
            status, said = self._ask("POST", path, json.dumps(body))
            if status == 200:
                return
            assert status in (0, 503), said

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        peer = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            with closing(peer):
                peer.request(method, path, body, {"Content-Type": "application/json"})
                answer = peer.getresponse()
                return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b"killed"


class Acknowledged:
    """The verdicts that the server said it has."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self._changed = threading.Condition()

    def note(self, verdicts: Sequence[Mapping[str, str]]) -> None:
        with self._changed:
            self.ids |= {each["verdict_id"]: each["alert_id"] for each in verdicts}
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ids) >= count, PATIENCE)


def judge(server: Server, acknowledged: Acknowledged, alert_ids: Sequence[str]) -> None:
    """One analyst's tool: a bundle one by one, the others whole; some of it is sent again."""
    luck = random.Random(alert_ids[0])  # noqa: S311
    bundles = [alert_ids[first : first + BUNDLE] for first in range(0, len(alert_ids), BUNDLE)]
    sent_again = luck.choice(bundles)
    for number, bundle in enumerate(bundles):
        wanted = [
            {"alert_id": each, "value": luck.choice(VALUES), "verdict_id": f"v-{each}"}
            for each in bundle
        ]
        for _ in range(2 if bundle is sent_again else 1):
            if number == 0:
                for verdict in wanted:
                    alert_id = verdict["alert_id"]
                    said = {name: verdict[name] for name in ("value", "verdict_id")}
                    server.send(f"/api/alerts/{alert_id}/verdicts", said)
                    acknowledged.note([verdict])
            else:
                server.send("/api/verdicts", {"verdicts": wanted})
                acknowledged.note(wanted)


@pytest.fixture
def alert_ids(case_store_url: str) -> list[list[str]]:
    """What each client judges: a thousand alerts, or on Postgres two hundred."""
    each = 50 if case_store_url.startswith("sqlite") else 10
    groups = [
        some_alerts(each, f"k{client}-", subject=f"10.0.0.{client}") for client in range(CLIENTS)
    ]
    with closing(CaseStore(case_store_url)) as cases:
        store_alerts(cases, *groups)
    return [[alert.alert_id for alert in group] for group in groups]


@pytest.fixture
def server(case_store_url: str, tmp_path: Path) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(tmp_path, case_store_url, port)
    server.start()
    yield server
    server.kill()


def test_no_verdict_is_lost_and_none_counts_twice(
    server: Server, case_store_url: str, alert_ids: list[list[str]]
) -> None:
    acknowledged = Acknowledged()
    everything = sum(map(len, alert_ids))
    with ThreadPoolExecutor(CLIENTS) as clients:
        working = [clients.submit(judge, server, acknowledged, mine) for mine in alert_ids]
        for number in range(1, KILLS + 1):
            acknowledged.wait_for(number * everything // (KILLS + 1))
            server.kill()
            server.start()
        for each in working:
            each.result(PATIENCE)
    with closing(CaseStore(case_store_url)) as cases:
        stored = [(verdict.verdict_id, verdict.alert_id) for verdict in cases.verdicts()]
        assert len(stored) == everything
        assert dict(stored) == acknowledged.ids
        assert cases.counts().judged == everything
        # What follows from verdicts was stored with them, or not at all.
        told = Changes(cases.database).since(0, [ChangeKind.VERDICT_GIVEN], None, 10_000)
        assert sorted(change.subject for change in told) == sorted(acknowledged.ids)
        assert kept(cases) == rebuilt(cases)
