"""What scorers tell of themselves and of what happened to them, for `whetstone status`.

It comes from elsewhere: nothing in it is of a certain type, and its text may be anything.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from triage import CaseStore
from triage.incoming import Role
from whetstone import console

_NOTICES = 10
_MOST_TEXT = 200


def read_scorers(cases: CaseStore) -> dict[str, Any]:
    """Scorers, how many records they sent that no analyst sees, and their newest notices."""
    return {
        "scorers": [
            {
                "environment": scorer.environment,
                "name": scorer.name,
                "heard_seconds_ago": _age(scorer.heard),
                "version": _text(scorer.digest, "version"),
                "events_per_second": _number(scorer.digest, "events_per_second"),
                "p99_ms": _milliseconds(scorer.digest),
                "lag_seconds": _number(scorer.digest, "lag_seconds"),
                "rejects": _number(scorer.digest, "rejects"),
                "dropped": _number(scorer.digest, "dropped"),
                "releases": _each(scorer.digest, "releases", "detector", "version"),
                "problems": _each(scorer.digest, "problems", "kind", "name", "detail"),
            }
            for scorer in cases.scorers()
        ],
        "scorer_records": cases.record_counts(),
        "notices": [
            {
                "time": _text(record, "@timestamp"),
                "environment": _text(_whetstone(record), "environment"),
                "kind": _text(_whetstone(record), "kind"),
                "message": _text(_whetstone(record), "message"),
            }
            for record in cases.records(Role.NOTICE, limit=_NOTICES)
        ],
    }


def show_scorers(found: Mapping[str, Any]) -> None:
    """Print them for people."""
    console.show_table("scorers", found["scorers"])
    counts = found["scorer_records"]
    if any(counts.values()):
        console.show(
            f"from scorers: {counts['champion']} alerts; {counts['challenger']} that challengers"
            f" would have raised, {counts['canary']} on canaries"
        )
    if found["notices"]:
        console.show_table("what scorers said, newest first", found["notices"])


def _whetstone(record: Mapping[str, Any]) -> Mapping[str, Any]:
    part = record.get("whetstone")
    return cast("dict[str, Any]", part) if isinstance(part, dict) else {}


def _age(heard: datetime) -> int:
    return max(0, int((datetime.now(UTC).replace(tzinfo=None) - heard).total_seconds()))


def _text(values: Mapping[str, Any], name: str) -> str:
    return str(values.get(name, ""))[:_MOST_TEXT]


def _number(values: Mapping[str, Any], name: str) -> float | int | None:
    value = values.get(name)
    return value if isinstance(value, int | float) else None


def _milliseconds(digest: Mapping[str, Any]) -> float | None:
    latency = digest.get("latency_seconds")
    p99 = _number(cast("dict[str, Any]", latency), "p99") if isinstance(latency, dict) else None
    return None if p99 is None else round(1000 * p99, 1)


def _each(digest: Mapping[str, Any], name: str, *parts: str) -> str:
    """The entries of a list of objects, each by some of its values."""
    entries = digest.get(name)
    if not isinstance(entries, list):
        return ""
    objects = [e for e in cast("list[Any]", entries) if isinstance(e, dict)]
    words = [" ".join(_text(cast("dict[str, Any]", e), p) for p in parts) for e in objects]
    return ", ".join(words)[: 5 * _MOST_TEXT]
