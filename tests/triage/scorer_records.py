"""Records as scorers send them, for tests."""

from datetime import date, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from triage import Alert
from triage.incoming import AlertRecord, Incoming, NoticeRecord, Record, incoming

DAY = date(2026, 3, 2)
NOON = datetime.fromisoformat("2026-03-02T12:00:00")
_RECORD: TypeAdapter[AlertRecord | NoticeRecord] = TypeAdapter(Record)


def iso(at: datetime) -> str:
    return f"{at.isoformat(timespec='microseconds')}Z"


def a_record(
    alert_id: str = "aa",
    revision: int = 1,
    status: str = "open",
    score: float = 0.7,
    environment: str = "berlin",
    detector: str = "brute",
    at: datetime = NOON,
    **more: Any,
) -> dict[str, Any]:
    """An alert record; `more` goes into its `whetstone`."""
    name = f"{alert_id}-shadow" if more.get("shadow") else alert_id
    return {
        "@timestamp": iso(at),
        "event": {"id": name, "kind": "alert", "module": "whetstone"},
        "source": {"ip": "203.0.113.7"},
        "whetstone": {
            "kind": "alert",
            "alert": alert_id,
            "status": status,
            "revision": revision,
            "detector": detector,
            "model_version": "2",
            "environment": environment,
            "source": "sshd",
            "unit": "203.0.113.7",
            "entity": {"src_ip": "203.0.113.7"},
            "unit_start": iso(at - timedelta(minutes=5)),
            "unit_end": iso(at),
            "event_timestamp": iso(at),
            "score": score,
            "threshold": 0.5,
            "per_day": None,
            "explanation": [{"feature": "failures", "value": 31.0, "contribution": 0.4}],
            "lines": [{"input": "auth", "line": 7, "hash": "123", "text": "Failed password"}],
            "context": [],
            "shadow": False,
            "canary": False,
            **more,
        },
    }


def a_notice(name: str = "n1", kind: str = "release", **more: Any) -> dict[str, Any]:
    """A record that is no alert."""
    return {
        "@timestamp": iso(NOON),
        "event": {"id": name, "kind": "event"},
        "whetstone": {"kind": kind, "environment": "berlin", "message": "swapped", **more},
    }


def checked(*sent: dict[str, Any]) -> list[Incoming]:
    """The records as the case store takes them."""
    return [incoming(_RECORD.validate_python(record)) for record in sent]


def of_batch(alert_id: str = "aa", score: float = 0.9) -> Alert:
    """The same alert as the day's batch finds it."""
    return Alert(
        alert_id=alert_id,
        detector="brute",
        model_version="1",
        environment="berlin",
        source="sshd",
        unit="203.0.113.7",
        entity={"src_ip": "203.0.113.7"},
        unit_start=NOON - timedelta(minutes=5),
        event_timestamp=NOON,
        score=score,
        threshold=0.5,
    )
