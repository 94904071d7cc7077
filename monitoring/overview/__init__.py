"""All detectors at a glance: how each stands, since when, and where to read on (pure).

A detector's light is the worst of what its drift report, its quality report, its gate, its
canaries and its blindness say; each says why in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

Level = Literal["bad", "warn", "ok", "waiting"]
LEVELS: tuple[Level, ...] = ("bad", "warn", "ok", "waiting")
"""From the worst; `waiting`: not in service yet, so that there is nothing to judge."""

BLIND_WARN, BLIND_BAD = 0.05, 0.2
"""Share of the traffic that a detector could not see."""
SILENT_DAYS = 2
"""A source that is behind the newest data by so many days is silent: a whole day is missing."""

_OF_VERDICT: Mapping[str, Level] = {"drift": "bad", "bad": "bad", "warn": "warn"}
_NAMED = 3
_REPORT = re.compile(r"reports/(\w+/[\w-]+\.html)")


@dataclass(frozen=True)
class Reason:
    """Why a light is not green: what says so, and what it says (which may hold text of logs)."""

    level: Level
    about: str
    text: str


@dataclass(frozen=True)
class Precision:
    """Share of alerts that were right; `estimated` without verdicts."""

    value: float
    low: float | None
    high: float | None
    estimated: bool


@dataclass(frozen=True)
class Service:
    """The version in service, since when, and how many there were before."""

    version: str
    since: str
    releases: int


@dataclass(frozen=True)
class Retraining:
    """When the newest model was trained, why, and whether the gate let it pass."""

    at: str
    why: str
    gate: str


@dataclass(frozen=True)
class Link:
    """A report: where it lies below the directory of reports, and what data it is about."""

    path: str
    about: str


@dataclass(frozen=True)
class Silence:
    """A source of an environment from which nothing has come lately; `newest`: its last day."""

    environment: str
    source: str
    newest: str


@dataclass(frozen=True)
class InEnvironment:
    """A detector in one environment: alerts by day, oldest first, and what its reports say."""

    environment: str
    alerts: Sequence[int | None]
    verdict: str
    precision: Precision | None


@dataclass(frozen=True)
class Known:
    """What is known of a detector: the facts of its manifests, and what lies beside them.

    Attributes:
        drift: facts of its drift by day, as far as they exist.
        quality: facts of its quality; None before there is any.
        evaluation: facts of its newest evaluation; None before there is any.
        alerts: by day; None on a day that was not scored.
        environments: alerts by day in each environment that gets them.
        silent: silences of its source where it serves.
    """

    name: str
    display_name: str
    owners: Sequence[str] = ()
    drift: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    quality: Mapping[str, Any] | None = None
    evaluation: Mapping[str, Any] | None = None
    alerts: Sequence[int | None] = ()
    environments: Mapping[str, Sequence[int | None]] = field(
        default_factory=dict[str, Sequence[int | None]]
    )
    silent: Sequence[Silence] = ()
    service: Service | None = None
    retraining: Retraining | None = None
    dashboards: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Row:
    """A detector as the overview shows it; sequences by day are as long as `Overview.days`."""

    detector: str
    display_name: str
    owners: Sequence[str]
    light: Level
    reasons: Sequence[Reason]
    alerts: Sequence[int | None]
    verdicts: Sequence[str | None]
    share_drifted: Sequence[float | None]
    alerts_a_day: float | None
    precision: Precision | None
    service: Service | None
    retraining: Retraining | None
    drift_report: Link | None
    quality_report: Link | None
    dashboards: Mapping[str, str]
    environments: Sequence[InEnvironment]


@dataclass(frozen=True)
class Overview:
    """All detectors, the worst first, and the sources that are silent."""

    made_at: datetime
    newest_day: str | None
    days: Sequence[str]
    rows: Sequence[Row]
    silent: Sequence[Silence]

    @property
    def counts(self) -> dict[Level, int]:
        """Detectors by light; every light is a key."""
        return {level: sum(row.light == level for row in self.rows) for level in LEVELS}


def overview(
    known: Iterable[Known],
    days: Sequence[str],
    silent: Sequence[Silence] = (),
    *,
    made_at: datetime,
) -> Overview:
    """Bring together what is known of the detectors; `days` are the last ones, oldest first."""
    rows = sorted((_row(each, days) for each in known), key=_worst_first)
    return Overview(made_at, days[-1] if days else None, days, rows, silent)


def reasons(known: Known, newest_day: str | None) -> list[Reason]:
    """Why a detector's light is not green, the worst first; nothing: it is."""
    found = [
        *_of_drift(known, newest_day),
        *_of_quality(known.quality or {}),
        *_of_gate(known),
        *_of_suspects((known.evaluation or {}).get("suspects") or {}),
        *_of_silence(known.silent),
    ]
    return sorted(found, key=lambda reason: LEVELS.index(reason.level))


def _row(known: Known, days: Sequence[str]) -> Row:
    why = reasons(known, days[-1] if days else None)
    drift = [known.drift.get(day) for day in days]
    scored = [count for count in known.alerts if count is not None]
    quality = known.quality or {}
    newest = max(known.drift, default=None)
    drift_file = _below_reports(known.drift[newest].get("report")) if newest else None
    quality_file = _below_reports(quality.get("report"))
    return Row(
        detector=known.name,
        display_name=known.display_name,
        owners=list(known.owners),
        light=_light(known, why),
        reasons=why,
        alerts=list(known.alerts),
        verdicts=[facts.get("verdict") if facts else None for facts in drift],
        share_drifted=[facts.get("share_drifted") if facts else None for facts in drift],
        alerts_a_day=sum(scored) / len(scored) if scored else None,
        precision=_precision(quality),
        service=known.service,
        retraining=known.retraining,
        drift_report=Link(drift_file, newest) if drift_file and newest else None,
        quality_report=Link(quality_file, _timestamp(quality_file)) if quality_file else None,
        dashboards=dict(known.dashboards),
        environments=_environments(known, newest, quality),
    )


def _light(known: Known, why: Sequence[Reason]) -> Level:
    if why:
        return why[0].level
    return "ok" if known.service else "waiting"


def _worst_first(row: Row) -> tuple[int, int, str]:
    return LEVELS.index(row.light), -len(row.reasons), row.detector


def _of_drift(known: Known, newest_day: str | None) -> Iterable[Reason]:
    day = max(known.drift, default=None)
    if day is None:
        return
    facts = known.drift[day]
    level = _OF_VERDICT.get(facts.get("verdict", ""))
    if level:
        said = "; ".join(facts.get("reasons") or ()) or f"verdict {facts['verdict']}"
        yield Reason(level, "drift", f"{said} (on {day})")
    if known.service and newest_day and _days_between(day, newest_day) >= SILENT_DAYS:
        said = f"nothing was scored after {day}; data go on to {newest_day}"
        yield Reason("warn", "scores", said)


def _of_quality(facts: Mapping[str, Any]) -> Iterable[Reason]:
    level = _OF_VERDICT.get(facts.get("verdict", ""))
    if level:
        said = "; ".join(facts.get("reasons") or ()) or f"verdict {facts['verdict']}"
        yield Reason(level, "quality", said)
    canaries = facts.get("canaries") or {}
    if missed := canaries.get("missed"):
        text = f"missed {len(missed)} of {canaries['planted']} planted attacks: {_listed(missed)}"
        yield Reason("bad", "canaries", text)
    blind = facts.get("blind_share")
    if blind is not None and blind >= BLIND_WARN:
        level = "bad" if blind >= BLIND_BAD else "warn"
        yield Reason(level, "blindness", f"{blind:.0%} of the traffic could not be seen")


def _of_gate(known: Known) -> Iterable[Reason]:
    facts = known.evaluation or {}
    if facts.get("gate") != "failed":
        return
    said = "; ".join(facts.get("reasons") or ()) or "no reason was given"
    if known.service:
        yield Reason("warn", "gate", f"the champion stays, its challenger was refused: {said}")
    else:
        yield Reason("bad", "gate", f"not in service, the gate refused it: {said}")


def _of_suspects(facts: Mapping[str, Any]) -> Iterable[Reason]:
    if facts.get("harmed"):
        yield Reason("warn", "suspects", facts.get("reason") or "new examples make it worse")


def _of_silence(silent: Sequence[Silence]) -> Iterable[Reason]:
    for source in dict.fromkeys(silence.source for silence in silent):
        where = [f"{s.environment} (last: {s.newest})" for s in silent if s.source == source]
        yield Reason("warn", "blindness", f"{source} is silent in {_listed(where)}")


def _precision(facts: Mapping[str, Any]) -> Precision | None:
    """From verdicts; where there are none, as it was estimated."""
    for name, estimated in (("precision", False), ("estimated_precision", True)):
        found = facts.get(name)
        if isinstance(found, Mapping) and found.get("value") is not None:
            return Precision(found["value"], found.get("low"), found.get("high"), estimated)
    return None


def _environments(
    known: Known, newest: str | None, quality: Mapping[str, Any]
) -> list[InEnvironment]:
    drift = known.drift[newest] if newest else {}
    verdicts = {e["environment"]: e.get("verdict", "") for e in drift.get("environments") or ()}
    precision = {e["environment"]: _precision(e) for e in quality.get("environments") or ()}
    return [
        InEnvironment(name, list(alerts), verdicts.get(name, ""), precision.get(name))
        for name, alerts in known.environments.items()
    ]


def _below_reports(path: str | None) -> str | None:
    """Manifests tell the path below the home; what is no such path is not linked."""
    found = _REPORT.fullmatch(path or "")
    return found[1] if found else None


def _timestamp(path: str) -> str:
    return path.removesuffix(".html").rpartition("_")[2]


def _days_between(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
