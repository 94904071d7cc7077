"""An installation whose assets are manifests only: what is made is made in an instant.

Its lake, graph, plan, case store and landing area are the real ones.
"""

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from assets.automation import plan_now
from assets.factory import Factory
from assets.platform import open_factory, stores
from resources.roots import read_roots
from whetstone.contributions import contribute
from whetstone.lake import Lake, Manifest, Place, version_of
from whetstone.landing import land
from whetstone.ledger import LakeLedger
from whetstone.reasons import keep_parts, replaced
from whetstone.settings import Settings
from whetstone.versions import Roots, current_inputs
from workbench.why import read_why

ROOT = Path(__file__).resolve().parents[2]
KEPT = {
    "sources": "sshd",
    "features": "sshd_source_5m",
    "golden": "ssh_bruteforce",
    "detectors": "ssh_bruteforce_gb",
}
TODAY = datetime.now(UTC).date()


@dataclass
class WhyWorld:
    """One source, one detector; `facts` are those of the next manifests, by asset."""

    directory: Path
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings(home=self.directory / "home", catalog=self.directory / "catalog")

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake)

    def open(self) -> Factory:
        return open_factory(self.settings)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.settings.catalog / file
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    def land(self, text: str, name: str = "auth.log", day: date = TODAY) -> None:
        file = self.directory / name
        file.write_text(text)
        land(self.settings.landing, file, "berlin", "sshd", day)

    def contribute(self, text: str, by: str, note: str = "") -> str:
        file, labels = self.directory / "golden.log", self.directory / "labels.csv"
        file.write_text(text)
        labels.write_text("unit,label\n*,benign\n")
        given, _ = contribute(
            self.settings.contributions,
            "ssh_bruteforce",
            "sshd",
            file,
            labels,
            contributor=by,
            day=TODAY,
            note=note,
        )
        return given.id

    def settle(self) -> None:
        """Make what is stale until nothing is."""
        factory = self.open()
        opened = stores(self.settings)
        for _ in range(20):
            decided = plan_now(factory, opened.lake, opened.cases)
            if not decided.runs:
                return
            with opened.cases.open() as cases:
                roots = read_roots(factory.catalog, self.settings, cases)
            for run in decided.runs:
                for asset in run.assets:
                    days = run.days if factory.graph.nodes[asset].daily else (None,)
                    for day in days:
                        self._make(factory, roots, asset, day)
        raise AssertionError("never settles")

    def why(self, name: str, day: str | None = None) -> dict[str, Any]:
        """The only answer to a question."""
        (answer,) = read_why(self.settings, name, day, downstream=False)["answers"]
        return answer

    def _make(self, factory: Factory, roots: Roots, asset: str, day: str | None) -> None:
        node = factory.graph.nodes[asset]
        place = Place(node.layer, node.name, day)
        inputs = current_inputs(factory.graph, asset, day, LakeLedger(self.lake), roots)
        # Content is what it is made from and by: every change comes through.
        version = version_of(node.code_version, *inputs.items())
        before = replaced(self.lake.manifest(place), node.code_version, inputs)
        facts = self.facts.get(asset, {})
        with self.lake.stage(place) as staged:
            staged.commit(
                Manifest(node.code_version, inputs, version, 1, facts=facts, before=before)
            )
        keep_parts(self.lake, asset, node.code_version, lambda: factory.definition_parts(asset))


def why_world(directory: Path) -> WhyWorld:
    """A world with a landed day and a contribution, of which nothing is made yet."""
    for layer, name in KEPT.items():
        (directory / "catalog" / layer).mkdir(parents=True)
        file = f"{layer}/{name}.textproto"
        shutil.copyfile(ROOT / "catalog" / file, directory / "catalog" / file)
    (directory / "catalog/environments").mkdir()
    (directory / "catalog/environments/berlin.textproto").write_text(
        'name: "berlin"\nsources: "sshd"\ndetectors: "ssh_bruteforce_gb"\n'
    )
    world = WhyWorld(directory)
    world.land("first\n")
    world.contribute("golden\n", "ada", "from the lab")
    (description,) = world.settings.contributions.glob("*/*/contribution.json")
    told = json.loads(description.read_text())
    description.write_text(json.dumps({**told, "accepted_at": "2026-01-01T00:00:00+00:00"}))
    return world
