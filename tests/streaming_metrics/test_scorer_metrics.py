"""What a scorer tells: read back by Prometheus' own client, not by what wrote it."""

import http.client
import json
import math
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.streaming_metrics.clocks import Clock
from whetstone.errors import InputError
from whetstone.streaming.health.endpoint import Endpoint
from whetstone.streaming.health.instruments import BOUNDS, MOST_SERIES, Histogram, Series
from whetstone.streaming.health.measures import Measures
from whetstone.streaming.health.metrics import Metrics, Problem

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
HOSTILE = 'a"b\\c\nd{e="f"} 1\r\n# TYPE x counter\té'


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics("berlin", "0.1", clock=clock, wall=clock)


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and labels; a repeated one fails."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float:
    return samples(text)[f"whetstone_{name}", frozenset(labels.items())]


def tell_everything(metrics: Metrics) -> None:
    """Every method once."""
    metrics.read("eve", "flow", 7, 700)
    metrics.dropped("flow", "buffer full", 3)
    metrics.lag("eve", 512, 0.25)
    metrics.input_state("eve", None)
    metrics.silence("eve", False, 1.5)
    metrics.parsed("flow", 6, {"no_match": 1})
    metrics.unknown_templates("flow", 2)
    metrics.late("flow", 1)
    metrics.ahead("flow", 3)
    metrics.watermark("flow", 1.7e9)
    metrics.state("by_address", 11, 4096)
    metrics.evicted("by_address", 5)
    metrics.scored("scan", False, 6)
    metrics.alerted("scan", True, "open", 2)
    metrics.folded("scan", 4)
    metrics.latency(0.08, 2)
    metrics.batch(0.04, 6)
    metrics.checkpoint(0.002, 9000)
    metrics.beat("scoring")
    metrics.serving("scan", False, "3")
    metrics.polled(2e9)
    metrics.went_back("scan")
    metrics.journal(8, 800)
    metrics.delivery("platform", 5, 3, dropped=1, failures=2)
    metrics.output_state("platform", None)
    metrics.canary("flow", "sent")


def test_prometheus_reads_every_number_with_its_labels(metrics: Metrics) -> None:
    tell_everything(metrics)
    text = metrics.text()

    assert value(text, "input_lines_total", input="eve", source="flow") == 7
    assert value(text, "dropped_lines_total", source="flow", reason="buffer full") == 3
    assert value(text, "rejects_total", source="flow", reason="no_match") == 1
    assert value(text, "unknown_templates_total", source="flow") == 2
    assert value(text, "ahead_events_total", source="flow") == 3
    assert value(text, "watermark_timestamp_seconds", source="flow") == 1.7e9
    assert value(text, "alerts_total", detector="scan", role="challenger", status="open") == 2
    assert value(text, "output_waiting_records", output="platform") == 3
    labels = {"detector": "scan", "role": "champion", "version": "3"}
    assert value(text, "release_since_timestamp_seconds", **labels) == 1000
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert len(families) == len(vars(Measures(Clock())))
    assert all(f.documentation and f.type != "unknown" for f in families.values())


def test_every_number_is_described_for_operators(metrics: Metrics) -> None:
    tell_everything(metrics)
    page = (ROOT / "docs" / "watching-scorers.md").read_text(encoding="utf-8")
    names = set(re.findall("^# TYPE (?:whetstone_)?([a-z_]+)", metrics.text(), re.MULTILINE))
    described = set(re.findall("`([a-z_]+)`", page))
    assert len(names) > 40
    assert names - described == set()


def test_what_no_log_should_hold_in_a_label_comes_back_as_it_was(metrics: Metrics) -> None:
    metrics.parsed(HOSTILE, 1, {HOSTILE: 5})
    text = metrics.text()
    assert value(text, "events_total", source=HOSTILE) == 1
    assert value(text, "rejects_total", source=HOSTILE, reason=HOSTILE) == 5


def test_counters_add_up_and_totals_kept_elsewhere_replace(metrics: Metrics) -> None:
    for _ in range(2):
        metrics.dropped("flow", "too long", 3)
        metrics.dropped_in_all("flow", "full", 9)
    text = metrics.text()
    assert value(text, "dropped_lines_total", source="flow", reason="too long") == 6
    assert value(text, "dropped_lines_total", source="flow", reason="full") == 9


def test_threads_that_count_at_once_lose_nothing() -> None:
    counted = Series("x_total", "x", "counter", ["a"])
    histogram = Histogram("y_seconds", "y")

    def count() -> None:
        for _ in range(2000):
            counted.add(1, "a")
            histogram.observe(0.01)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.total() == 8000
    assert "y_seconds_count 8000" in list(histogram.lines())


def test_labels_without_end_share_one_series() -> None:
    counted = Series("x_total", "x", "counter", ["reason"])
    for n in range(MOST_SERIES + 500):
        counted.add(1, str(n))
    assert len(counted.values()) == MOST_SERIES + 1
    assert counted.values()["(others)",] == 500
    counted.add(1, "0")
    assert counted.values()["0",] == 2


def test_a_histogram_is_cumulative_and_ends_with_all() -> None:
    histogram = Histogram("y_seconds", "y")
    for seconds in (0.0005, 0.05, 0.05, 1e6):
        histogram.observe(seconds)
    found = samples("".join(f"{line}\n" for line in histogram.lines()))
    buckets = {
        float(dict(labels)["le"]): n for (name, labels), n in found.items() if "bucket" in name
    }
    assert list(buckets) == [*BOUNDS, math.inf]
    assert (buckets[0.001], buckets[0.05], buckets[900.0], buckets[math.inf]) == (1, 3, 3, 4)
    assert found["y_seconds_sum", frozenset()] == pytest.approx(1e6 + 0.1005)


def test_quantiles_are_of_the_last_minutes_only(clock: Clock) -> None:
    histogram = Histogram("y_seconds", "y", clock)
    assert histogram.quantile(0.5) is None
    histogram.observe(10.0, 100)
    clock.now += 61
    histogram.observe(0.02, 100)
    assert histogram.quantile(0.5) == 0.02
    assert (histogram.quantile(0.99) or 0) > 5
    clock.now += 61
    assert histogram.quantile(0.99) == pytest.approx(0.02, rel=0.01)
    clock.now += 500
    assert histogram.quantile(0.99) is None
    histogram.observe(1e6)
    assert histogram.quantile(0.99) == math.inf


def test_a_new_version_takes_the_place_of_the_one_before(metrics: Metrics) -> None:
    for version in ("1", "2"):
        metrics.serving("scan", False, version)
        metrics.serving("scan", True, version + "c")
    metrics.retired("scan", True)
    assert [r["version"] for r in metrics.digest()["releases"]] == ["2"]


def test_numbers_kept_elsewhere_are_fetched_when_somebody_asks(metrics: Metrics) -> None:
    kept = [1]
    metrics.before_reading(lambda told: told.delivery("platform", kept[0], 0))
    assert value(metrics.text(), "output_delivered_records_total", output="platform") == 1
    kept[0] = 7
    assert value(metrics.text(), "output_delivered_records_total", output="platform") == 7


def test_a_digest_tells_what_became_of_each_source_s_lines(metrics: Metrics) -> None:
    tell_everything(metrics)
    metrics.parsed("sshd", 4, {})
    digest = metrics.digest()
    assert digest["sources"] == {
        "flow": {"events": 6, "rejects": 1, "dropped": 3, "late": 1, "ahead": 3},
        "sshd": {"events": 4, "rejects": 0, "dropped": 0, "late": 0, "ahead": 0},
    }
    assert digest["ahead"] == 3


def test_rates_are_those_of_the_last_minute(metrics: Metrics, clock: Clock) -> None:
    for _ in range(20):
        clock.now += 10
        metrics.parsed("flow", 1000, {})
        digest = metrics.digest()
    clock.now += 10
    metrics.parsed("flow", 7000, {})
    assert digest["events_per_second"] == 100
    assert metrics.digest()["events_per_second"] == pytest.approx(200, rel=0.1)


def test_an_idle_scorer_that_goes_round_is_well(metrics: Metrics, clock: Clock) -> None:
    for _ in range(100):
        clock.now += 30
        metrics.beat("scoring")
    assert metrics.problems() == []


def test_a_thread_that_is_not_heard_of_is_no_progress(metrics: Metrics, clock: Clock) -> None:
    metrics.beat("parsing")
    metrics.beat("scoring")
    clock.now += 61
    metrics.beat("parsing")
    assert metrics.problems() == [Problem("progress", "scoring", "not heard of for 61 s")]
    metrics.ended("scoring")
    assert metrics.problems() == []


def test_metadata_that_expired_is_a_problem_with_the_reason(metrics: Metrics, clock: Clock) -> None:
    metrics.polled(clock.now + 10)
    metrics.polled(None, "connection refused")
    assert metrics.problems() == []
    clock.now += 15
    (problem,) = metrics.problems()
    assert problem.kind == "releases"
    assert problem.detail == "expired 5 s ago; the last poll failed: connection refused"
    metrics.polled(clock.now + 10)
    assert metrics.problems() == []


@pytest.mark.parametrize("kind", ["input", "output"])
def test_what_is_broken_for_long_is_a_problem_until_it_mends(
    metrics: Metrics, clock: Clock, kind: str
) -> None:
    tell = metrics.input_state if kind == "input" else metrics.output_state
    tell("one", "refused")
    clock.now += 59
    tell("one", "timed out")
    assert metrics.problems() == []
    clock.now += 1
    assert metrics.problems() == [Problem(kind, "one", "for 60 s: timed out")]
    tell("one", None)
    assert metrics.problems() == []


def test_a_missing_canary_is_a_problem_until_one_is_seen(metrics: Metrics) -> None:
    metrics.canary("flow", "sent")
    metrics.canary("flow", "missing")
    metrics.canary("flow", "sent")
    assert [problem.kind for problem in metrics.problems()] == ["canary"]
    metrics.canary("flow", "seen")
    assert metrics.problems() == []


@pytest.fixture
def endpoint(metrics: Metrics) -> Iterator[Endpoint]:
    with Endpoint(metrics, "127.0.0.1:0") as endpoint:
        yield endpoint


def ask(endpoint: Endpoint, path: str) -> tuple[int, str, str]:
    url = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=PATIENCE)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.headers["Content-Type"], response.read().decode()


def health(endpoint: Endpoint) -> tuple[int, dict[str, Any]]:
    status, kind, body = ask(endpoint, "/health")
    assert kind == "application/json"
    return status, json.loads(body)


def test_metrics_are_served_as_prometheus_wants_them(endpoint: Endpoint, metrics: Metrics) -> None:
    metrics.read("eve\ud800", "flow", 7, 700)
    status, kind, body = ask(endpoint, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert value(body, "input_lines_total", input="eve?", source="flow") == 7


def test_health_is_503_while_something_is_wrong(
    endpoint: Endpoint, metrics: Metrics, clock: Clock
) -> None:
    tell_everything(metrics)
    status, body = health(endpoint)
    assert (status, body["status"], body["environment"]) == (200, "ok", "berlin")
    assert body["latency_seconds"]["p99"] == pytest.approx(0.1, rel=0.05)
    clock.now += 100
    status, body = health(endpoint)
    assert (status, body["status"]) == (503, "failing")
    assert body["problems"][0]["kind"] == "progress"


def test_other_paths_are_not_found_and_say_what_there_is(endpoint: Endpoint) -> None:
    status, kind, body = ask(endpoint, "/../etc/passwd")
    assert (status, kind) == (404, "application/json")
    assert "/metrics and /health" in json.loads(body)["error"]


def test_clients_that_say_nothing_take_no_more_than_a_few_threads(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None of them is sent away for its silence meanwhile.
    monkeypatch.setattr("whetstone.streaming.health.endpoint._Handler.timeout", 2 * PATIENCE)
    url = urlsplit(endpoint.url)
    place = (url.hostname or "", url.port or 0)
    silent = [socket.create_connection(place, timeout=PATIENCE) for _ in range(40)]
    assert silent[-1].recv(1) == b"", "there was a place for it"
    for each in silent:
        each.close()


@pytest.mark.parametrize("address", ["9464", "localhost:", "localhost:http", "h:70000", ":1"])
def test_an_address_that_is_none_is_refused_with_an_example(metrics: Metrics, address: str) -> None:
    with pytest.raises(InputError, match=r"HOST:PORT, as 127\.0\.0\.1:9464"):
        Endpoint(metrics, address)


def test_a_taken_address_is_refused_with_its_name(metrics: Metrics) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"127\.0\.0\.1:{port}.*in use"):
            Endpoint(metrics, f"127.0.0.1:{port}")
