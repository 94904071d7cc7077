"""What flows through triage: alerts, verdicts, and the decisions that follow from them.

All instants are naive datetimes and mean UTC, as in the lake.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

State = Literal["open", "judged", "withdrawn"]
# The unit of an alert whose subject was erased.
ERASED = "[erased]"


class VerdictValue(StrEnum):
    """What an analyst can say about an alert."""

    TRUE_POSITIVE = "true_positive"
    FALSE_POSITIVE = "false_positive"
    BENIGN_EXPECTED = "benign_expected"
    UNSURE = "unsure"


REASONS: Mapping[VerdictValue, Mapping[str, str]] = MappingProxyType(
    {
        VerdictValue.TRUE_POSITIVE: {
            "succeeded": "the attack succeeded",
            "attempted": "an attempt that failed",
            "policy": "against the rules of the house",
        },
        VerdictValue.FALSE_POSITIVE: {
            "ordinary": "ordinary use",
            "rare": "rare, but harmless",
            "misconfigured": "something is configured wrong",
            "shared": "several behind one address",
            "misread": "the log was read wrong",
        },
        VerdictValue.BENIGN_EXPECTED: {
            "maintenance": "maintenance",
            "own_scan": "our own scan or test",
            "monitoring": "monitoring",
            "backup": "backup or batch job",
            "known_partner": "known partner or service",
        },
        VerdictValue.UNSURE: {
            "too_little": "the lines tell too little",
            "ask_owner": "the owner has to be asked",
        },
    }
)
"""Why, in a word: of each value the words that the desk offers, with what people read."""


class RecordStatus(StrEnum):
    """What a scorer says of an alert: a unit that grows raises it, changes it, ends it."""

    OPEN = "open"
    UPDATED = "updated"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Verdict:
    """One analyst's word on one alert.

    Attributes:
        verdict_id: Unique; a client that repeats a request sends the same one again.
        alert_id: The alert it is about.
        value: What the analyst says.
        by: Who says it.
        at: When it was stored.
        note: Why, in the analyst's words.
        reason: Why, as one of the words of `REASONS`.
        span: The part of the raw lines that tells: `{"line": 3, "start": 10, "end": 24}`.
        batch_id: What verdicts have in common that were given as one.
        retracted: When it was taken back; then it counts no more.
        retracted_by: Who took it back.
    """

    verdict_id: str
    alert_id: str
    value: VerdictValue
    by: str
    at: datetime
    note: str = ""
    reason: str | None = None
    span: dict[str, int] | None = None
    batch_id: str | None = None
    retracted: datetime | None = None
    retracted_by: str | None = None


@dataclass(frozen=True)
class Alert:
    """A unit whose score reached its detector's threshold.

    Attributes:
        alert_id: Hex hash of detector, environment, unit and event_timestamp (a session: its day).
        entity: Column to value, the columns of the unit's entity.
        unit: The entity's values joined by `|`.
        unit_start: Where the unit begins (equal to event_timestamp for an event).
        event_timestamp: When the unit's features were known.
        explanation: One `{feature, value, contribution}` a feature, largest first. A value is a
            number, text of a log (which is hostile: escape it where it is shown) or None; what
            stands in a sequence has its `position`, from 0, beside it.
        per_day: How many benign units are expected to score as high on a day with as many units;
            None where the model cannot tell.
        status: What a scorer said last; None if only the day's batch found the alert.
        events: Raw events that the unit folds; None: unknown.
        probe: Below its threshold: analysts are asked about it, and it is in no queue.
        day: The day of data that it belongs to, by which its drift report is named.
        pattern: What it looks like, whoever it is about; alerts of one pattern are neighbours.
        group_id: The group of the queue in which it stands.
        rule_id: The allow rule that takes it out of the queue.
        state: `judged` with a verdict; else `open` while the batch or a scorer finds it,
            `withdrawn` when neither does.
        verdicts: Each analyst's latest, oldest first. What stands from `day` on is the store's to
            fill.
    """

    alert_id: str
    detector: str
    model_version: str
    environment: str
    source: str
    unit: str
    entity: dict[str, Any]
    unit_start: datetime
    event_timestamp: datetime
    score: float
    threshold: float
    explanation: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    per_day: float | None = None
    status: RecordStatus | None = None
    events: int | None = None
    probe: bool = False
    day: date | None = field(default=None, compare=False)
    pattern: str | None = field(default=None, compare=False)
    group_id: str | None = field(default=None, compare=False)
    rule_id: str | None = field(default=None, compare=False)
    state: State = "open"
    verdicts: tuple[Verdict, ...] = ()

    def why(self, parts: int = 3) -> str:
        """The weightiest parts of the explanation in words: `failures=31, path[4]=union`.

        It holds text of logs: escape it where it is shown.
        """
        return ", ".join(map(_in_words, self.explanation[:parts]))


@dataclass(frozen=True)
class Decision:
    """What the analysts together say about an alert.

    Attributes:
        value: The decisive value; None, so no label to train on, where analysts conflict.
        by: Who gave the decisive verdicts, oldest verdict first.
        verdict_ids: Their verdicts, in the same order.
        conflict: Some say attack, others say none.
    """

    alert: Alert
    value: VerdictValue | None
    by: list[str]
    verdict_ids: list[str]
    conflict: bool


@dataclass(frozen=True)
class Counts:
    """Alerts by state, and current verdicts by value (every value is a key)."""

    open: int
    judged: int
    withdrawn: int
    verdicts: dict[VerdictValue, int]


def current(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Each analyst's latest verdict on each alert, in the order given (oldest first).

    What was taken back counts no more: what its analyst had said before stands again.
    """
    latest: dict[tuple[str, str], Verdict] = {}
    for verdict in verdicts:
        if verdict.retracted is not None:
            continue
        key = (verdict.alert_id, verdict.by)
        latest.pop(key, None)
        latest[key] = verdict
    return tuple(latest.values())


def _in_words(part: dict[str, Any]) -> str:
    value = part["value"]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    shown = "none" if value is None else f"{value:g}" if number else str(value)
    place = f"[{part['position']}]" if part.get("position") is not None else ""
    return f"{part['feature']}{place}={shown}"


def decide(alert: Alert, without: Collection[str] = ()) -> Decision | None:
    """The decision that follows from an alert's current verdicts; None if nobody is sure.

    False positive and benign expected do not conflict: both say that this is no attack. The later
    of them gives the value. What analysts in `without` say does not count.
    """
    heard = (v for v in alert.verdicts if v.by not in without)
    sure = [v for v in heard if v.value is not VerdictValue.UNSURE]
    if not sure:
        return None
    conflict = len({v.value is VerdictValue.TRUE_POSITIVE for v in sure}) > 1
    return Decision(
        alert=alert,
        value=None if conflict else sure[-1].value,
        by=[v.by for v in sure],
        verdict_ids=[v.verdict_id for v in sure],
        conflict=conflict,
    )


def fingerprint(decisions: Sequence[Decision]) -> str:
    """Hash of what training would learn: alert and value, in any order, conflicts left out."""
    lines = sorted(f"{d.alert.alert_id} {d.value}\n" for d in decisions if d.value is not None)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
