"""The asset graph at the size of a whole team's catalog: loading it, looking at it, editing it.

    python -m benchmarks.graph --sources 31 --golden 27 --detectors 70 --json

A catalog of that size is made of copies of the shipped definitions. `load_seconds`: a process
imports `definitions` and Dagster resolves every asset. `idle_tick_seconds`: one look of the sensor
when all assets of all days are fresh (`first_tick_seconds`: the first look of a process). Then
single random edits of files, definitions and feedback; the runs of the plan are carried out by
writing manifests. `over_runs` counts what ran without need and `under_runs` what should have run
and did not, as `benchmarks.graph_oracle` tells. The last line on stdout is a JSON object.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import Message

from assets.automation import plan_now
from assets.factory import Factory
from assets.platform import open_factory, stores
from benchmarks.graph_oracle import Meanings, Oracle, unused_features
from resources.roots import read_roots
from triage import Alert, CaseStore
from whetstone.catalog import load_catalog
from whetstone.lake import Lake, Manifest, Place
from whetstone.ledger import LakeLedger
from whetstone.planning import Plan
from whetstone.settings import PROJECT_ROOT, Settings
from whetstone.versions import current_inputs

_FIRST_DAY = date(2024, 1, 1)
_EDIT_DAYS = 4
_LOADING = """
import time
began = time.monotonic()
import definitions
repository = definitions.defs.get_repository_def()
assets = len(repository.asset_graph.materializable_asset_keys)
import json
print(json.dumps({"seconds": time.monotonic() - began, "assets": assets}))
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    sizes = (options.sources, options.golden, options.detectors)
    with tempfile.TemporaryDirectory(prefix="graph-") as name:
        directory = Path(name)
        result = {
            "sources": options.sources,
            "golden": options.golden,
            "detectors": options.detectors,
            "days": options.days,
            **_measure_looks(directory / "looks", sizes, options.days),
            **_measure_edits(directory / "edits", sizes, options.edits, options.seed),
        }
    print(json.dumps(result, indent=None if options.json else 2))


def printed_by(program: str, settings: Settings) -> str:
    """What a Python program prints, in a process of its own, about the installation it is told."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "WHETSTONE_HOME": str(settings.home),
            "WHETSTONE_CATALOG": str(settings.catalog),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _measure_looks(directory: Path, sizes: tuple[int, int, int], days: int) -> dict[str, Any]:
    world = _build(directory, sizes, days)
    settings = world.factory.settings
    began = time.monotonic()
    printed = printed_by(_LOADING, settings)
    load_seconds = time.monotonic() - began
    assets = json.loads(printed.splitlines()[-1])["assets"]
    _say(f"definitions of {assets} assets loaded in {load_seconds:.1f} s")
    made = len(world.settle())
    _say(f"{made} manifests written")
    ticks: list[float] = []
    for _ in range(4):
        began = time.monotonic()
        decided = world.look()
        ticks.append(time.monotonic() - began)
        if not decided.idle or decided.held:
            raise AssertionError("everything was made, and yet something is stale")
    _say(f"looks: {', '.join(f'{tick:.2f}' for tick in ticks)} s")
    return {
        "assets": assets,
        "manifests": made,
        "load_seconds": round(load_seconds, 2),
        "first_tick_seconds": round(ticks[0], 3),
        "idle_tick_seconds": round(min(ticks[1:]), 3),
    }


def _measure_edits(
    directory: Path, sizes: tuple[int, int, int], count: int, seed: int
) -> dict[str, Any]:
    world = _build(directory, sizes, _EDIT_DAYS)
    world.settle()
    chance = random.Random(seed)  # noqa: S311
    over: list[str] = []
    under: list[str] = []
    runs = 0
    kinds: dict[str, int] = {}
    for number in range(count):
        edit = chance.choice(_EDITS)
        kind = edit.__name__.removeprefix("_")
        edit(world, chance)
        world.reload()
        recipes = dict(world.oracle.recipes)
        made = world.settle()
        needless = [k for k in set(made) if recipes.get(k) == world.oracle.recipes[k]]
        twice = [k for k in set(made) if made.count(k) > 1]
        over += [f"{kind}: {asset} {day}" for asset, day in (*needless, *twice)]
        under += [f"{kind}: {asset} {day}" for asset, day in world.oracle.must_run()]
        runs += len(made)
        kinds[kind] = kinds.get(kind, 0) + 1
        _say(f"edit {number + 1} of {count}, {kind}: {len(made)} made")
    return {
        "edits": count,
        "edits_by_kind": kinds,
        "runs": runs,
        "over_runs": len(over),
        "under_runs": len(under),
        "wrong": [*over[:10], *under[:10]],
    }


@dataclass
class _World:
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
        _save(self.factory.settings.catalog, kind, message)


def _build(directory: Path, sizes: tuple[int, int, int], days: int) -> _World:
    _say(f"a catalog of {sizes[0]} sources, {sizes[1]} golden datasets, {sizes[2]} detectors")
    settings = Settings(  # pyright: ignore[reportCallIssue]
        home=directory / "home", catalog=directory / "catalog"
    )
    _write_catalog(settings.catalog, *sizes)
    names = [(_FIRST_DAY + timedelta(n)).isoformat() for n in range(days)]
    factory = open_factory(settings)
    for source in factory.catalog.sources:
        for day in names:
            folder = settings.landing / "site_a" / source / day
            folder.mkdir(parents=True)
            (folder / "first.log").write_text(f"{source} {day}\n")
    for dataset in factory.catalog.golden_datasets:
        _contribute(settings, dataset, 0)
    meanings = Meanings()
    return _World(factory, Oracle(factory.catalog, meanings, names), meanings, names)


def _write_catalog(directory: Path, sources: int, golden: int, detectors: int) -> None:
    shipped = load_catalog(PROJECT_ROOT / "catalog")
    kinds = list(shipped.detectors.values())
    by_kind: dict[int, list[str]] = {n: [] for n in range(len(kinds))}
    for number in range(sources):
        dataset = shipped.golden_datasets[kinds[number % len(kinds)].golden_dataset]
        source = type(shipped.source_of(dataset))()
        source.CopyFrom(shipped.source_of(dataset))
        source.name = f"{source.name}_{number}"
        by_kind[number % len(kinds)].append(source.name)
        _save(directory, "sources", source)
    golden_of: dict[int, list[str]] = {n: [] for n in range(len(kinds))}
    for number in range(golden):
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
        _save(directory, "features", view)
        _save(directory, "golden", dataset)
    names: list[str] = []
    for number in range(detectors):
        kind = number % len(kinds)
        detector = type(kinds[kind])()
        detector.CopyFrom(kinds[kind])
        detector.name = f"{detector.name}_{number}"
        detector.golden_dataset = golden_of[kind][number // len(kinds) % len(golden_of[kind])]
        names.append(detector.name)
        _save(directory, "detectors", detector)
    environment = type(next(iter(shipped.environments.values())))
    everything = [name for of_kind in by_kind.values() for name in of_kind]
    for name in ("site_a", "site_b"):
        _save(
            directory,
            "environments",
            environment(
                name=name, display_name=name, description=name, sources=everything, detectors=names
            ),
        )


def _save(directory: Path, kind: str, message: Message) -> None:
    path = directory / kind / f"{message.name}.textproto"  # pyright: ignore
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_format.MessageToString(message), encoding="utf-8")


def _contribute(settings: Settings, dataset: str, number: int) -> None:
    name = f"{number:016}"
    directory = settings.contributions / dataset / name
    directory.mkdir(parents=True)
    told = dict.fromkeys(("source", "contributor", "note", "day", "accepted_at", "raw_name"), "x")
    told |= {"id": name, "dataset": dataset}
    (directory / "contribution.json").write_text(json.dumps(told))


def _a_new_file(world: _World, chance: random.Random) -> None:
    source, day = chance.choice(list(world.factory.catalog.sources)), chance.choice(world.days)
    folder = world.factory.settings.landing / "site_a" / source / day
    (folder / f"{chance.getrandbits(32)}.log").write_text("more\n")
    world.meanings.change(f"landing/{source}/{day}")


def _a_touched_file(world: _World, chance: random.Random) -> None:
    files = sorted(world.factory.settings.landing.rglob("*.log"))
    os.utime(chance.choice(files), (1, chance.randrange(10**9)))


def _a_contribution(world: _World, chance: random.Random) -> None:
    dataset = chance.choice(list(world.factory.catalog.golden_datasets))
    _contribute(world.factory.settings, dataset, chance.getrandbits(32))
    world.meanings.change(f"contributions/{dataset}")


def _a_verdict(world: _World, chance: random.Random) -> None:
    detector = chance.choice(list(world.factory.catalog.detectors.values()))
    at = datetime.fromisoformat(world.days[-1])
    alert = Alert(
        alert_id=f"{chance.getrandbits(64):016x}",
        detector=detector.name,
        model_version="v",
        environment="site_a",
        source="s",
        unit="u",
        entity={},
        unit_start=at,
        event_timestamp=at,
        score=1.0,
        threshold=0.5,
    )
    with closing(CaseStore(world.factory.settings.case_store)) as cases:
        cases.replace_alerts(at.date(), detector.name, [alert])
        cases.give_verdict(alert.alert_id, "false_positive", by="ada")
    world.meanings.change(f"verdicts/{detector.golden_dataset}")


def _a_used_feature(world: _World, chance: random.Random) -> None:
    catalog = world.factory.catalog
    detector = chance.choice(list(catalog.detectors.values()))
    view = catalog.view_of(catalog.golden_datasets[detector.golden_dataset])
    _redefine(world, view, chance.choice(list(detector.features)))


def _an_unused_feature(world: _World, chance: random.Random) -> None:
    _redefine(world, *chance.choice(list(unused_features(world.factory.catalog))))


def _redefine(world: _World, view: Any, name: str) -> None:
    feature = next(feature for feature in view.features if feature.name == name)
    feature.definition = f"coalesce({feature.definition}, NULL)"
    world.save("features", view)
    world.meanings.change(f"feature/{view.name}/{name}")


def _white_space_in_a_feature(world: _World, chance: random.Random) -> None:
    view = chance.choice(list(world.factory.catalog.feature_views.values()))
    feature = chance.choice(list(view.features))
    feature.definition = f"  {feature.definition} "
    world.save("features", view)


def _a_field(world: _World, chance: random.Random) -> None:
    source = chance.choice(list(world.factory.catalog.sources.values()))
    changed = chance.choice([f for f in source.fields if not f.name.startswith("nobodys")])
    changed.definition = f"coalesce({changed.definition}, NULL)"
    world.save("sources", source)
    world.meanings.change(f"field/{source.name}/{changed.name}")


def _a_field_that_nobody_references(world: _World, chance: random.Random) -> None:
    source = chance.choice(list(world.factory.catalog.sources.values()))
    name = f"nobodys_{chance.getrandbits(32)}"
    source.fields.add(name=name, display_name=name, data_type="INTEGER", definition="1")
    world.save("sources", source)
    world.meanings.change(f"extra/{source.name}")


def _a_display_name(world: _World, chance: random.Random) -> None:
    catalog = world.factory.catalog
    kind, messages = chance.choice(
        [
            ("sources", catalog.sources),
            ("features", catalog.feature_views),
            ("golden", catalog.golden_datasets),
            ("detectors", catalog.detectors),
            ("environments", catalog.environments),
        ]
    )
    message: Any = chance.choice(list(messages.values()))
    message.display_name = f"Renamed {chance.getrandbits(32)}"
    world.save(kind, message)


def _a_comment(world: _World, chance: random.Random) -> None:
    path = chance.choice(sorted(world.factory.settings.catalog.rglob("*.textproto")))
    path.write_text(f"# a comment\n{path.read_text()}")


def _a_parameter(world: _World, chance: random.Random) -> None:
    detector = chance.choice(list(world.factory.catalog.detectors.values()))
    detector.seed += 1
    world.save("detectors", detector)
    world.meanings.change(f"detector/{detector.name}")


def _a_feature_less(world: _World, chance: random.Random) -> None:
    detectors = [d for d in world.factory.catalog.detectors.values() if len(d.features) > 2]
    detector = chance.choice(detectors)
    detector.features.pop()
    world.save("detectors", detector)
    world.meanings.change(f"detector/{detector.name}")


def _a_serviced_site(world: _World, chance: random.Random) -> None:
    environment = world.factory.catalog.environments["site_b"]
    detector = chance.choice(list(environment.detectors))
    environment.detectors.remove(detector)
    world.save("environments", environment)
    world.meanings.change(f"serviced/{detector}")


_EDITS: Sequence[Callable[[_World, random.Random], None]] = (
    _a_new_file,
    _a_touched_file,
    _a_contribution,
    _a_verdict,
    _a_used_feature,
    _an_unused_feature,
    _white_space_in_a_feature,
    _a_field,
    _a_field_that_nobody_references,
    _a_display_name,
    _a_comment,
    _a_parameter,
    _a_feature_less,
    _a_serviced_site,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--sources", type=int, default=31)
    parser.add_argument("--golden", type=int, default=27)
    parser.add_argument("--detectors", type=int, default=70)
    parser.add_argument("--days", type=int, default=365, help="of history in an idle look")
    parser.add_argument("--edits", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
