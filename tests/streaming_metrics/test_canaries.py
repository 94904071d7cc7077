"""Canaries: what is sent, what counts as come out, what is missed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.streaming_metrics.clocks import Clock
from tests.triage.scorer_records import checked
from triage.incoming import Role
from whetstone.errors import InputError
from whetstone.streaming.health.canary import Canaries, Canary, Plan, read_canaries
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.instants import instant
from whetstone.streaming.outputs.entries import Entry

LINE = "{time:%b %d %H:%M:%S} canary sshd[1]: Failed password for root from 192.0.2.1\n"
PLAN = Plan(every=300, within=900, time_zone="Europe/Berlin")
INPUTS = {"auth": "sshd", "auth2": "sshd", "eve": "flow"}


class Sent:
    """Takes what is put into inputs."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, bytes]] = []

    def __call__(self, name: str, lines: bytes) -> None:
        self.lines.append((name, lines))


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 3, 2, 12, 0, 0, 900_000, UTC).timestamp())


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics("berlin", clock=clock, wall=clock)


@pytest.fixture
def canaries(clock: Clock, sent: Sent, metrics: Metrics) -> Canaries:
    made = [Canary("sshd", LINE)]
    return Canaries("berlin", made, INPUTS, sent, metrics, PLAN, clock, clock)


def an_alert(start: float, end: float, name: str = "auth", line: int = -1, **more: Any) -> Entry:
    told = {
        "unit_start": instant(int(start * 1e6)),
        "unit_end": instant(int(end * 1e6)),
        "lines": [{"input": name, "line": line}, {"input": "eve", "line": 7}],
        "canary": True,
        **more,
    }
    return Entry("a", 1, {"whetstone": told})


def counted(metrics: Metrics, result: str) -> float:
    values = metrics._all.canaries.values()  # pyright: ignore[reportPrivateUsage]
    return values.get(("sshd", result), 0)


def test_lines_are_sent_to_every_input_of_their_source_with_the_time_of_the_environment(
    canaries: Canaries, sent: Sent, clock: Clock
) -> None:
    canaries.tick()
    line = b"Mar 02 13:00:00 canary sshd[1]: Failed password for root from 192.0.2.1\n"
    assert sent.lines == [("auth", line), ("auth2", line)]
    clock.now += 299
    canaries.tick()
    assert len(sent.lines) == 2
    clock.now += 1
    canaries.tick()
    assert sent.lines[2][1].startswith(b"Mar 02 13:05:00 ")


def test_other_braces_stay_as_they_are() -> None:
    text = '{"timestamp": "{time:%Y-%m-%dT%H:%M:%S.%f%z}", "at": {time:epoch}, "flow": {}}\n'
    at = datetime(2026, 3, 2, 12, 0, 0, 5, UTC)
    stamp = '"2026-03-02T12:00:00.000005+0000"'
    expected = f'{{"timestamp": {stamp}, "at": 1772452800.000005, "flow": {{}}}}\n'
    assert Canary("flow", text).lines(at) == expected.encode()


def test_one_that_comes_out_is_seen_and_not_missed(
    canaries: Canaries, clock: Clock, metrics: Metrics
) -> None:
    canaries.tick()
    at = clock.now
    # Its own clock tells whole seconds: the unit seems to begin before it was sent.
    canaries.saw([an_alert(at - 0.9, at - 0.9), an_alert(at - 300, at + 10, "auth2")])
    assert (counted(metrics, "sent"), counted(metrics, "seen")) == (2, 2)
    clock.now += 10_000
    assert [entry.record["whetstone"]["input"] for entry in canaries.tick()] == []


@pytest.mark.parametrize(
    ("alert", "why"),
    [
        ({"canary": False}, "an ordinary alert"),
        ({"line": 5}, "made of real lines"),
        ({"name": "eve"}, "of another input"),
        ({"name": "nowhere"}, "of no input"),
        ({"start": 60, "end": 120}, "a later unit"),
        ({"start": -600, "end": -300}, "an earlier unit"),
    ],
)
def test_what_is_something_else_does_not_count(
    canaries: Canaries, clock: Clock, metrics: Metrics, alert: dict[str, Any], why: str
) -> None:
    canaries.tick()
    start, end = (clock.now + alert.pop(name, 0) for name in ("start", "end"))
    canaries.saw([an_alert(start, end, **alert)])
    assert counted(metrics, "seen") == 0, why


def test_one_that_does_not_come_out_in_time_is_an_alarm(
    canaries: Canaries, clock: Clock, metrics: Metrics
) -> None:
    canaries.tick()
    canaries.saw([an_alert(clock.now, clock.now, "auth2")])
    clock.now += 899
    assert canaries.tick() == []
    clock.now += 1
    alarms = canaries.tick()
    assert [entry.record["whetstone"]["input"] for entry in alarms] == ["auth"]
    assert "the canary of 2026-03-02T12:00:00.9" in alarms[0].record["message"]
    assert [problem.kind for problem in metrics.problems()] == ["canary"]
    clock.now += 1
    assert canaries.tick() == []
    (alarm,) = checked(alarms[0].record)
    assert (alarm.role, alarm.kind) == (Role.NOTICE, "canary")
    # The one after it does come out.
    canaries.saw([an_alert(clock.now - 901, clock.now)])
    assert metrics.problems() == []


def test_a_scorer_without_canaries_sends_and_misses_none(
    clock: Clock, sent: Sent, metrics: Metrics
) -> None:
    canaries = Canaries("berlin", [], INPUTS, sent, metrics, PLAN, clock, clock)
    clock.now += 10_000
    assert (canaries.tick(), sent.lines) == ([], [])


def test_canaries_are_read_from_a_directory(tmp_path: Path) -> None:
    (tmp_path / "sshd.log").write_text(LINE.rstrip("\n"))
    (tmp_path / ".hidden").write_text("x")
    assert read_canaries(tmp_path, {"sshd", "flow"}) == [Canary("sshd", LINE)]


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("ssh.log", LINE, "no input has the source 'ssh'; there are flow, sshd"),
        ("sshd.log", " \n", "at least a line"),
        ("sshd.log", LINE * 1000, "at most 65536 bytes"),
        ("sshd.log", "Failed password\n", "have no clock"),
    ],
)
def test_a_wrong_canary_is_refused_with_its_file(
    tmp_path: Path, name: str, text: str, named: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=named) as refused:
        read_canaries(tmp_path, {"sshd", "flow"})
    assert str(tmp_path / name) in str(refused.value)


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a directory"):
        read_canaries(tmp_path / "none", {"sshd"})
