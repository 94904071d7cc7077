"""Thirty days as a drawing the size of a word: inline SVG, with the same in words for who listens.

A bar a day for the alerts; below it how the day's drift report judged, which shape tells as well
as colour: nothing for ok, a half mark for a warning, a whole mark for drift.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

_STEP, _BAR, _HEIGHT, _MARK = 5, 4, 24, 7
_MARKED = {"warn": ("warn", 3), "drift": ("bad", 6)}


def sparkline(
    days: Sequence[str], alerts: Sequence[int | None], verdicts: Sequence[str | None] = ()
) -> Markup:
    """Alerts by day, and the drift verdicts below them; None: that day was not scored."""
    top = max((count for count in alerts if count is not None), default=0)
    bars = [_bar(place, count, top) for place, count in enumerate(alerts) if count is not None]
    marks = [_mark(place, *_MARKED[v]) for place, v in enumerate(verdicts) if v in _MARKED]
    height = _HEIGHT + (_MARK if verdicts else 0)
    width = _STEP * len(alerts)
    return Markup(
        '<svg class="spark" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img">'
        "<title>{words}</title>"
        '<path class="floor" d="M0 {floor}H{w}"/><path class="bars" d="{bars}"/>{marks}</svg>'
    ).format(
        w=width,
        h=height,
        words=in_words(days, alerts, verdicts),
        floor=_HEIGHT - 0.5,
        bars="".join(bars),
        marks=Markup("").join(marks),
    )


def in_words(
    days: Sequence[str], alerts: Sequence[int | None], verdicts: Sequence[str | None] = ()
) -> str:
    """What the drawing shows."""
    counts = [count for count in alerts if count is not None]
    if not counts:
        return "not scored on any of these days"
    said = f"{sum(counts)} alerts on {len(counts)} days to {days[-1]}, at most {max(counts)} a day"
    drifted, warned = (sum(v == kind for v in verdicts) for kind in ("drift", "warn"))
    return f"{said}; {drifted} days of drift, {warned} with a warning" if verdicts else said


def _bar(place: int, count: int, top: int) -> str:
    height = max(1.0, (_HEIGHT - 2) * count / top) if count else 0.0
    left = place * _STEP
    return f"M{left} {_HEIGHT - 1}v{-height:.1f}h{_BAR}v{height:.1f}z"


def _mark(place: int, kind: str, height: int) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        kind, place * _STEP, _HEIGHT + 1, _BAR, height
    )
