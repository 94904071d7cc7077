"""A whole installation with a life of its own: home, catalog, Dagster's records."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from assets.factory import Factory
from assets.platform import open_factory, plan_of
from demo.generate import generate
from triage import Alert, CaseStore
from whetstone.contributions import contribute
from whetstone.lake import Lake, Place
from whetstone.landing import land
from whetstone.planning import Plan
from whetstone.releases import Repository
from whetstone.settings import Settings
from workbench.instance import dagster_instance
from workbench.loop import Finished, Loop

UNTIL = date(2026, 3, 10)
DAYS = ("2026-03-08", "2026-03-09", "2026-03-10")
DETECTORS = ("hdfs_block_pca", "network_scan_iforest", "ssh_bruteforce_gb")
GOLDEN = ("hdfs_blocks", "network_scan", "ssh_bruteforce")


@dataclass(frozen=True)
class Installation:
    """One that settled; what changes afterwards can be told."""

    directory: Path

    @property
    def settings(self) -> Settings:
        """Its settings."""
        return Settings(home=self.directory / "home", catalog=self.directory / "catalog")

    @property
    def lake(self) -> Lake:
        """Its lake."""
        return Lake(self.settings.lake)

    @property
    def releases(self) -> Repository:
        """Its releases."""
        return Repository(self.settings.releases)

    def open(self) -> Factory:
        """The catalog as it is on disk now."""
        return open_factory(self.settings)

    def plan(self) -> Plan:
        """What is stale now."""
        return plan_of(self.open())

    def settle(self) -> set[str]:
        """Run what is stale; returns what was made, such as `parsed/sshd[2026-03-10]`."""
        before = self.made()
        failed = [asset for finished in self.run() for asset in finished.failed]
        assert not failed
        after = self.made()
        return {place for place, at in after.items() if before.get(place) != at}

    def run(self) -> list[Finished]:
        """Run what is stale; what fails, fails."""
        with dagster_instance(self.settings.home) as instance:
            return Loop(self.open(), instance, lambda _: None).settle()

    def made(self) -> dict[str, str]:
        """When everything was made."""
        found: dict[str, str] = {}
        for path in self.settings.lake.rglob("manifest.json"):
            layer, name, *rest = path.relative_to(self.settings.lake).parts
            place = Place(layer, name, rest[0].removeprefix("day=") if len(rest) == 2 else None)
            if layer != "rejects":
                found[str(place)] = json.loads(path.read_text())["made_at"]
        return found

    def edit(self, file: str, old: str, new: str) -> None:
        """Edit a definition."""
        path = self.settings.catalog / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))

    def land(self, text: str, source: str, day: str = DAYS[-1], name: str = "more.log") -> None:
        """A file arrives from berlin."""
        file = self.directory / name
        file.write_text(text)
        land(self.settings.landing, file, "berlin", source, date.fromisoformat(day))

    def landed(self, source: str, day: str = DAYS[-1]) -> Path:
        """The file that has landed."""
        return next((self.settings.landing / "berlin" / source / day).iterdir())

    @contextmanager
    def cases(self) -> Iterator[CaseStore]:
        """Its case store."""
        store = CaseStore(self.settings.case_store)
        try:
            yield store
        finally:
            store.close()

    def judge(self, values: Mapping[str, str], by: str = "ada") -> None:
        """Verdicts by alert id."""
        with self.cases() as cases:
            for alert_id, value in values.items():
                cases.give_verdict(alert_id, value, by=by)

    def alerts(self, detector: str) -> list[Alert]:
        """The alert queue of a detector."""
        with self.cases() as cases:
            return cases.alerts(detector=detector)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Its Dagster instance."""
        with dagster_instance(self.settings.home) as instance:
            yield instance

    def copied_to(self, directory: Path) -> "Installation":
        """The same, to be changed without regard."""
        shutil.copytree(self.directory, directory)
        return Installation(directory)


def install(directory: Path, root: Path) -> Installation:
    """Three small days of one environment, landed and contributed, with the shipped catalog.

    Of its detectors only those that the generated logs are about: all others would wait for
    contributions, and their number would make each of these tests slower.
    """
    shutil.copytree(root / "catalog", directory / "catalog")
    for layer, kept in (("detectors", DETECTORS), ("golden", GOLDEN)):
        for file in (directory / "catalog" / layer).iterdir():
            if file.stem not in kept:
                file.unlink()
    for file in (directory / "catalog" / "environments").iterdir():
        lines = file.read_text().splitlines(keepends=True)
        unknown = [line for line in lines if line.startswith("detectors:")]
        unknown = [line for line in unknown if line.split('"')[1] not in DETECTORS]
        file.write_text("".join(line for line in lines if line not in unknown))
    installation = Installation(directory)
    settings = installation.settings
    generated = directory / "generated"
    generate(generated, days=len(DAYS), until=UNTIL, environments=["berlin"], scale=0.2)
    for file in sorted((generated / "production").glob("*/*/*/*")):
        environment, source, day = file.parts[-4:-1]
        land(settings.landing, file, environment, source, date.fromisoformat(day))
    for description in sorted((generated / "contributions").glob("*/*/contribution.json")):
        contribute_folder(installation, description.parent)
    shutil.rmtree(generated)
    return installation


def contribute_folder(installation: Installation, folder: Path) -> None:
    """Contribute what lies in a folder that the demo generated."""
    told = json.loads((folder / "contribution.json").read_text())
    beside = {"contribution.json", "labels.csv"}
    contribute(
        installation.settings.contributions,
        folder.parent.name,
        told["source"],
        next(path for path in folder.iterdir() if path.name not in beside),
        folder / "labels.csv",
        contributor=told["contributor"],
        day=date.fromisoformat(told["day"]),
    )
