"""When an input is silent for too long, and when that is said."""

import pytest

from tests.streaming_metrics.clocks import Clock
from triage.incoming import Role
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.health.silence import LEARNING_SECONDS, Silence, Watched
from whetstone.streaming.outputs.entries import Entry


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watching(clock: Clock, seconds: float | None = None) -> tuple[Silence, Metrics]:
    metrics = Metrics("berlin", clock=clock, wall=clock)
    inputs = {"eve": Watched("flow", seconds)}
    return Silence("berlin", inputs, metrics, clock, clock), metrics


def gives_lines(silence: Silence, clock: Clock, gap: float, seconds: float) -> None:
    """The input gives lines every `gap` seconds for so long."""
    until = clock.now + seconds
    while clock.now < until:
        clock.now += gap
        silence.heard("eve")
        assert silence.check() == []


def actions(entries: list[Entry]) -> list[tuple[str, int]]:
    return [(entry.record["event"]["action"], entry.revision) for entry in entries]


def test_the_operator_says_what_is_too_long(clock: Clock) -> None:
    silence, metrics = watching(clock, seconds=30)
    clock.now += 29
    assert silence.check() == []
    clock.now += 1
    (alarm,) = silence.check()
    assert (alarm.record["whetstone"]["input"], alarm.record["whetstone"]["source"]) == (
        "eve",
        "flow",
    )
    assert alarm.record["message"].startswith("eve gives no lines for 30 s (30 s are usual)")
    assert metrics.digest()["silent"] == ["eve"]


def test_an_alarm_is_given_once_and_ended_once_under_the_same_id(clock: Clock) -> None:
    silence, metrics = watching(clock, seconds=30)
    clock.now += 100
    said = silence.check()
    clock.now += 100
    assert silence.check() == []
    silence.heard("eve")
    silence.heard("eve")
    said += silence.check()
    assert silence.check() == []
    assert actions(said) == [("input-silent", 1), ("input-heard-again", 2)]
    assert said[0].id == said[1].id
    assert "after 200 s" in said[1].record["message"]
    assert metrics.digest()["silent"] == []


def test_each_silence_is_an_alarm_of_its_own(clock: Clock) -> None:
    silence, _ = watching(clock, seconds=30)
    ids: set[str] = set()
    for _ in range(3):
        clock.now += 31
        ids |= {entry.id for entry in silence.check()}
        silence.heard("eve")
        silence.check()
    assert len(ids) == 3


def test_nothing_is_said_before_the_input_is_known(clock: Clock) -> None:
    silence, _ = watching(clock)
    clock.now += 100_000
    assert silence.check() == []
    assert silence.patience("eve") is None


def test_a_busy_input_may_be_silent_for_a_minute(clock: Clock) -> None:
    silence, _ = watching(clock)
    gives_lines(silence, clock, gap=0.5, seconds=LEARNING_SECONDS)
    clock.now += 59
    assert silence.check() == []
    clock.now += 1
    assert actions(silence.check()) == [("input-silent", 1)]


def test_a_slow_input_may_be_silent_for_longer(clock: Clock) -> None:
    silence, _ = watching(clock)
    gives_lines(silence, clock, gap=300, seconds=LEARNING_SECONDS)
    clock.now += 4 * 300 - 1
    assert silence.check() == []
    clock.now += 1
    assert actions(silence.check()) == [("input-silent", 1)]


def test_an_outage_does_not_make_the_watch_more_patient(clock: Clock) -> None:
    silence, _ = watching(clock)
    gives_lines(silence, clock, gap=1, seconds=LEARNING_SECONDS)
    clock.now += 36_000
    assert actions(silence.check()) == [("input-silent", 1)]
    silence.heard("eve")
    assert silence.patience("eve") == 60


def test_what_was_long_ago_is_forgotten(clock: Clock) -> None:
    silence, _ = watching(clock)
    gives_lines(silence, clock, gap=300, seconds=LEARNING_SECONDS)
    assert silence.patience("eve") == 1200
    gives_lines(silence, clock, gap=100, seconds=86_400)
    assert silence.patience("eve") == 1200
    gives_lines(silence, clock, gap=100, seconds=86_400 * 1.1)
    assert silence.patience("eve") == 400


def test_zero_means_never_and_files_are_not_watched(clock: Clock) -> None:
    silence, _ = watching(clock, seconds=0)
    silence.heard("a file")
    clock.now += 1e6
    assert silence.check() == []


def test_the_platform_takes_an_alarm_as_a_notice(clock: Clock) -> None:
    from tests.triage.scorer_records import checked

    silence, _ = watching(clock, seconds=30)
    clock.now += 31
    (alarm,) = checked(*(entry.record for entry in silence.check()))
    assert (alarm.role, alarm.kind, alarm.environment) == (Role.NOTICE, "silence", "berlin")
