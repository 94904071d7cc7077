"""The geometry of drawings (pure); templates make SVG of it, so that all text in it is escaped.

Units are pixels at a width of one to one. Styles are classes of `static/alert.css`: neither inline
styles nor scripts are allowed by the pages' content security policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH = 720
"""Of a timeline or a sequence."""
BAR_WIDTH = 160
_COLUMN_HEIGHT = 48
_STRIP_HEIGHT = 36
_LANE_HEIGHT = 20
_TOP = 6
_MOST_CELLS = 400
_TICK_HOURS = 6


@dataclass(frozen=True)
class Bar:
    """A bar that begins at the zero line; `against` when its amount is below zero."""

    x: float
    width: float
    zero: float
    against: bool


def bars(amounts: Sequence[float]) -> list[Bar]:
    """Bars of one scale, which reaches from the lowest to the highest amount and holds zero."""
    low, high = min(0.0, *amounts, 0.0), max(0.0, *amounts, 0.0)
    scale = BAR_WIDTH / (high - low) if high > low else 0.0
    zero = -low * scale
    return [
        Bar(round(min(zero, zero + a * scale), 1), max(1.0, round(abs(a) * scale, 1)), zero, a < 0)
        for a in amounts
    ]


@dataclass(frozen=True)
class Cell:
    """An element of a sequence that the explanation speaks of."""

    x: float
    y: float
    width: float
    height: float
    position: int
    against: bool


@dataclass(frozen=True)
class Strip:
    """A sequence from its first element to the last one that weighs; cells stand on its floor."""

    cells: list[Cell]
    floor: float
    height: float
    length: int


def strip(weights: Sequence[tuple[int, float]]) -> Strip | None:
    """The elements of a sequence that weigh, where they stand; None: there are none.

    Args:
        weights: position from 0, and contribution.
    """
    if not weights:
        return None
    length = max(position for position, _ in weights) + 1
    most = max(abs(amount) for _, amount in weights) or 1.0
    step = WIDTH / length
    cells = [
        Cell(
            x=round(position * step, 1),
            y=round(_TOP + _STRIP_HEIGHT - height, 1),
            width=max(3.0, round(step - (1 if length <= _MOST_CELLS else 0), 1)),
            height=round(height, 1),
            position=position,
            against=amount < 0,
        )
        for position, amount in weights
        for height in [max(2.0, _STRIP_HEIGHT * abs(amount) / most)]
    ]
    return Strip(cells, _TOP + _STRIP_HEIGHT, _TOP + _STRIP_HEIGHT + 18, length)


@dataclass(frozen=True)
class Tick:
    """A time on the axis; `day` where a day begins."""

    x: float
    at: datetime
    day: bool


@dataclass(frozen=True)
class Column:
    """The events of an hour."""

    x: float
    y: float
    width: float
    height: float
    at: datetime
    count: int


@dataclass(frozen=True)
class Mark:
    """An alert; `number` is its place in what was given."""

    x: float
    y: float
    number: int


@dataclass(frozen=True)
class Timeline:
    """Hours from left to right: lanes of alerts above, columns of events below.

    Attributes:
        lanes: name and height of each.
        unit: x and width of the unit that the alert is about.
    """

    height: float
    axis: float
    lanes: list[tuple[str, float]]
    marks: list[Mark]
    columns: list[Column]
    ticks: list[Tick]
    unit: tuple[float, float]


def timeline(
    first: datetime,
    hours: int,
    unit: tuple[datetime, datetime],
    alerts: Sequence[tuple[str, datetime]],
    events: Sequence[int] | None,
) -> Timeline:
    """Draw what happened in some hours.

    Args:
        first: where the first hour begins.
        hours: how many there are.
        unit: begin and end of what the alert is about.
        alerts: lane (the detector) and time of each; those outside the hours are left out.
        events: how many there are in each hour; None: unknown.
    """
    per_hour = WIDTH / hours

    def x(at: datetime) -> float:
        return round(min(max((at - first) / timedelta(hours=1), 0), hours) * per_hour, 1)

    names = list(dict.fromkeys(name for name, _ in alerts))
    lanes = [(name, _TOP + _LANE_HEIGHT * (n + 0.5)) for n, name in enumerate(names)]
    heights = dict(lanes)
    last = first + timedelta(hours=hours)
    marks = [
        Mark(x(at), heights[name], number)
        for number, (name, at) in enumerate(alerts)
        if first <= at <= last
    ]
    axis = _TOP + _LANE_HEIGHT * len(names) + (_COLUMN_HEIGHT + 4 if events is not None else 4)
    begin, end = x(unit[0]), x(unit[1])
    return Timeline(
        height=axis + 18,
        axis=axis,
        lanes=lanes,
        marks=marks,
        columns=_columns(first, events or (), per_hour, axis),
        ticks=_ticks(first, hours, per_hour),
        unit=(begin, max(2.0, round(end - begin, 1))),
    )


def _columns(first: datetime, events: Sequence[int], per_hour: float, axis: float) -> list[Column]:
    most = max(events, default=0)
    return [
        Column(
            x=round(hour * per_hour + 0.5, 1),
            y=round(axis - height, 1),
            width=round(per_hour - 1, 1),
            height=round(height, 1),
            at=first + timedelta(hours=hour),
            count=count,
        )
        for hour, count in enumerate(events)
        if count
        for height in [max(1.5, _COLUMN_HEIGHT * count / most)]
    ]


def _ticks(first: datetime, hours: int, per_hour: float) -> list[Tick]:
    found = [(number, first + timedelta(hours=number)) for number in range(hours)]
    return [
        Tick(round(number * per_hour, 1), at, at.hour == 0)
        for number, at in found
        if at.hour % _TICK_HOURS == 0
    ]
