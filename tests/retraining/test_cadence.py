"""When the cadence of a detector retrains it."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from whetstone.catalog.catalog_pb2 import Cadence
from whetstone.retraining.cadence import due_start, next_start, put_off, starts

WEEKLY = Cadence(cron="0 3 * * 2")
TUESDAY = datetime(2026, 3, 3, 3, tzinfo=UTC)
WEEK = timedelta(7)
MINUTE = timedelta(minutes=1)
FROM, TO = (datetime.fromisoformat(day) for day in ("2025-01-01", "2027-12-31"))
INSTANTS = st.datetimes(FROM, TO, timezones=st.just(UTC))
NAMES = st.text("abcdefgh_", min_size=1, max_size=12)
CRONS = st.sampled_from(["0 3 * * 2", "30 2 * * *", "15 4 1 * *", "0 0 29 2 *", "0 */6 * * 1-5"])
ZONES = st.sampled_from(["", "UTC", "Europe/Oslo", "America/New_York", "Asia/Kolkata"])
JITTERS = st.sampled_from(["", "30m", "6h"])
CADENCES = st.builds(
    lambda cron, zone, jitter: Cadence(cron=cron, time_zone=zone, jitter=jitter),
    CRONS,
    ZONES,
    JITTERS,
)


def test_a_start_is_due_from_its_minute_on() -> None:
    made = TUESDAY - WEEK + MINUTE
    assert due_start(WEEKLY, "brute", TUESDAY - MINUTE, made) is None
    assert due_start(WEEKLY, "brute", TUESDAY, made) == TUESDAY
    assert due_start(WEEKLY, "brute", TUESDAY + timedelta(6), made) == TUESDAY


def test_starts_that_were_missed_are_made_up_for_once() -> None:
    made = TUESDAY - 10 * WEEK
    assert due_start(WEEKLY, "brute", TUESDAY + MINUTE, made) == TUESDAY


def test_a_model_that_was_made_since_is_not_due() -> None:
    assert due_start(WEEKLY, "brute", TUESDAY + timedelta(1), TUESDAY + MINUTE) is None


def test_what_was_never_made_or_has_no_cadence_is_not_due() -> None:
    assert due_start(WEEKLY, "brute", TUESDAY, None) is None
    assert due_start(Cadence(), "brute", TUESDAY, TUESDAY - WEEK) is None
    assert next_start(Cadence(), "brute", TUESDAY) is None


def test_jitter_puts_detectors_off_by_different_times_each_time_the_same() -> None:
    cadence = Cadence(cron="0 3 * * 2", jitter="6h")
    names = [f"detector_{n}" for n in range(200)]
    offsets = [put_off(cadence, name) for name in names]
    assert offsets == [put_off(cadence, name) for name in names]
    assert timedelta() <= min(offsets) < timedelta(hours=1)
    assert timedelta(hours=5) < max(offsets) < timedelta(hours=6)
    late = max(names, key=lambda name: put_off(cadence, name))
    assert due_start(cadence, late, TUESDAY + MINUTE, TUESDAY - WEEK / 2) is None
    assert due_start(cadence, late, TUESDAY + timedelta(hours=6), TUESDAY - WEEK / 2) == TUESDAY


def test_a_zone_moves_the_start_with_its_summer_time() -> None:
    oslo = Cadence(cron="30 2 * * 0", time_zone="Europe/Oslo")
    found = list(islice(starts(oslo, datetime(2026, 3, 22, tzinfo=UTC)), 3))
    # On 29 March there is no 02:30: it starts right after the missing hour.
    assert [f"{at:%d %H:%M}" for at in found] == ["22 01:30", "29 01:00", "05 00:30"]
    autumn = list(islice(starts(oslo, datetime(2026, 10, 24, tzinfo=UTC)), 2))
    # On 25 October there are two; one counts.
    assert [f"{at:%d %H:%M}" for at in autumn] == ["25 00:30", "01 01:30"]


@given(CADENCES, NAMES, INSTANTS)
def test_the_start_before_comes_before_the_start_after(
    cadence: Cadence, name: str, now: datetime
) -> None:
    after = next_start(cadence, name, now)
    due = due_start(cadence, name, now, datetime(1999, 1, 1, tzinfo=UTC))
    assert after is not None
    assert due is not None
    assert due + put_off(cadence, name) <= now < after
    between = islice(starts(cadence, due), 1)
    assert [start + put_off(cadence, name) for start in between] == [after]


@given(CADENCES, INSTANTS)
def test_backwards_finds_the_starts_that_forwards_finds(cadence: Cadence, now: datetime) -> None:
    forwards = list(islice(starts(cadence, now), 5))
    backwards = list(islice(starts(cadence, forwards[-1], backwards=True), 5))
    assert backwards == forwards[::-1]
    assert all(later > start for start, later in pairwise(forwards))


@given(CADENCES, NAMES, INSTANTS, st.lists(st.integers(1, 60 * 24 * 10), min_size=1, max_size=20))
def test_however_often_one_looks_each_start_counts_once_at_most(
    cadence: Cadence, name: str, begin: datetime, waits: list[int]
) -> None:
    made, now = begin, begin
    due: list[datetime] = []
    for minutes in waits:
        now += timedelta(minutes=minutes)
        if start := due_start(cadence, name, now, made):
            due.append(start)
            made = now
    assert due == sorted(set(due))
    assert all(begin < start <= now for start in due)


def test_starts_are_told_in_utc() -> None:
    cadence = Cadence(cron="0 3 * * *", time_zone="Asia/Kolkata")
    local = datetime(2026, 3, 3, 12, tzinfo=ZoneInfo("Asia/Kolkata"))
    assert next_start(cadence, "brute", local) == datetime(2026, 3, 3, 21, 30, tzinfo=UTC)
