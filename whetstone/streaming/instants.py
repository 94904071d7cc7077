"""Instants as records tell them: ISO 8601 in UTC, to the microsecond."""

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def instant(at: datetime | int) -> str:
    """`2026-11-21T18:00:00.000000Z`.

    Args:
        at: a datetime, naive ones mean UTC, or microseconds since 1970.
    """
    if isinstance(at, int):
        at = naive(at)
    if at.tzinfo is not None:
        at = at.astimezone(UTC).replace(tzinfo=None)
    return f"{at.isoformat(timespec='microseconds')}Z"


def naive(at: int) -> datetime:
    """Microseconds since 1970 as tables hold them: a datetime without a zone, in UTC."""
    return _EPOCH + timedelta(microseconds=at)
