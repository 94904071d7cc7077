"""What the queue shows: groups and patterns, and how to ask for them.

Units, entities and titles hold text of logs: escape them where they are shown.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from triage.queue.risk import Risk
from triage.records import Alert

GroupState = Literal["open", "judged", "allowed"]
Shown = Literal["open", "judged", "allowed", "all"]


@dataclass(frozen=True)
class Filters:
    """What to leave out of a page of the queue; None or empty: nothing.

    Attributes:
        environments: what whoever asks may see.
        environment: only this one of them.
        detectors: only alerts of these; a technique means the detectors that look for it.
        pattern: only what looks like this.
        entity: only what is about somebody whose name or address begins so, in whatever case: the
            first value of the entity.
        first_day: no alerts of earlier days (UTC).
        last_day: no alerts of later days.
        state: open groups have an open alert; judged ones have none, but a judged one; of the
            allowed ones, rules hold all.
    """

    environments: Collection[str] | None = None
    environment: str | None = None
    detectors: Collection[str] | None = None
    pattern: str | None = None
    entity: str = ""
    first_day: date | None = None
    last_day: date | None = None
    state: Shown = "open"


@dataclass(frozen=True)
class Case:
    """A group: alerts of a detector about a subject that look alike on a day.

    The subject is the first value of the entity: one address that calls a thousand is one case.

    Attributes:
        unit: the values of the entity joined by `|`, if all alerts have the same; else the subject.
        entity: the same with its columns; of different entities, the first column.
        title: what the alerts look like, in words.
        first: when the first of their units begins; naive UTC, as all instants.
        last: when the last of them was known.
        open: alerts that wait for a verdict.
        judged: alerts with one that stands.
        allowed: alerts that an allow rule holds.
        true_positives: judged alerts that analysts call an attack, without contradiction.
        false_positives: judged alerts that they call none.
        events: raw events that the alerts fold, as far as known; None: unknown.
        made: what the risk is made of.
        top: the alert that weighs most.
        alike: groups of the environment that look like it and wait for a verdict; it may be one.
    """

    group_id: str
    environment: str
    detector: str
    unit: str
    entity: Mapping[str, Any]
    pattern: str
    title: str
    day: date
    first: datetime
    last: datetime
    state: GroupState
    open: int
    judged: int
    allowed: int
    true_positives: int
    false_positives: int
    events: int | None
    risk: float
    made: Risk
    top: Alert
    alike: int

    @property
    def alerts(self) -> int:
        """All of them."""
        return self.open + self.judged + self.allowed


@dataclass(frozen=True)
class Look:
    """A pattern in an environment, with all groups that have it.

    Attributes:
        groups: how many groups there are; `open_groups` of them wait for a verdict.
        open, judged, allowed, events: sums over them.
        true_groups: groups in which analysts found an attack.
        false_groups: groups in which they found none.
        risk: the highest of its groups.
        top: the group with the highest risk, among those of the pattern's state.
    """

    environment: str
    detector: str
    pattern: str
    title: str
    state: GroupState
    groups: int
    open_groups: int
    true_groups: int
    false_groups: int
    open: int
    judged: int
    allowed: int
    events: int | None
    risk: float
    first_day: date
    last_day: date
    top: Case

    @property
    def alerts(self) -> int:
        """All of them."""
        return self.open + self.judged + self.allowed


@dataclass(frozen=True)
class CasePage:
    """Groups, the highest risk first.

    Attributes:
        after: what the next page begins behind; None: this is the last one.
    """

    items: list[Case]
    after: str | None


@dataclass(frozen=True)
class LookPage:
    """Patterns, the highest risk first; `after` as in `CasePage`."""

    items: list[Look]
    after: str | None


@dataclass(frozen=True)
class CaseDetail:
    """A group with its alerts, the worst first."""

    case: Case
    alerts: list[Alert]

    @property
    def risk(self) -> Risk:
        """What the risk of the group is made of."""
        return self.case.made
