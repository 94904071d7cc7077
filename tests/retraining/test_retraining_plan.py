"""What calls for a retraining, and what keeps it back, in the real plan of a small catalog."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.retraining.pretended import (
    NAME,
    OTHER,
    Pretended,
    days_up_to_yesterday,
    pretend,
    yesterday,
)
from triage.triggers import TriggerKind, person_trigger

RETRAIN = "drift { rules { signal: FEATURES days: 2 action: RETRAIN } }"
HOLD = "drift { rules { signal: LABELS days: 2 action: HOLD } }"
FREEZE = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20200101T000000Z
DTSTART;VALUE=DATE:20200101
DTEND;VALUE=DATE:20990101
SUMMARY:Year end
END:VEVENT
END:VCALENDAR
"""


def ask(world: Pretended, name: str = NAME, reason: str = "new bastion") -> None:
    with world.cases as cases:
        cases.add_triggers([person_trigger(name, "ada", reason)])


def retrained(made: list[str]) -> list[str]:
    return [asset for asset in made if asset.startswith("model/")]


def test_somebodys_call_retrains_that_detector_alone(tmp_path: Path) -> None:
    world = pretend(tmp_path)
    ask(world)
    [run] = world.look().runs
    assert run.causes[f"model/{NAME}"] == f"triggers/{NAME} changed"
    assert retrained(world.settle()) == [f"model/{NAME}"]
    ask(world)
    assert world.look().idle


def test_drift_that_persists_retrains_its_detector_once(tmp_path: Path) -> None:
    world = pretend(tmp_path, RETRAIN)
    world.drift_on(days_up_to_yesterday("ok", "drift"))
    world.settle()
    assert world.call() == []
    world.signals[(yesterday() - timedelta(1)).isoformat()] = {"features": "drift"}
    world.forget_drift()
    world.settle()
    [called] = world.call()
    assert (called.detector, called.kind, called.day) == (NAME, TriggerKind.DRIFT, yesterday())
    assert called.reason == (
        f"features drifted on 2 days from {yesterday() - timedelta(1)} to {yesterday()}"
    )
    assert retrained(world.settle()) == [f"model/{NAME}"]
    assert world.call() == []
    assert world.look().idle


def test_a_backfill_of_old_days_retrains_nothing(tmp_path: Path) -> None:
    world = pretend(tmp_path, RETRAIN)
    old = {
        day - timedelta(10): verdict
        for day, verdict in days_up_to_yesterday("drift", "drift").items()
    }
    world.drift_on(old)
    world.settle()
    assert world.call() == []
    world.drift_on(days_up_to_yesterday("ok"))
    world.settle()
    assert world.call() == []


def test_a_missed_start_of_the_cadence_is_made_up_for_once(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    world = pretend(tmp_path, f'cadence {{ cron: "0 0 {now.day} {now.month} *" }}')
    assert world.call() == []
    world.made_long_ago(f"model/{NAME}")
    [called] = world.call()
    assert called.kind is TriggerKind.CADENCE
    assert called.trigger_id == f"cadence:{NAME}:{now:%Y-%m-%d}T00:00Z"
    assert world.call() == []
    assert retrained(world.settle()) == [f"model/{NAME}"]
    assert world.call() == []


def test_a_pause_keeps_back_retraining_until_it_is_resumed(tmp_path: Path) -> None:
    world = pretend(tmp_path)
    with world.cases as cases:
        cases.pause("*", "ada", "audit week")
    ask(world)
    held = world.look().held
    assert world.look().idle
    assert (
        held[f"model/{NAME}"]
        == "all retraining is paused by ada until `whetstone resume`: audit week"
    )
    with world.cases as cases:
        cases.resume("*", "ada")
    assert retrained(world.settle()) == [f"model/{NAME}"]


def test_a_paused_detector_keeps_back_no_other(tmp_path: Path) -> None:
    world = pretend(tmp_path)
    with world.cases as cases:
        cases.pause(NAME, "ada", "noisy")
    ask(world)
    ask(world, OTHER)
    assert retrained(world.settle()) == [f"model/{OTHER}"]


def test_while_it_is_paused_new_days_are_parsed_and_scored(tmp_path: Path) -> None:
    world = pretend(tmp_path)
    with world.cases as cases:
        cases.pause("*", "ada", "audit week")
    ask(world)
    world.land(yesterday())
    made = world.settle()
    assert {"parsed/web", f"scores/{NAME}", f"drift/{NAME}"} <= set(made)
    assert not retrained(made)


def test_a_change_freeze_keeps_back_retraining_and_release(tmp_path: Path) -> None:
    calendar = tmp_path / "freezes.ics"
    calendar.write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    world = pretend(tmp_path, calendar=calendar)
    calendar.write_text(FREEZE)
    ask(world)
    decided = world.look()
    assert decided.idle
    assert decided.held[f"model/{NAME}"] == "change freeze until 2099-01-01 00:00 UTC: Year end"
    calendar.unlink()
    reason = world.look().held[f"model/{NAME}"]
    assert "cannot be read" in reason
    assert "WHETSTONE_CALENDAR" in reason


def test_a_first_training_and_release_are_held_by_nothing(tmp_path: Path) -> None:
    calendar = tmp_path / "freezes.ics"
    calendar.write_text(FREEZE)
    world = pretend(tmp_path, calendar=calendar, retrainings_a_day=1)
    assert world.lake.days("scores", NAME)


def test_the_budget_counts_retrainings_of_the_day(tmp_path: Path) -> None:
    world = pretend(tmp_path, retrainings_a_day=2)
    assert world.left() == 2
    ask(world, NAME, "one")
    ask(world, OTHER, "two")
    assert len(retrained(world.settle())) == 2
    assert world.left() == 0
    ask(world, NAME, "three")
    decided = world.look()
    assert decided.idle
    assert decided.held == {f"model/{NAME}": "today's budget of retrainings is used up"}


def test_a_budget_of_one_lets_one_of_two_through(tmp_path: Path) -> None:
    world = pretend(tmp_path, retrainings_a_day=1)
    ask(world, NAME)
    ask(world, OTHER)
    assert len(retrained(world.settle())) == 1
    assert len(world.look().held) == 1


def test_a_policy_that_holds_lets_a_model_be_judged_and_not_released(tmp_path: Path) -> None:
    world = pretend(tmp_path, HOLD)
    world.drift_on(days_up_to_yesterday("drift", "drift"), "labels")
    world.settle()
    ask(world)
    made = world.settle()
    assert f"evaluation/{NAME}" in made
    assert f"release/{NAME}" not in made
    held = world.look().held[f"release/{NAME}"]
    assert held.startswith(
        "the drift policy holds the champion while it lasts: labels drifted on 2"
    )
