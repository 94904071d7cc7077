"""A platform on a small catalog whose assets are made by writing manifests: no model is trained."""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from assets.automation import plan_now
from assets.factory import Factory
from assets.platform import open_factory, stores
from assets.retraining import calls, standing
from resources.roots import read_roots
from tests.catalog.catalog_files import DETECTOR, FILES, write_catalog
from triage import CaseStore
from triage.triggers import Trigger
from whetstone.contributions import contribute
from whetstone.lake import Lake, Manifest, Place
from whetstone.landing import land
from whetstone.ledger import LakeLedger
from whetstone.planning import Plan
from whetstone.retraining.budget import RETRAINED, retrained
from whetstone.settings import Settings
from whetstone.versions import current_inputs

NAME = "web_scan_gb"
OTHER = "web_scan_too"
LINE = "2026-03-01T00:00:00 10.0.0.1 200\n"


@dataclass
class Pretended:
    """An installation, and what its assets would come out as."""

    factory: Factory
    signals: dict[str, dict[str, str]] = field(default_factory=dict)
    makings: int = 0

    @property
    def lake(self) -> Lake:
        return Lake(self.factory.settings.lake)

    @property
    def cases(self) -> "closing[CaseStore]":
        return closing(CaseStore(self.factory.settings.case_store))

    def look(self) -> Plan:
        opened = stores(self.factory.settings)
        return plan_now(self.factory, opened.lake, opened.cases)

    def call(self) -> list[Trigger]:
        """What the sensor does at a look."""
        with self.cases as cases:
            return cases.add_triggers(calls(self.factory, self.lake, cases, datetime.now(UTC)))

    def left(self) -> int | None:
        with self.cases as cases:
            return standing(self.factory, self.lake, cases, datetime.now(UTC)).left

    def settle(self) -> list[str]:
        """Carry out plans until nothing is stale; returns what was made, in order."""
        made: list[str] = []
        while runs := self.look().runs:
            for run in runs:
                for asset in run.assets:
                    for day in run.days if self.factory.graph.nodes[asset].daily else (None,):
                        self._make(asset, day)
                        made.append(asset)
        return made

    def drift_on(self, days: Mapping[date, str], signal: str = "features") -> None:
        """What the drift of days will be found to be; their logs land."""
        for day, verdict in days.items():
            self.signals[day.isoformat()] = {signal: verdict}
            self.land(day)

    def land(self, day: date) -> None:
        file = self.factory.settings.home / "web.log"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{LINE}{day}")
        land(self.factory.settings.landing, file, "oslo", "web", day)

    def forget_drift(self) -> None:
        """The drift of all days is found anew."""
        for path in (self.lake.root / "drift").rglob("manifest.json"):
            path.unlink()

    def made_long_ago(self, asset: str) -> None:
        """Two years, which is longer than any cadence."""
        path = self.lake.root / asset / "manifest.json"
        at = datetime.now(UTC) - timedelta(800)
        path.write_text(json.dumps({**json.loads(path.read_text()), "made_at": at.isoformat()}))

    def _make(self, asset: str, day: str | None) -> None:
        graph, settings = self.factory.graph, self.factory.settings
        with self.cases as cases:
            roots = read_roots(self.factory.catalog, settings, cases)
        inputs = current_inputs(graph, asset, day, LakeLedger(self.lake), roots)
        layer, name = asset.split("/")
        place = Place(layer, name, day)
        self.makings += layer == "model"
        version = f"{self.makings}" if layer in ("model", "release", "evaluation") else "equal"
        facts = self._facts(layer, place)
        made_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        code = graph.nodes[asset].code_version
        path = self.lake.directory(place) / "manifest.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        manifest = Manifest(code, inputs, version, 1, made_at, facts)
        path.write_text(json.dumps(asdict(manifest)))

    def _facts(self, layer: str, place: Place) -> dict[str, Any]:
        match layer:
            case "parsed":
                return {"lines": 1, "rejects": {}}
            case "evaluation":
                return {"gate": "passed"}
            case "model":
                before = self.lake.manifest(place)
                return {RETRAINED: retrained(before.facts if before else None, datetime.now(UTC))}
            case "drift":
                told = self.signals.get(place.day or "", {})
                return {"signals": {name: {"verdict": verdict} for name, verdict in told.items()}}
            case _:
                return {}


def pretend(directory: Path, policy: str = "", **settings: Any) -> Pretended:
    """A settled installation of two detectors; `policy` stands in the first."""
    home = Settings(  # pyright: ignore[reportCallIssue]
        home=directory / "home", catalog=directory / "catalog", **settings
    )
    changes = {DETECTOR: ("gradient_boosting", f"{policy}\ngradient_boosting")}
    write_catalog(directory / "catalog", changes)
    other = directory / "catalog" / "detectors" / f"{OTHER}.textproto"
    other.write_text(FILES[DETECTOR].replace(NAME, OTHER))
    log, labels = directory / "web.log", directory / "labels.csv"
    log.write_text(LINE)
    labels.write_text("unit,label\n10.0.0.1,benign\n")
    day = yesterday() - timedelta(20)
    contribute(home.contributions, "web_scan", "web", log, labels, contributor="ada", day=day)
    world = Pretended(open_factory(home))
    world.land(day)
    world.factory = open_factory(home)
    world.settle()
    return world


def yesterday() -> date:
    """The last day that is over."""
    return datetime.now(UTC).date() - timedelta(1)


def days_up_to_yesterday(*verdicts: str) -> dict[date, str]:
    """Verdicts of the last days, the newest last."""
    last = yesterday()
    return {last - timedelta(len(verdicts) - 1 - n): v for n, v in enumerate(verdicts)}
