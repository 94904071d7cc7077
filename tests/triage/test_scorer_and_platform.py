"""A whole scorer beside a whole platform: canaries travel the way that alerts go."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.streaming_alerts.scored_units import ENVIRONMENT, model
from tests.triage.servers import PATIENCE, Served, serving
from triage.incoming import Role
from whetstone.catalog.catalog_pb2 import Environment
from whetstone.releases import pack
from whetstone.streaming.engine import Bounds
from whetstone.streaming.health.canary import Canary
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.inputs import open_input
from whetstone.streaming.outputs import open_output
from whetstone.streaming.scorer import Plan, Scorer
from whetstone.streaming.serving.models import BundleFiles

EVERY = 0.2


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@contextmanager
def scoring(directory: Path, served: Served, canary: str) -> Iterator[Metrics]:
    """A scorer that follows `directory/log`, with a model that alerts on weights of 10 and more."""
    (directory / "model.tar").write_bytes(pack(model("event").bundle))
    (directory / "log").touch()
    metrics = Metrics(ENVIRONMENT, "0.1")
    outputs = [
        open_output(url, directory)
        for url in (f"platform+{served.url}", f"file://{directory}/alerts.jsonl")
    ]
    scorer = Scorer(
        Environment(name=ENVIRONMENT),
        [open_input(f"sshd=tail://{directory}/log", directory / "spool")],
        BundleFiles([directory / "model.tar"]),
        outputs,
        Plan(
            directory / "state",
            Bounds(lateness=0),
            canaries=(Canary("sshd", canary),),
            canary_seconds=EVERY,
        ),
        metrics,
        say=lambda _: None,
    )
    thread = threading.Thread(target=scorer.run)
    thread.start()
    try:
        yield metrics
    finally:
        scorer.stop()
        thread.join(PATIENCE)


def roles(served: Served) -> dict[str, int]:
    return served.cases.record_counts()


def told(metrics: Metrics, result: str) -> float:
    prefix = f'whetstone_canaries_total{{source="sshd",result="{result}"}} '
    found = [line for line in metrics.text().splitlines() if line.startswith(prefix)]
    return float(found[0].removeprefix(prefix)) if found else 0.0


def units(path: Path) -> list[Any]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["whetstone"].get("unit") for line in lines]


def test_canaries_come_out_at_the_platform_and_no_analyst_sees_them(
    served: Served, tmp_path: Path
) -> None:
    line = "{time:%Y-%m-%dT%H:%M:%S} 192.0.2.9 canary 99\n"
    with scoring(tmp_path, served, line) as metrics:
        until(lambda: told(metrics, "seen") >= 2)
        with (tmp_path / "log").open("a") as log:
            log.write("2026-11-21T12:00:00 203.0.113.7 root 5\n")
            log.write("2026-11-21T12:00:01 203.0.113.7 root 50\n")
        until(lambda: roles(served)["champion"] and roles(served)["canary"] >= 2)
        until(served.cases.scorers)
        assert metrics.problems() == []
    # The number of its line is the real one: canaries take none away.
    assert [alert.unit for alert in served.cases.alerts()] == ["203.0.113.7|2"]
    assert units(tmp_path / "alerts.jsonl") == ["203.0.113.7|2"]
    assert {r["whetstone"]["entity"]["src_ip"] for r in served.cases.records(Role.CANARY)} == {
        "192.0.2.9"
    }


def test_a_canary_that_raises_no_alert_is_an_alarm_at_the_platform(
    served: Served, tmp_path: Path
) -> None:
    with scoring(tmp_path, served, "{time:%Y-%m-%dT%H:%M:%S} 192.0.2.9 canary 1\n") as metrics:
        until(lambda: roles(served)["notice"])
        assert told(metrics, "seen") == 0
        assert [problem.kind for problem in metrics.problems()] == ["canary"]
    assert served.cases.alerts() == []
    notice = served.cases.records(Role.NOTICE)[-1]["whetstone"]
    assert (notice["kind"], notice["action"]) == ("canary", "canary-missing")
