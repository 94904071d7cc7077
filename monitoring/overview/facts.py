"""What an installation knows of its detectors: manifests, releases, landed days, alerts."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from monitoring.overview import (
    SILENT_DAYS,
    Known,
    Overview,
    Retraining,
    Service,
    Silence,
    overview,
)
from monitoring.projects import dashboard_url, project_of
from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.engine import open_engine
from whetstone.lake import PART, Lake, Manifest, Place
from whetstone.lineage import ALERTS
from whetstone.reasons import Change
from whetstone.releases import Repository
from whetstone.releases.release import STABLE
from whetstone.root_causes import root_changes
from whetstone.settings import Settings
from whetstone.sql import literal

DAYS = 30
_KINDS = ("drift", "quality")
_NAMED = 3


def read_overview(
    catalog: Catalog,
    settings: Settings,
    triggers: Mapping[str, str] | None = None,
    now: datetime | None = None,
    shown: int = DAYS,
) -> Overview:
    """All detectors of an installation as they stand now; reads, changes nothing.

    Args:
        catalog: its definitions.
        settings: where things are.
        triggers: what called for a retraining last, in words, by detector.
        now: the time; by default the clock's.
        shown: days that are looked back.
    """
    made_at = now or datetime.now(UTC)
    newest = _newest_landed(settings.landing)
    latest = (made_at.date() + timedelta(1)).isoformat()
    # A clock that runs wrong makes files of the year 2099, not the newest day.
    newest_day = max((day for day in newest.values() if day <= latest), default=None)
    lake = Lake(settings.lake)
    newest_day = max((newest_day, *lake.days(*ALERTS.split("/"))[-1:]), key=lambda day: day or "")
    if newest_day is None:
        return overview((_unborn(d) for d in catalog.detectors.values()), (), made_at=made_at)
    days = _days_until(newest_day, shown)
    silent = _silences(catalog, newest, newest_day)
    reader = _Reader(catalog, settings, lake, days, silent, triggers or {})
    return overview(reader.known(), days, silent, made_at=made_at)


def _unborn(detector: Detector) -> Known:
    return Known(detector.name, detector.display_name, list(detector.owners))


class _Reader:
    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        lake: Lake,
        days: Sequence[str],
        silent: Sequence[Silence],
        triggers: Mapping[str, str],
    ):
        self._catalog = catalog
        self._settings = settings
        self._lake = lake
        self._days = days
        self._silent = silent
        self._triggers = triggers
        self._alerts = [self._facts(_alerts_of(day)) for day in days]
        self._by_environment = _alerts_by_environment(lake, days)
        releases = Repository(settings.releases)
        releases.init()
        self._channel = releases.channel(STABLE)

    def known(self) -> list[Known]:
        return [self._known(detector) for detector in self._catalog.detectors.values()]

    def _known(self, detector: Detector) -> Known:
        name = detector.name
        alerts = [None if day is None else day.get(name) for day in self._alerts]
        urls = self._settings.dashboards_url
        return Known(
            name=name,
            display_name=detector.display_name,
            owners=list(detector.owners),
            drift=self._drift(name),
            quality=self._facts(Place("quality", name)),
            evaluation=self._facts(Place("evaluation", name)),
            alerts=alerts,
            environments=self._environments(name, alerts),
            silent=self._silent_for(detector),
            service=self._service(name),
            retraining=self._retraining(name),
            dashboards={kind: dashboard_url(urls, project_of(name, kind)) for kind in _KINDS},
        )

    def _facts(self, place: Place) -> Mapping[str, Any] | None:
        made = self._lake.manifest(place)
        return None if made is None else made.facts

    def _drift(self, name: str) -> dict[str, Mapping[str, Any]]:
        # The newest there is, though it be older than the days shown.
        days = {*self._days, *self._lake.days("drift", name)[-1:]}
        found = {day: self._facts(Place("drift", name, day)) for day in sorted(days)}
        return {day: facts for day, facts in found.items() if facts is not None}

    def _environments(
        self, name: str, alerts: Sequence[int | None]
    ) -> dict[str, Sequence[int | None]]:
        serviced = [e.name for e in self._catalog.environments.values() if name in e.detectors]
        return {
            environment: [
                None if total is None else self._by_environment.get((name, environment, day), 0)
                for day, total in zip(self._days, alerts, strict=True)
            ]
            for environment in serviced
        }

    def _silent_for(self, detector: Detector) -> list[Silence]:
        dataset = self._catalog.golden_datasets[detector.golden_dataset]
        source = self._catalog.source_of(dataset).name
        environments = self._catalog.environments
        return [
            silence
            for silence in self._silent
            if silence.source == source
            and detector.name in environments[silence.environment].detectors
        ]

    def _service(self, name: str) -> Service | None:
        champion = self._channel.in_service(name)
        if champion is None:
            return None
        return Service(champion.version, champion.published, len(self._channel.history(name)))

    def _retraining(self, name: str) -> Retraining | None:
        model = self._lake.manifest(Place("model", name))
        if model is None:
            return None
        judged = self._facts(Place("evaluation", name)) or {}
        of_this_model = judged.get("challenger") == model.version
        gate = judged["gate"] if of_this_model else ""
        return Retraining(model.made_at, self._why(name, model), gate)

    def _why(self, name: str, model: Manifest) -> str:
        """Where the chain of changes began that ended in this model."""
        roots = root_changes(self._lake, f"model/{name}")
        if roots is None:
            return model.cause
        said = [self._in_words(name, root) for root in roots[:_NAMED]]
        more = f"; and {len(roots) - _NAMED} more" if len(roots) > _NAMED else ""
        return "; ".join(said) + more if said else "its first training"

    def _in_words(self, name: str, root: Change) -> str:
        if root.what == f"triggers/{name}" and name in self._triggers:
            return self._triggers[name]
        return root.brief


def _alerts_of(day: str) -> Place:
    layer, name = ALERTS.split("/")
    return Place(layer, name, day)


def _newest_landed(landing: Path) -> dict[tuple[str, str], str]:
    """The newest day of each (environment, source) of which anything has ever landed."""
    found: dict[tuple[str, str], str] = {}
    for directory in landing.glob("*/*"):
        with suppress(NotADirectoryError, FileNotFoundError):
            days = [name for name in os.listdir(directory) if _is_day(name)]  # noqa: PTH208
            if days:
                found[directory.parent.name, directory.name] = max(days)
    return found


def _silences(
    catalog: Catalog, newest: Mapping[tuple[str, str], str], newest_day: str
) -> list[Silence]:
    late = (date.fromisoformat(newest_day) - timedelta(SILENT_DAYS)).isoformat()
    pairs = [(e.name, source) for e in catalog.environments.values() for source in e.sources]
    silent = [Silence(*pair, newest[pair]) for pair in pairs if newest.get(pair, "9") <= late]
    return sorted(silent, key=lambda silence: (silence.newest, silence.environment, silence.source))


def _alerts_by_environment(lake: Lake, days: Sequence[str]) -> dict[tuple[str, str, str], int]:
    """Alerts of (detector, environment, day)."""
    parts = {day: lake.directory(_alerts_of(day)) / PART for day in days}
    there = {str(path): day for day, path in parts.items() if path.exists()}
    if not there:
        return {}
    files = ", ".join(literal(path) for path in there)
    with open_engine(lake.root) as connection:
        rows = connection.execute(
            f"""SELECT detector, environment, filename, count(*)
                FROM read_parquet([{files}], filename = true, hive_partitioning = false)
                GROUP BY ALL"""
        ).fetchall()
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for detector, environment, file, count in rows:
        found[detector, environment, there[file]] += count
    return found


def _days_until(newest: str, count: int) -> list[str]:
    last = date.fromisoformat(newest)
    return [(last - timedelta(n)).isoformat() for n in range(count - 1, -1, -1)]


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
