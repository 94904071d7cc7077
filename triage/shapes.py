"""Requests and answers of the HTTP API; FastAPI checks them and describes them in OpenAPI."""

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from triage.incoming import Instant, Name, Record, cleaned
from triage.records import RecordStatus, State, VerdictValue

MOST_RECORDS = 500
MOST_LISTED = 500


class _FromStore(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Records(BaseModel):
    """What a scorer reports at once, in the order of its journal."""

    model_config = ConfigDict(extra="forbid")

    records: Annotated[list[Record], Field(max_length=MOST_RECORDS)]


class TakenAnswer(_FromStore):
    """What became of the records."""

    taken: Annotated[int, Field(description="New, or of a higher revision")]
    known: Annotated[int, Field(description="Stored already, or overtaken")]


class Heartbeat(BaseModel):
    """A scorer tells of itself."""

    model_config = ConfigDict(extra="forbid")

    scorer: Annotated[Name, Field(description="Tells the scorers of one environment apart")]
    environment: Name
    digest: Annotated[
        dict[str, Any],
        BeforeValidator(cleaned),
        Field(description="Versions, rates, problems: what the scorer's /health says"),
    ]


class VerdictView(_FromStore):
    """An analyst's word."""

    verdict_id: str
    value: VerdictValue
    by: str
    at: Instant
    note: str
    reason: Annotated[str | None, Field(description="Why, in a word")] = None
    span: Annotated[
        dict[str, int] | None, Field(description="The part of the raw lines that tells")
    ] = None
    batch_id: Annotated[str | None, Field(description="Of verdicts that were given as one")] = None


class AlertView(_FromStore):
    """An alert of the queue. Its text comes from logs: escape it where it is shown."""

    alert_id: str
    detector: str
    model_version: str
    environment: str
    source: str
    unit: str
    entity: dict[str, Any]
    unit_start: Instant
    event_timestamp: Instant
    score: float
    threshold: float
    per_day: float | None
    explanation: list[dict[str, Any]]
    status: Annotated[RecordStatus | None, Field(description="Of the scorer; null: batch only")]
    day: Annotated[date | None, Field(description="Of the data that it was found in")]
    state: State
    verdicts: list[VerdictView]
    report: Annotated[str | None, Field(description="URL of the drift report on its day")] = None
    quality_report: Annotated[
        str | None, Field(description="URL of the newest quality report on its detector")
    ] = None


class AlertPage(BaseModel):
    """A page of the queue."""

    alerts: list[AlertView]
    after: Annotated[str | None, Field(description="Give it back to get the next page")]


class AlertWhole(BaseModel):
    """An alert with all that its scorer sent."""

    alert: AlertView
    record: dict[str, Any] | None


class RecordList(BaseModel):
    """Records as they came, newest first."""

    records: list[dict[str, Any]]
    after: Annotated[str | None, Field(description="Give it back to get the next page")]


class ScorerView(_FromStore):
    """A scorer as it was last heard of."""

    environment: str
    name: str
    heard: Instant
    digest: dict[str, Any]


class ScorerList(BaseModel):
    """All scorers."""

    scorers: list[ScorerView]


class Told(BaseModel):
    """A heartbeat was taken."""

    heard: bool = True


class Problem(BaseModel):
    """Why a request was not served."""

    error: str
    fields: dict[str, str] = {}
