"""An installation of a given size whose assets are made by writing manifests.

Its catalog is made of copies of the shipped definitions; each of its environments serves ten of the
sources, and the detectors that look at them.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from google.protobuf import text_format
from google.protobuf.message import Message

from assets.automation import plan_now
from assets.factory import Factory
from assets.platform import open_factory, stores
from benchmarks.graph_oracle import Meanings, Oracle
from resources.roots import read_roots
from triage import CaseStore
from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.catalog_pb2 import Environment
from whetstone.lake import Lake, Manifest, Place
from whetstone.ledger import LakeLedger
from whetstone.planning import Plan
from whetstone.settings import PROJECT_ROOT, Settings
from whetstone.versions import current_inputs

FIRST_DAY = date(2024, 1, 1)
_SOURCES_OF_A_SITE = 10


class Size(NamedTuple):
    """How many definitions of each kind."""

    sources: int
    golden: int
    detectors: int
    environments: int


@dataclass
class World:
    """An installation whose assets are made by writing manifests."""

    factory: Factory
    oracle: Oracle
    meanings: Meanings
    days: list[str]

    def look(self) -> Plan:
        """One look of the sensor."""
        opened = stores(self.factory.settings)
        return plan_now(self.factory, opened.lake, opened.cases)

    def reload(self) -> None:
        """The catalog as it is on disk now."""
        self.factory = open_factory(self.factory.settings)
        self.oracle = self.oracle.renewed(self.factory.catalog)

    def settle(self) -> list[tuple[str, str | None]]:
        """Carry out plans until nothing is stale; returns what was made, in order."""
        made: list[tuple[str, str | None]] = []
        while runs := self.look().runs:
            ledger = LakeLedger(Lake(self.factory.settings.lake))
            with closing(CaseStore(self.factory.settings.case_store)) as cases:
                roots = read_roots(self.factory.catalog, self.factory.settings, cases)
            for run in runs:
                for asset in run.assets:
                    node = self.factory.graph.nodes[asset]
                    for day in run.days if node.daily else (None,):
                        inputs = current_inputs(self.factory.graph, asset, day, ledger, roots)
                        self._write(asset, day, node.code_version, inputs)
                        made.append((asset, day))
        return made

    def _write(self, asset: str, day: str | None, code: str, inputs: dict[str, str]) -> None:
        layer, name = asset.split("/")
        lake = Lake(self.factory.settings.lake)
        path = lake.directory(Place(layer, name, day)) / "manifest.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        version = self.oracle.make(asset, day)
        facts = {"gate": "passed"} if layer == "evaluation" else {}
        now = datetime.now(UTC).isoformat()
        written = path.with_suffix(".tmp")
        written.write_text(json.dumps(asdict(Manifest(code, inputs, version, 0, now, facts))))
        written.replace(path)

    def save(self, kind: str, message: Message) -> None:
        """Write an edited definition."""
        save(self.factory.settings.catalog, kind, message)


def build(directory: Path, size: Size, days: int) -> World:
    """An installation on which raw files have landed for some days; nothing is made yet."""
    settings = Settings(  # pyright: ignore[reportCallIssue]
        home=directory / "home", catalog=directory / "catalog", retrainings_a_day=0
    )
    write_catalog(settings.catalog, size)
    names = [(FIRST_DAY + timedelta(n)).isoformat() for n in range(days)]
    factory = open_factory(settings)
    for environment in factory.catalog.environments.values():
        for source in environment.sources:
            for day in names:
                folder = settings.landing / environment.name / source / day
                folder.mkdir(parents=True)
                (folder / "first.log").write_text(f"{environment.name} {source} {day}\n")
    for dataset in factory.catalog.golden_datasets:
        contribute(settings, dataset, 0)
    meanings = Meanings()
    return World(factory, Oracle(factory.catalog, meanings, names), meanings, names)


def write_catalog(directory: Path, size: Size) -> None:
    """A catalog of that size, of copies of the shipped definitions."""
    shipped = load_catalog(PROJECT_ROOT / "catalog")
    kinds = list(shipped.detectors.values())
    by_kind: dict[int, list[str]] = {n: [] for n in range(len(kinds))}
    for number in range(size.sources):
        dataset = shipped.golden_datasets[kinds[number % len(kinds)].golden_dataset]
        source = type(shipped.source_of(dataset))()
        source.CopyFrom(shipped.source_of(dataset))
        source.name = f"{source.name}_{number}"
        by_kind[number % len(kinds)].append(source.name)
        save(directory, "sources", source)
    golden_of: dict[int, list[str]] = {n: [] for n in range(len(kinds))}
    for number in range(size.golden):
        kind = number % len(kinds)
        original = shipped.golden_datasets[kinds[kind].golden_dataset]
        view, dataset = type(shipped.view_of(original))(), type(original)()
        view.CopyFrom(shipped.view_of(original))
        view.name = f"{view.name}_{number}"
        view.source = by_kind[kind][number // len(kinds) % len(by_kind[kind])]
        dataset.CopyFrom(original)
        dataset.name = f"{dataset.name}_{number}"
        dataset.feature_view = view.name
        golden_of[kind].append(dataset.name)
        save(directory, "features", view)
        save(directory, "golden", dataset)
    for number in range(size.detectors):
        kind = number % len(kinds)
        detector = type(kinds[kind])()
        detector.CopyFrom(kinds[kind])
        detector.name = f"{detector.name}_{number}"
        detector.golden_dataset = golden_of[kind][number // len(kinds) % len(golden_of[kind])]
        save(directory, "detectors", detector)
    _write_environments(directory, size.environments)


def _write_environments(directory: Path, count: int) -> None:
    catalog = load_catalog(directory)
    sources = list(catalog.sources)
    share = min(_SOURCES_OF_A_SITE, len(sources))
    for number in range(count):
        first = number * share
        served = sorted({sources[(first + n) % len(sources)] for n in range(share)})
        name = f"site_{number:03}"
        environment = Environment(
            name=name,
            display_name=name,
            description=name,
            sources=served,
            detectors=_detectors_on(catalog, served),
        )
        save(directory, "environments", environment)


def _detectors_on(catalog: Catalog, sources: Sequence[str]) -> list[str]:
    return [
        name
        for name, detector in catalog.detectors.items()
        if catalog.source_of(catalog.golden_datasets[detector.golden_dataset]).name in sources
    ]


def save(directory: Path, kind: str, message: Message) -> None:
    """Write a definition."""
    path = directory / kind / f"{message.name}.textproto"  # pyright: ignore
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_format.MessageToString(message), encoding="utf-8")


def contribute(settings: Settings, dataset: str, number: int) -> None:
    """Add a contribution to a golden dataset."""
    name = f"{number:016}"
    directory = settings.contributions / dataset / name
    directory.mkdir(parents=True)
    told = dict.fromkeys(("source", "contributor", "note", "day", "accepted_at", "raw_name"), "x")
    told |= {"id": name, "dataset": dataset}
    (directory / "contribution.json").write_text(json.dumps(told))
