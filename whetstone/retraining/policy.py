"""The drift policy: from what every day said to what is done about it (pure).

A signal's **streak** begins with a day that says `drift` or `warn` and stands once its days add up
to as many as the rule asks for. What a day can say:

- `drift` counts a day, `warn` half a day: what is a little off every day is off;
- `ok` breaks a row that does not stand yet; as many as the rule has days, with nothing else between
  them, end one that stands. So a signal that wavers about its threshold begins and ends nothing;
- `unknown`, or no data at all, says nothing. After a week of it all begins anew.

Only days that are over count: a day of which half has landed looks unlike any other. A streak that
reached the newest day calls for something, and only while that day is of this week: a backfill of
old days changes nothing today.

What a standing streak does:

- HOLD and PAGE last as long as it does;
- RETRAIN is decided once. It is decided again after four times the rule's days more of it: a
  retraining that did not help is not repeated as fast as the first was called for. Days on which
  the data were compared with an earlier release say nothing about the one in service: that one has
  to have seen the rule's days itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from whetstone.catalog.catalog_pb2 import Action, Detector, DriftRule, Signal
from whetstone.catalog.retraining_problems import MOST_DAYS

SILENCE = timedelta(days=7)
"""So long without a word, and a streak is forgotten."""
PATIENCE = 4
"""Times the rule's days that drift goes on before it calls for another retraining."""
LOOK_BACK = timedelta(days=(2 * PATIENCE) * MOST_DAYS)
"""Days before that are of no account."""
_WEIGHTS = {"drift": 1.0, "warn": 0.5}


@dataclass(frozen=True)
class DriftDay:
    """What the drift of a detector on a day was.

    Attributes:
        day: the day of the data.
        release: version of the release that it was compared with.
        signals: `ok`, `warn`, `drift` or `unknown` by signal, such as `alert_rate`.
    """

    day: date
    release: str
    signals: Mapping[str, str]


@dataclass(frozen=True)
class Decision:
    """What is to be done about a signal that drifts for days.

    Attributes:
        action: RETRAIN, HOLD or PAGE.
        detector: whose data drift.
        signal: which signal says so, such as `alert_rate`.
        since: first day of the streak.
        day: its last day that was not `ok`.
        reason: in a line.
    """

    action: Action
    detector: str
    signal: str
    since: date
    day: date
    reason: str

    @property
    def key(self) -> str:
        """What it is about: equal for the same streak, so that it is told once."""
        return f"drift:{self.detector}:{self.signal}:{self.since}"


@dataclass
class _Streak:
    since: date
    days: list[tuple[DriftDay, float]] = field(default_factory=list[tuple[DriftDay, float]])
    calm: int = 0
    stands: bool = False

    def length(self, days: Callable[[DriftDay], bool] = lambda _: True) -> float:
        """So many days, of those meant."""
        return sum(weight for day, weight in self.days if days(day))


def decide(
    detector: Detector,
    history: Iterable[DriftDay],
    today: date,
    retrained_for: Mapping[str, Sequence[date]] | None = None,
) -> list[Decision]:
    """What the drift of a detector calls for now.

    Args:
        detector: its definition; what `drift` says is done.
        history: what days said, in any order.
        today: the UTC day that is not over yet.
        retrained_for: by signal, the last days of data of earlier decisions to retrain.

    Returns:
        Decisions in force; those to retrain are not in force before, or once they are among
        `retrained_for`.
    """
    days = sorted((each for each in history if each.day < today), key=lambda each: each.day)
    if not days or today - days[-1].day > SILENCE:
        return []
    decisions: list[Decision] = []
    for rule in detector.drift.rules:
        signal = Signal.Name(rule.signal).lower()
        streak = standing_streak(days, signal, rule.days)
        if streak is None:
            continue
        earlier = (retrained_for or {}).get(signal, ())
        if rule.action == Action.RETRAIN and not _calls(rule, streak, days[-1].release, earlier):
            continue
        decisions.append(_decision(detector.name, rule, signal, streak))
    return decisions


def standing_streak(days: Sequence[DriftDay], signal: str, asked: int) -> _Streak | None:
    """The streak of a signal that stands at the end of `days` (ascending); None: there is none."""
    streak: _Streak | None = None
    heard: date | None = None
    for each in days:
        verdict = each.signals.get(signal, "unknown")
        if verdict == "unknown":
            continue
        if heard is not None and each.day - heard > SILENCE:
            streak = None
        heard = each.day
        if weight := _WEIGHTS.get(verdict):
            streak = streak or _Streak(each.day)
            streak.days.append((each, weight))
            streak.calm = 0
            streak.stands = streak.stands or streak.length() >= asked
        elif streak is not None:
            streak.calm += 1
            streak = streak if streak.stands and streak.calm < asked else None
    if streak is None or not streak.stands or heard is None or days[-1].day - heard > SILENCE:
        return None
    return streak


def _calls(rule: DriftRule, streak: _Streak, release: str, earlier: Sequence[date]) -> bool:
    """Whether a standing streak calls for a retraining that has not been called for yet."""
    seen_by_champion = streak.length(lambda each: each.release == release)
    answered = max((day for day in earlier if day >= streak.since), default=None)
    if answered is None:
        return seen_by_champion >= rule.days
    since_then = streak.length(lambda each: each.day > answered)
    return seen_by_champion >= rule.days and since_then >= PATIENCE * rule.days


def _decision(detector: str, rule: DriftRule, signal: str, streak: _Streak) -> Decision:
    last = streak.days[-1][0].day
    days = sum(weight == 1 for _, weight in streak.days)
    warned = len(streak.days) - days
    told = [f"drifted on {days} day{'s' * (days > 1)}"] if days else []
    told += [f"was off on {warned} day{'s' * (warned > 1)}"] if warned else []
    return Decision(
        rule.action,
        detector,
        signal,
        streak.since,
        last,
        f"{signal.replace('_', ' ')} {' and '.join(told)} from {streak.since} to {last}",
    )
