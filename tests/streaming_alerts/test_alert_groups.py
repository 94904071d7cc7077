"""Which alerts belong together."""

import json

from tests.streaming_alerts.scored_units import (
    ENVIRONMENT,
    at,
    bodies,
    model,
    scored,
    taken,
    unit,
)
from whetstone.streaming.alerting.alerts import Alerting, Limits
from whetstone.streaming.alerting.groups import Groups
from whetstone.streaming.instants import HOUR, MINUTE


def groups_of(kind: str, *rows: dict) -> list[str]:
    entries = taken(Alerting(ENVIRONMENT), *(scored(model(kind), [row]) for row in rows))
    return [body["group"] for body in bodies(entries)]


def test_alerts_of_one_entity_in_consecutive_windows_are_one_group() -> None:
    first, second, third = groups_of("window", *(unit(start=at(n)) for n in (0, 5, 10)))
    assert first == second == third


def test_a_window_without_an_alert_ends_a_group() -> None:
    first, second = groups_of("window", unit(start=at(0)), unit(start=at(10)))
    assert first != second


def test_another_entity_is_another_group() -> None:
    first, second = groups_of("window", unit("192.0.2.1"), unit("192.0.2.2"))
    assert first != second


def test_sessions_of_one_key_on_consecutive_days_are_one_group() -> None:
    rows = [unit(start=at(24 * 60 * day), minutes=1) for day in (0, 1, 3)]
    first, second, fourth = groups_of("session", *rows)
    assert first == second != fourth


def test_events_of_one_address_are_one_group_while_they_go_on() -> None:
    rows = [unit(start=at(minute), line=n + 1) for n, minute in enumerate((0, 4, 9, 13, 30))]
    *together, later = groups_of("event", *rows)
    assert len(set(together)) == 1
    assert later not in together


def test_events_that_only_have_a_line_number_are_each_on_its_own() -> None:
    first, second = groups_of("line", unit(line=1), unit(line=2))
    assert first != second


def test_a_group_has_the_same_name_whichever_alert_of_a_window_came_first() -> None:
    rows = [unit(start=at(0, second), line=n + 1) for n, second in enumerate((5, 20, 250))]
    assert set(groups_of("event", *rows)) == set(groups_of("event", *reversed(rows)))


def test_a_group_outlives_a_restart() -> None:
    before = Alerting(ENVIRONMENT)
    (first,) = bodies(taken(before, scored(model(), [unit()])))
    after = Alerting(ENVIRONMENT)
    after.restore(json.loads(json.dumps(before.state())))
    (second,) = bodies(taken(after, scored(model(), [unit(start=at(5))])))
    assert first["group"] == second["group"]


def test_chains_that_nothing_can_continue_are_forgotten() -> None:
    groups = Groups("guessing", ENVIRONMENT)
    groups.join("192.0.2.1", 0, 5 * MINUTE)
    groups.forget(5 * MINUTE + HOUR - 1)
    assert groups.goes_on("192.0.2.1", 5 * MINUTE, 10 * MINUTE)
    groups.forget(5 * MINUTE + HOUR)
    assert groups.state() == []


def test_an_event_that_comes_hours_late_joins_and_ends_no_group_of_today() -> None:
    rows = [unit(start=at(minute), line=n + 1) for n, minute in enumerate((0, -300, 2))]
    first, late, second = groups_of("event", *rows)
    assert first == second != late


def test_alerts_of_several_detectors_about_one_entity_name_each_other() -> None:
    alerting = Alerting(ENVIRONMENT)
    (first,) = bodies(taken(alerting, scored(model(), [unit()])))
    other = model("event", "spraying")
    entries = taken(alerting, scored(other, [unit(line=3), unit("192.0.2.7", line=4)]))
    about_it, about_another = bodies(entries)
    assert about_it["related"] == [
        {"detector": "guessing", "alert": first["alert"], "group": first["group"]}
    ]
    assert about_another["related"] == []


def test_alerts_that_lie_far_apart_are_not_related() -> None:
    alerting = Alerting(ENVIRONMENT, Limits(seconds=60))
    taken(alerting, scored(model("event"), [unit(line=1)]))
    later = scored(model("event", "spraying"), [unit(start=at(2), line=2)])
    assert bodies(taken(alerting, later))[0]["related"] == []
