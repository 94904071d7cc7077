"""What a detector could not see: rejects, silence, what scorers dropped, what came late."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from monitoring.quality.blindness import Blindness, Traffic, blind_share, blindness
from monitoring.quality.told import Told, told_by
from monitoring.quality.traffic import traffic_of

DAY = "2026-03-10"
LATER = datetime.fromisoformat("2026-03-20T00:00:00")
HEARD = datetime.fromisoformat("2026-03-10T18:00:00")
STEADY = (40,) * 24


def days(n: int = 8, environment: str = "berlin", hours: tuple[int, ...] = STEADY) -> list[Traffic]:
    """Ordinary days before `DAY`."""
    first = datetime.fromisoformat(DAY)
    return [
        Traffic(environment, (first - timedelta(days=back)).date().isoformat(), hours)
        for back in range(1, n + 1)
    ]


def seen(*traffic: Traffic, told: tuple[Told, ...] = (), until: datetime = LATER) -> Blindness:
    (found,) = blindness([*days(), *traffic], told, ["berlin"], [DAY], until)
    return found


def without(*hours: int) -> tuple[int, ...]:
    return tuple(0 if hour in hours else 40 for hour in range(24))


def told(dropped: int = 0, late: int = 0, environment: str = "berlin") -> Told:
    began = HEARD - timedelta(hours=6)
    return Told(environment, began, HEARD, lines=900, dropped=dropped, events=800, late=late)


def test_a_day_like_all_others_is_seen_whole() -> None:
    found = seen(Traffic("berlin", DAY, STEADY))
    assert (found.losses["rejected"].share, found.losses["silent"].share) == (0, 0)
    assert found.share == 0


def test_parts_multiply() -> None:
    found = seen(Traffic("berlin", DAY, without(6, 7, 8, 9, 10, 11), 80), told=(told(100, 80),))
    shares = {name: loss.share for name, loss in found.losses.items()}
    assert shares == pytest.approx({"rejected": 0.1, "silent": 0.25, "dropped": 0.1, "late": 0.1})
    assert found.share == pytest.approx(1 - 0.9 * 0.75 * 0.9 * 0.9)


def test_what_is_not_known_is_none_with_a_reason_and_no_zero() -> None:
    (found,) = blindness(days(2), (), ["berlin"], [DAY], LATER)
    assert {name: loss.share for name, loss in found.losses.items()} == dict.fromkeys(
        ("rejected", "silent", "dropped", "late")
    )
    assert found.losses["silent"].reason == "2 other days are too few to say what is usual"
    assert found.losses["dropped"].reason == "no scorer told of the day"
    assert found.share is None
    assert blind_share([found], DAY) is None


def test_a_day_without_any_line_is_silent_where_others_are_not() -> None:
    found = seen()
    assert found.losses["silent"].share == 1
    assert found.losses["silent"].reason == "no line, where 960 are usual"


def test_hours_that_have_not_come_yet_are_not_silent() -> None:
    morning = Traffic("berlin", DAY, (40,) * 9 + (0,) * 15)
    noon = datetime.fromisoformat(f"{DAY}T09:30:00")
    assert seen(morning, until=noon).losses["silent"].share == 0
    assert seen(morning, until=LATER).losses["silent"].share == pytest.approx(15 / 24)


def test_nights_that_are_always_quiet_are_not_silent() -> None:
    by_day = tuple(40 if 8 <= hour < 20 else 0 for hour in range(24))
    usual = days(hours=by_day)
    (found,) = blindness([*usual, Traffic("berlin", DAY, by_day)], (), ["berlin"], [DAY], LATER)
    assert found.losses["silent"].share == 0


def test_bursts_make_patient() -> None:
    """Jobs that log now and then: an hour without one says little."""
    usual = [
        Traffic("berlin", day.day, tuple(300 * ((hour + at) % 3 == 0) for hour in range(24)))
        for at, day in enumerate(days())
    ]
    gap = tuple(300 * (hour % 3 == 0 and hour != 9) for hour in range(24))
    (found,) = blindness([*usual, Traffic("berlin", DAY, gap)], (), ["berlin"], [DAY], LATER)
    assert found.losses["silent"].share == 0
    half = tuple(300 * (hour % 3 == 0 and hour < 12) for hour in range(24))
    (found,) = blindness([*usual, Traffic("berlin", DAY, half)], (), ["berlin"], [DAY], LATER)
    assert found.losses["silent"].share == pytest.approx(0.5, abs=0.2)


def test_an_outage_before_does_not_make_the_next_one_usual() -> None:
    traffic = [*days(7), Traffic("berlin", "2026-03-02", (0,) * 24)]
    (found,) = blindness(
        [*traffic, Traffic("berlin", DAY, without(*range(12)))], (), ["berlin"], [DAY], LATER
    )
    assert found.losses["silent"].share == pytest.approx(0.5)


def test_environments_weigh_by_what_they_would_have_sent() -> None:
    large = [Traffic("oslo", each.day, (400,) * 24) for each in days()]
    found = blindness(
        [*days(), *large, Traffic("berlin", DAY, STEADY)], (), ["berlin", "oslo"], [DAY], LATER
    )
    assert blind_share(found, DAY) == pytest.approx(10 / 11)


def test_a_scorer_tells_of_the_days_since_it_began_and_of_its_own_environment() -> None:
    assert seen(Traffic("berlin", DAY, STEADY), told=(told(900),)).losses["dropped"].share == 0.5
    other = seen(Traffic("berlin", DAY, STEADY), told=(told(900, environment="oslo"),))
    assert other.losses["dropped"].share is None
    began_later = Told("berlin", LATER, LATER, 1, 1, 1, 1)
    assert seen(Traffic("berlin", DAY, STEADY), told=(began_later,)).losses["late"].share is None


@pytest.mark.parametrize(
    "digest",
    [
        {},
        {"up_seconds": 60, "sources": []},
        {"up_seconds": 60, "sources": {"sshd": {"events": "many"}}},
        {"up_seconds": 60, "sources": {"sshd": {"events": -1}}},
        {"up_seconds": None, "sources": {"sshd": {"events": 1}}},
        {"up_seconds": 60, "sources": {"other": {"events": 1}}},
    ],
)
def test_a_digest_that_tells_nothing_usable_is_left_out(digest: dict[str, Any]) -> None:
    assert told_by("berlin", HEARD, digest, "sshd") is None


def test_a_digest_tells_what_became_of_lines() -> None:
    counts = {"events": 90, "rejects": 10, "dropped": 25, "late": 9, "ahead": 1}
    found = told_by("berlin", HEARD, {"up_seconds": 3600, "sources": {"sshd": counts}}, "sshd")
    assert found == Told("berlin", HEARD - timedelta(hours=1), HEARD, 100, 25, 90, 9)


def test_traffic_is_counted_from_the_lake(tmp_path: Path) -> None:
    connection = duckdb.connect()
    events, rejects = tmp_path / "events.parquet", tmp_path / "rejects.parquet"
    connection.execute(
        f"""COPY (SELECT unnest(['berlin', 'berlin', 'oslo']) AS environment,
                         unnest([TIMESTAMP '2026-03-10 00:59:59', TIMESTAMP '2026-03-10 23:00:00',
                                 TIMESTAMP '2026-03-10 12:00:00']) AS event_time)
            TO '{events}'"""
    )
    connection.execute(f"COPY (SELECT unnest(['berlin', 'paris']) AS environment) TO '{rejects}'")
    berlin, oslo, paris = traffic_of(connection, {DAY: events}, {DAY: rejects})
    assert (berlin.hours[0], berlin.hours[23], berlin.events, berlin.rejects) == (1, 1, 2, 1)
    assert (oslo.hours[12], oslo.rejects) == (1, 0)
    assert (paris.events, paris.rejects) == (0, 1)
    assert [each.rejects for each in traffic_of(connection, {DAY: events}, {})] == [None, None]


def test_rejects_that_are_not_kept_are_unknown_and_not_zero() -> None:
    rejected = seen(Traffic("berlin", DAY, STEADY, None)).losses["rejected"]
    assert (rejected.share, rejected.reason) == (None, "its rejects are not kept any more")
