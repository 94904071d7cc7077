"""The cadence: when a detector is retrained although nothing calls for it.

Cron as on Debian, in the zone that the definition names: at a change of the clock a start that
would fall into the missing hour comes right after it, and none comes twice. A start is put off by
a share of `jitter` that follows from the detector's name, so that not all begin at once and each
begins at the same time every week.

A start that was missed, because the platform was down or paused, is made up for once, however many
were missed; and not at all if the model has been made anew since.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from whetstone.catalog.catalog_pb2 import Cadence
from whetstone.catalog.units import seconds_of

_LOOKED_AT = 100
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def due_start(
    cadence: Cadence, detector: str, now: datetime, made_at: datetime | None
) -> datetime | None:
    """The start that is due, without its jitter, in UTC; None: none is.

    Args:
        cadence: a valid one.
        detector: whose; its jitter follows from the name.
        now: with its zone.
        made_at: when the model was made, with its zone; None: it never was, and is not due.
    """
    if not cadence.cron or made_at is None:
        return None
    start = next(starts(cadence, now - put_off(cadence, detector), backwards=True), None)
    return start if start is not None and start > made_at else None


def next_start(cadence: Cadence, detector: str, now: datetime) -> datetime | None:
    """When the detector is retrained next, with its jitter, in UTC; None: never."""
    offset = put_off(cadence, detector)
    start = next(starts(cadence, now - offset), None) if cadence.cron else None
    return None if start is None else start + offset


def put_off(cadence: Cadence, detector: str) -> timedelta:
    """By how much a detector's starts are put off: from nothing to less than `jitter`."""
    drawn = int.from_bytes(hashlib.sha256(detector.encode()).digest()[:4]) / 2**32
    return timedelta(seconds=int(drawn * (seconds_of(cadence.jitter) or 0)))


def starts(cadence: Cadence, after: datetime, *, backwards: bool = False) -> Iterator[datetime]:
    """The starts after an instant, in UTC, without jitter.

    Args:
        cadence: a valid one.
        after: with its zone.
        backwards: those up to the instant, and it among them, the latest first.

    Raises:
        CronSimError: the expression is none.
    """
    from cronsim import CronSim  # an installation without a cadence does without it

    zone: tzinfo = ZoneInfo(cadence.time_zone) if cadence.time_zone else UTC
    begin = after + timedelta(seconds=1) if backwards else after
    found = CronSim(cadence.cron, begin.astimezone(zone).replace(microsecond=0), backwards)
    return (start.astimezone(UTC) for start in found)


@lru_cache
def shortest_period(cron: str) -> timedelta | None:
    """The shortest time between two of a hundred starts in UTC; None: there are not two.

    Raises:
        CronSimError: the expression is none.
    """
    upcoming = islice(starts(Cadence(cron=cron), _ANY_TIME), _LOOKED_AT)
    return min((later - start for start, later in pairwise(upcoming)), default=None)
