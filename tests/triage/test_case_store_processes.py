"""The case store under several processes, and under kill -9."""

import multiprocessing
import subprocess
import sys
from datetime import date, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

from triage import Alert, CaseStore

ROOT = Path(__file__).resolve().parents[2]
DAY = date(2026, 3, 2)
MIDNIGHT = datetime.fromisoformat("2026-03-02T00:00:00")
SPAWN = multiprocessing.get_context("spawn")


def alerts(count: int) -> list[Alert]:
    return [
        Alert(
            alert_id=f"{n:04d}",
            detector="brute",
            model_version="1",
            environment="berlin",
            source="sshd",
            unit=str(n),
            entity={"src_ip": str(n)},
            unit_start=MIDNIGHT,
            event_timestamp=MIDNIGHT,
            score=1.0,
            threshold=0.5,
        )
        for n in range(count)
    ]


def judge(url: str, by: str, count: int, start: Barrier) -> None:
    start.wait()
    store = CaseStore(url)
    for n in range(count):
        store.give_verdict(f"{n:04d}", "true_positive", by=by)
        # What everybody sends at once must count once.
        store.give_verdict(f"{n:04d}", "unsure", by="all", verdict_id=f"all-{n}")
        if n % 10 == 0:
            store.replace_alerts(DAY, "brute", alerts(count))


def test_four_processes_that_write_at_once_lose_and_double_nothing(case_store_url: str) -> None:
    url = case_store_url
    store = CaseStore(url)
    store.replace_alerts(DAY, "brute", alerts(40))
    start = SPAWN.Barrier(4)
    writers = [SPAWN.Process(target=judge, args=(url, f"p{n}", 40, start)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    stored = sorted((v.alert_id, v.by) for v in store.verdicts())
    analysts = ["all", "p0", "p1", "p2", "p3"]
    assert stored == [(f"{n:04d}", by) for n in range(40) for by in analysts]


def open_store(url: str, start: Barrier) -> None:
    start.wait()
    CaseStore(url).replace_alerts(DAY, "brute", alerts(1))


def test_processes_that_create_the_store_at_once_all_find_it_whole(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cases.db"
    start = SPAWN.Barrier(4)
    creators = [SPAWN.Process(target=open_store, args=(url, start)) for _ in range(4)]
    for creator in creators:
        creator.start()
    for creator in creators:
        creator.join(60)
    assert [creator.exitcode for creator in creators] == [0] * 4
    assert CaseStore(url).counts().open == 1


ENDLESS_WRITER = """
import sys
from triage import CaseStore
store = CaseStore(sys.argv[1])
while True:
    for value in ("true_positive", "false_positive"):
        print(store.give_verdict("0000", value, by="ada").verdict_id, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(case_store_url: str) -> None:
    url = case_store_url
    store = CaseStore(url)
    store.replace_alerts(DAY, "brute", alerts(1))
    acknowledged: list[str] = []
    for _ in range(2):
        writer = subprocess.Popen(
            [sys.executable, "-c", ENDLESS_WRITER, url],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert writer.stdout is not None
        acknowledged += [writer.stdout.readline().strip() for _ in range(25)]
        writer.kill()
        acknowledged += writer.stdout.read().split()
        writer.wait()
    stored = [verdict.verdict_id for verdict in store.verdicts()]
    assert len(acknowledged) >= 50
    assert len(set(stored)) == len(stored)
    # A word that a kill cut short is the beginning of an id.
    assert all(any(v.startswith(word) for v in stored) for word in acknowledged)
    assert store.give_verdict("0000", "unsure", by="bob") == store.verdicts()[-1]
