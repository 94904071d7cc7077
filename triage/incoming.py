"""What scorers send: alert records and notices, checked before anything is stored.

A record is a JSON object with ECS field names (`event.id`, `event.kind`, …) and an object
`whetstone` beside them, which is all that the platform reads; the rest it keeps as it came. Scorers
may be taken over by whoever attacks their site, and logs hold what attackers wrote: everything here
is hostile, text above all. It is kept as text and escaped wherever it is shown.
"""

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    PlainSerializer,
    Tag,
)

from triage.records import Alert, RecordStatus
from triage.rows import utc

MOST_RECORD_BYTES = 1 << 20
MOST_DEPTH = 16
LATEST_REVISION = (1 << 31) - 2
MOST_EVENTS = (1 << 31) - 1


class Role(StrEnum):
    """What a record is to the platform."""

    CHAMPION = "champion"
    """An alert of the model in service: it stands in the analysts' queue."""
    CHALLENGER = "challenger"
    """What a challenger would have alerted on; kept for the comparison with its champion."""
    CANARY = "canary"
    """An alert on an event that the operator put in to see it come out; kept as statistics."""
    NOTICE = "notice"
    """No alert: a release was swapped, an input is silent, alerts were folded."""


def _instant(at: datetime) -> datetime:
    try:
        return utc(at)
    except OverflowError as error:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from error


def _written_out(value: Any) -> Any:
    # Nobody knows whether a number counts seconds or something else, and since when.
    if not isinstance(value, str | datetime):
        raise ValueError("write an instant as 2026-03-02T12:00:00Z")
    return value


def cleaned(value: Any) -> Any:
    """`value` as every database stores it: no NUL, no half of a surrogate pair, no NaN."""
    return _cleaned(value, MOST_DEPTH)


def iso(at: datetime) -> str:
    """An instant as it is written everywhere: `2026-03-02T12:00:00.000000Z`."""
    return f"{at.isoformat(timespec='microseconds')}Z"


Instant = Annotated[
    datetime, BeforeValidator(_written_out), AfterValidator(_instant), PlainSerializer(iso)
]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/-]{1,128}$")]
Revision = Annotated[int, Field(ge=1, le=LATEST_REVISION)]


class _Open(BaseModel):
    """A part of a record; fields that are not read are kept."""

    model_config = ConfigDict(extra="allow")


class Part(_Open):
    """One part of an explanation."""

    feature: Name
    value: FiniteFloat | bool | Annotated[str, Field(max_length=10_000)] | None
    contribution: FiniteFloat | None


class AlertPart(_Open):
    """`whetstone` of an alert record."""

    kind: Literal["alert"] = "alert"
    alert: Key
    environment: Name
    detector: Name
    model_version: Name
    source: Name
    unit: Annotated[str, Field(max_length=10_000)]
    entity: dict[Name, Annotated[str, Field(max_length=10_000)] | int | FiniteFloat | None]
    unit_start: Instant
    event_timestamp: Instant
    status: RecordStatus
    revision: Revision
    score: FiniteFloat
    threshold: FiniteFloat
    per_day: FiniteFloat | None = None
    events: Annotated[int, Field(ge=0, le=MOST_EVENTS)] | None = None
    explanation: Annotated[list[Part], Field(max_length=200)] = []
    shadow: bool = False
    canary: bool = False


class NoticePart(_Open):
    """`whetstone` of a record that is no alert."""

    kind: Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")]
    environment: Name
    revision: Revision = 1
    detector: Name | None = None
    message: Annotated[str, Field(max_length=10_000)] = ""


class EventPart(_Open):
    """`event` of ECS."""

    id: Key
    kind: str


class _Record(_Open):
    event: EventPart
    timestamp: Annotated[Instant, Field(alias="@timestamp")]


class AlertRecord(_Record):
    """An alert as a scorer sees it now."""

    whetstone: AlertPart


class NoticeRecord(_Record):
    """Something that the scorer has to say."""

    whetstone: NoticePart


def _which(value: Any) -> str:
    part: Any = cast("dict[str, Any]", value).get("whetstone") if isinstance(value, dict) else None
    kind: Any = cast("dict[str, Any]", part).get("kind") if isinstance(part, dict) else None
    return "alert" if kind in (None, "alert") else "notice"


Record = Annotated[
    Annotated[AlertRecord, Tag("alert")] | Annotated[NoticeRecord, Tag("notice")],
    Discriminator(_which),
    BeforeValidator(cleaned),
]


@dataclass(frozen=True)
class Incoming:
    """A record that was found to be right.

    Attributes:
        role: what it is to the platform.
        revision: of two records of the same id and role the one of the higher revision is true.
        alert: None for a notice.
        record: the whole of it.
    """

    record_id: str
    role: Role
    environment: str
    detector: str | None
    kind: str
    revision: int
    status: RecordStatus | None
    at: datetime
    alert: Alert | None
    record: dict[str, Any]


def incoming(sent: AlertRecord | NoticeRecord) -> Incoming:
    """The record in the words of the case store."""
    part = sent.whetstone
    alert = alert_of(part) if isinstance(part, AlertPart) else None
    return Incoming(
        record_id=sent.event.id,
        role=_role(part),
        environment=part.environment,
        detector=part.detector,
        kind=part.kind,
        revision=part.revision,
        status=part.status if isinstance(part, AlertPart) else None,
        at=sent.timestamp,
        alert=alert,
        record=sent.model_dump(mode="json", by_alias=True),
    )


def stored_alert(record: Mapping[str, Any]) -> Alert:
    """The alert of an alert record that was stored."""
    return alert_of(AlertPart.model_validate(record["whetstone"]))


def alert_of(part: AlertPart) -> Alert:
    """The alert that a record tells of."""
    return Alert(
        alert_id=part.alert,
        detector=part.detector,
        model_version=part.model_version,
        environment=part.environment,
        source=part.source,
        unit=part.unit,
        entity=dict(part.entity),
        unit_start=part.unit_start,
        event_timestamp=part.event_timestamp,
        score=part.score,
        threshold=part.threshold,
        explanation=[p.model_dump(mode="json", exclude_none=False) for p in part.explanation],
        per_day=part.per_day,
        status=part.status,
        events=part.events,
    )


def _role(part: AlertPart | NoticePart) -> Role:
    if isinstance(part, NoticePart):
        return Role.NOTICE
    # A canary that a challenger finds is no evidence for the challenger.
    return Role.CANARY if part.canary else Role.CHALLENGER if part.shadow else Role.CHAMPION


def _cleaned(value: Any, depth: int) -> Any:
    if depth == 0:
        raise ValueError(f"is nested deeper than {MOST_DEPTH} levels")
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return {_cleaned(name, depth): _cleaned(item, depth - 1) for name, item in pairs}
    if isinstance(value, list):
        return [_cleaned(item, depth - 1) for item in cast("list[Any]", value)]
    return value


def bare(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record without what it tells of others than its own unit: lines' text and context."""
    told: dict[str, Any] = dict(record["whetstone"])
    lines = told.get("lines")
    told["lines"] = _without_text(cast("list[Any]", lines)) if isinstance(lines, list) else []
    told |= {name: [] for name in ("context", "related") if name in told}
    return {"@timestamp": record["@timestamp"], "event": record["event"], "whetstone": told}


def _without_text(lines: list[Any]) -> list[dict[str, Any]]:
    known = [cast("dict[str, Any]", line) for line in lines if isinstance(line, dict)]
    return [{name: line.get(name) for name in ("input", "line", "hash")} for line in known]


def mentions(record: Mapping[str, Any], values: Collection[str]) -> bool:
    """Whether one of these values stands anywhere in the record, as a word of its own."""
    if not values:
        return False
    alternatives = "|".join(re.escape(json.dumps(value)[1:-1]) for value in sorted(values))
    # A part of a longer address or name tells of somebody else.
    words = rf"(?<![\w.:-])(?:{alternatives})(?![\w:-]|\.\w)"
    return re.search(words, json.dumps(record)) is not None


def size_of(record: Mapping[str, Any]) -> int:
    """Bytes of a record as JSON."""
    return len(json.dumps(record, ensure_ascii=False).encode())


def now() -> datetime:
    """The platform's clock, as the case store keeps instants."""
    return datetime.now(UTC).replace(tzinfo=None)
