"""The share of traffic that a detector could not see, by environment and day (pure).

Lines are lost on four ways, one after the other, so what is seen multiplies:

    seen = (1 - rejected) (1 - silent) (1 - dropped) (1 - late)

- rejected: of the lines that came, those that the source could not parse.
- silent: of the lines that usually come, those of hours in which nothing came although chance
  hardly ever leaves them empty, or for longer on end than pauses usually are.
- dropped: of the lines that a scorer read, those that it gave up before parsing them.
- late: of the events that a scorer parsed, those that came when their unit was closed.

Each has a number and the reason for it, or None and why it is not known: None is no zero, and is
left out of the product. What the day's batch reads cannot be dropped or late: it is scored with the
day on which it lands.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean, variance

from monitoring.quality.told import Told

FEWEST_DAYS = 3
"""Other days that show what is usual."""
WINDOW_DAYS = 14
"""Days that are looked back for what is usual."""
CHANCE = 0.001
"""An hour without lines is silence where chance leaves it empty less often than this."""
LONGER = 2
"""So many times as many hours on end as are empty on other days are silence, and one more."""


@dataclass(frozen=True)
class Traffic:
    """What landed of a source from one environment on one day.

    Attributes:
        day: ISO 8601.
        hours: (24,) events by hour of event time, UTC; what bears another day's clock counts too.
        rejects: lines that the source could not parse; None: not known any more.
    """

    environment: str
    day: str
    hours: tuple[int, ...]
    rejects: int | None = 0

    @property
    def events(self) -> int:
        """Events of the day."""
        return sum(self.hours)

    @property
    def lines(self) -> int:
        """Events and rejects."""
        return self.events + (self.rejects or 0)


@dataclass(frozen=True)
class Loss:
    """One way on which lines are lost: the share and how it came about; None: not known."""

    share: float | None
    reason: str


@dataclass(frozen=True)
class Blindness:
    """What a detector could not see of one environment on one day.

    Attributes:
        expected: lines that would have come, by which environments are weighed together.
        losses: `rejected`, `silent`, `dropped`, `late`, in this order.
    """

    environment: str
    day: str
    expected: float
    losses: Mapping[str, Loss]

    @property
    def share(self) -> float | None:
        """The blind share; None where no part of it is known."""
        known = [loss.share for loss in self.losses.values() if loss.share is not None]
        return 1 - math.prod(1 - part for part in known) if known else None

    @property
    def unknown(self) -> tuple[str, ...]:
        """The parts that are not known."""
        return tuple(name for name, loss in self.losses.items() if loss.share is None)


def blindness(
    traffic: Iterable[Traffic],
    told: Sequence[Told],
    serviced: Sequence[str],
    days: Sequence[str],
    until: datetime,
) -> tuple[Blindness, ...]:
    """What was not seen of each environment on each day, the newest day first.

    Args:
        traffic: of the detector's source, of `days` and, for what is usual, of days before.
        told: by the environments' scorers.
        serviced: environments that the detector is for.
        days: ISO dates to judge; one without traffic was silent, if others were not.
        until: UTC; what is later has not come yet.
    """
    landed = {(each.environment, each.day): each for each in traffic}
    of: dict[str, list[Traffic]] = defaultdict(list)
    for each in landed.values():
        of[each.environment].append(each)
    return tuple(
        _of_day(environment, day, landed.get((environment, day)), of[environment], told, until)
        for day in sorted(days, reverse=True)
        for environment in sorted(serviced)
    )


def blind_share(parts: Iterable[Blindness], day: str) -> float | None:
    """Of all environments together on a day, each weighed by what it would have sent."""
    of_day = [(part.expected, part.share) for part in parts if part.day == day]
    known = [(max(lines, 1.0), share) for lines, share in of_day if share is not None]
    if not known:
        return None
    return sum(lines * share for lines, share in known) / sum(lines for lines, _ in known)


def _of_day(
    environment: str,
    day: str,
    traffic: Traffic | None,
    known: Sequence[Traffic],
    told: Sequence[Told],
    until: datetime,
) -> Blindness:
    others = [e for e in known if e.day != day and e.events and _near(e.day, day)]
    usual = _usual(others)
    spoke = [each for each in told if each.environment == environment and _covers(each, day)]
    expected = max(sum(usual.lines) if usual else 0.0, traffic.lines if traffic else 0)
    losses = {
        "rejected": _rejected(traffic, spoke),
        "silent": _silent(traffic, usual, len(others), day, until),
        "dropped": _dropped(spoke),
        "late": _late(spoke),
    }
    return Blindness(environment, day, float(expected), losses)


@dataclass(frozen=True)
class _Usual:
    """What is usual: lines by hour, how often chance leaves one without, the longest pause."""

    lines: tuple[float, ...]
    empty: tuple[float, ...]
    pause: int


def _usual(others: Sequence[Traffic]) -> _Usual | None:
    if len(others) < FEWEST_DAYS:
        return None
    pauses = sorted(max(map(len, _empty_runs(each, range(24))), default=0) for each in others)
    counts = [[each.hours[hour] for each in others] for hour in range(24)]
    means = [fmean(each) for each in counts]
    # Lines come in bursts: counts are negative binomial, with one dispersion for all hours, and
    # never less spread than by Poisson.
    excess = sum(max(0.0, variance(each) - mean) for each, mean in zip(counts, means, strict=True))
    size = sum(mean * mean for mean in means) / excess if excess else math.inf
    return _Usual(
        tuple(means),
        tuple(_empty(mean, size) for mean in means),
        # One day among many may have had an outage of its own.
        pauses[-2] if len(pauses) > FEWEST_DAYS else pauses[-1],
    )


def _empty(mean: float, size: float) -> float:
    """The chance of no line where `mean` are expected."""
    return math.exp(-mean) if math.isinf(size) else (1 + mean / size) ** -size


def _empty_runs(traffic: Traffic, past: Sequence[int]) -> list[list[int]]:
    """Hours on end in which nothing came."""
    runs: list[list[int]] = [[]]
    for hour in past:
        if not traffic.hours[hour]:
            runs[-1].append(hour)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _rejected(traffic: Traffic | None, told: Sequence[Told]) -> Loss:
    """By what landed; where nothing did, by what scorers told."""
    if traffic is not None and traffic.rejects is None:
        return Loss(None, "its rejects are not kept any more")
    if traffic is not None and traffic.lines:
        lines, rejects = traffic.lines, traffic.rejects or 0
    else:
        lines = sum(each.lines for each in told)
        rejects = lines - sum(each.events for each in told)
    if not lines:
        return Loss(None, "nothing landed, and no scorer told of lines")
    return Loss(rejects / lines, f"{rejects:,} of {lines:,} lines")


def _silent(
    traffic: Traffic | None, usual: _Usual | None, others: int, day: str, until: datetime
) -> Loss:
    if usual is None:
        return Loss(None, f"{others} other days are too few to say what is usual")
    start = datetime.fromisoformat(day)
    past = [hour for hour in range(24) if start + timedelta(hours=hour + 1) <= until]
    total = sum(usual.lines[hour] for hour in past)
    if not total:
        return Loss(None, "no lines are usual" if past else "no hour of the day is over")
    if traffic is None or not traffic.events:
        return Loss(1.0, f"no line, where {total:,.0f} are usual")
    missed = [
        hour
        for run in _empty_runs(traffic, past)
        for hour in run
        if len(run) > LONGER * usual.pause + 1 or usual.empty[hour] < CHANCE
    ]
    if not missed:
        return Loss(0.0, "lines in every hour that usually has some")
    hours = ", ".join(f"{hour:02d}" for hour in missed)
    return Loss(
        sum(usual.lines[hour] for hour in missed) / total, f"no line in the hours {hours} UTC"
    )


def _dropped(told: Sequence[Told]) -> Loss:
    dropped, read = sum(each.dropped for each in told), sum(each.lines for each in told)
    if not told:
        return Loss(None, "no scorer told of the day")
    if not dropped + read:
        return Loss(None, "its scorers read no line")
    return Loss(dropped / (dropped + read), f"{dropped:,} of {dropped + read:,} lines")


def _late(told: Sequence[Told]) -> Loss:
    late, events = sum(each.late for each in told), sum(each.events for each in told)
    if not told:
        return Loss(None, "no scorer told of the day")
    if not events:
        return Loss(None, "its scorers parsed no event")
    return Loss(late / events, f"{late:,} of {events:,} events")


def _covers(told: Told, day: str) -> bool:
    return told.began.date().isoformat() <= day <= told.heard.date().isoformat()


def _near(one: str, other: str) -> bool:
    return abs((date.fromisoformat(one) - date.fromisoformat(other)).days) <= WINDOW_DAYS
