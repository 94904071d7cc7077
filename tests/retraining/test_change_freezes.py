"""Change freezes, as calendars have them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from whetstone.errors import InputError
from whetstone.retraining.calendar import freeze_at

WEEKENDS = """DTSTART;TZID=Europe/Berlin:20260102T180000
DTEND;TZID=Europe/Berlin:20260105T060000
RRULE:FREQ=WEEKLY
EXDATE;TZID=Europe/Berlin:20260710T180000
SUMMARY:Weekend"""
YEAR_END = """DTSTART;VALUE=DATE:20251220
DTEND;VALUE=DATE:20260104
RRULE:FREQ=YEARLY
SUMMARY:Year end"""


def calendar(directory: Path, *events: str, head: str = "") -> Path:
    file = directory / "freezes.ics"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *head.splitlines()]
    for number, event in enumerate(events):
        about = [f"UID:{number}", "DTSTAMP:20260101T000000Z", *event.splitlines()]
        lines += ["BEGIN:VEVENT", *about, "END:VEVENT"]
    file.write_text("\r\n".join([*lines, "END:VCALENDAR", ""]))
    return file


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-07-03T15:59", None),
        ("2026-07-03T16:00", "2026-07-06T04:00"),
        ("2026-07-06T03:59", "2026-07-06T04:00"),
        ("2026-07-06T04:00", None),
        ("2026-12-04T16:59", None),
        ("2026-12-04T17:00", "2026-12-07T05:00"),
        ("2026-07-11T12:00", None),
    ],
)
def test_a_weekly_freeze_keeps_its_local_time_and_its_exceptions(
    tmp_path: Path, moment: str, until: str | None
) -> None:
    found = freeze_at(calendar(tmp_path, WEEKENDS), at(moment))
    assert (found and f"{found.until:%Y-%m-%dT%H:%M}") == until


def test_of_several_freezes_the_one_that_ends_last_is_told(tmp_path: Path) -> None:
    found = freeze_at(calendar(tmp_path, WEEKENDS, YEAR_END), at("2026-12-26T12:00"))
    assert found is not None
    assert found.story == "change freeze until 2027-01-04 00:00 UTC: Year end"


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [("2026-12-19T22:59", False), ("2026-12-19T23:00", True), ("2027-01-03T23:00", False)],
)
def test_whole_days_are_those_of_the_calendars_zone(
    tmp_path: Path, moment: str, frozen: bool
) -> None:
    file = calendar(tmp_path, YEAR_END, head="X-WR-TIMEZONE:Europe/Oslo")
    assert (freeze_at(file, at(moment)) is not None) is frozen


@pytest.mark.parametrize("line", ["STATUS:CANCELLED", "TRANSP:TRANSPARENT"])
def test_what_is_cancelled_or_leaves_people_free_freezes_nothing(tmp_path: Path, line: str) -> None:
    assert freeze_at(calendar(tmp_path, f"{YEAR_END}\n{line}"), at("2026-12-26T12:00")) is None


def test_an_edited_calendar_is_read_again(tmp_path: Path) -> None:
    moment = at("2026-12-26T12:00")
    assert freeze_at(calendar(tmp_path), moment) is None
    assert freeze_at(calendar(tmp_path, YEAR_END), moment) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\nEND:VCALENDAR",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:foo\nEND:VEVENT\nEND:VCALENDAR",
        "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Mars/Base\nEND:VCALENDAR",
    ],
)
def test_what_is_no_calendar_is_refused_with_the_file_and_the_remedy(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "freezes.ics"
    file.write_text(text)
    with pytest.raises(InputError, match=r"freezes.ics cannot be read: .+; correct it, or unset"):
        freeze_at(file, at("2026-12-26T12:00"))


def test_a_calendar_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.ics cannot be read"):
        freeze_at(tmp_path / "gone.ics", at("2026-12-26T12:00"))
