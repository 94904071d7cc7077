"""Change freezes: an iCalendar file (RFC 5545) says when nothing is retrained or released.

Every event of the file is a freeze for as long as it lasts, recurring ones too, but for those that
are cancelled (`STATUS:CANCELLED`) or that leave people free (`TRANSP:TRANSPARENT`). Whole days are
those of the calendar's own zone (`X-WR-TIMEZONE`), else of UTC.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from whetstone.errors import InputError


@dataclass(frozen=True)
class Freeze:
    """A freeze that lasts: what it is called and when it ends, in UTC."""

    name: str
    until: datetime

    @property
    def story(self) -> str:
        """Why nothing is retrained, and until when."""
        return f"change freeze until {self.until:%Y-%m-%d %H:%M} UTC: {self.name}"


def freeze_at(file: Path, now: datetime) -> Freeze | None:
    """The freeze that lasts at `now` (with its zone), of several the one that ends last.

    Raises:
        InputError: the file cannot be read, or is no calendar.
    """
    try:
        read = file.stat()
        zone, query = _opened(file, read.st_mtime_ns, read.st_size)
        events = [event for event in query.at(now.astimezone(zone)) if _freezes(event)]
        freezes = [
            Freeze(str(event.get("SUMMARY") or "no name"), _instant(event.end, zone))
            for event in events
        ]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"calendar {file} cannot be read: {error}; correct it, or unset WHETSTONE_CALENDAR"
        ) from error
    lasting = [freeze for freeze in freezes if freeze.until > now]
    return max(lasting, key=lambda freeze: freeze.until, default=None)


@lru_cache(maxsize=4)
def _opened(file: Path, _modified: int, _size: int) -> tuple[tzinfo, Any]:
    import recurring_ical_events  # pyright: ignore[reportMissingTypeStubs]
    from icalendar import Calendar

    calendar = Calendar.from_ical(file.read_bytes())
    named = str(calendar.get("X-WR-TIMEZONE") or "")
    return (ZoneInfo(named) if named else UTC), recurring_ical_events.of(calendar)


def _freezes(event: Any) -> bool:
    free = str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
    return not free and str(event.get("STATUS", "")).upper() != "CANCELLED"


def _instant(end: date, zone: tzinfo) -> datetime:
    if not isinstance(end, datetime):
        end = datetime.combine(end, time(), zone)
    return (end if end.tzinfo else end.replace(tzinfo=zone)).astimezone(UTC)
