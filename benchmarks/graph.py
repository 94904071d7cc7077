"""The asset graph at the size of a whole team's catalog: loading it, looking at it, editing it.

    python -m benchmarks.graph --sources 31 --golden 27 --detectors 70 --environments 30 --json

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
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.graph_edits import EDITS
from benchmarks.graph_world import Size, build
from whetstone.settings import PROJECT_ROOT, Settings

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
    size = Size(options.sources, options.golden, options.detectors, options.environments)
    with tempfile.TemporaryDirectory(prefix="graph-") as name:
        directory = Path(name)
        result = {
            **size._asdict(),
            "days": options.days,
            **_measure_looks(directory / "looks", size, options.days),
            **_measure_edits(directory / "edits", size, options.edits, options.seed),
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


def _measure_looks(directory: Path, size: Size, days: int) -> dict[str, Any]:
    world = build(directory, size, days)
    settings = world.factory.settings
    began, cpu = time.monotonic(), _cpu_seconds(resource.RUSAGE_CHILDREN)
    printed = printed_by(_LOADING, settings)
    load_seconds = time.monotonic() - began
    load_cpu_seconds = _cpu_seconds(resource.RUSAGE_CHILDREN) - cpu
    assets = json.loads(printed.splitlines()[-1])["assets"]
    _say(f"{assets} assets loaded in {load_seconds:.1f} s, {load_cpu_seconds:.1f} s of the CPU")
    made = len(world.settle())
    _say(f"{made} manifests written")
    ticks: list[float] = []
    of_cpu: list[float] = []
    for _ in range(4):
        began, cpu = time.monotonic(), _cpu_seconds(resource.RUSAGE_SELF)
        decided = world.look()
        ticks.append(time.monotonic() - began)
        of_cpu.append(_cpu_seconds(resource.RUSAGE_SELF) - cpu)
        if not decided.idle or decided.held:
            held = list(decided.held.items())[:3]
            raise AssertionError(f"everything was made, and yet: {decided.runs[:3]} {held}")
    _say(f"looks: {', '.join(f'{tick:.2f}' for tick in ticks)} s")
    return {
        "assets": assets,
        "manifests": made,
        "load_seconds": round(load_seconds, 2),
        "load_cpu_seconds": round(load_cpu_seconds, 2),
        "first_tick_seconds": round(ticks[0], 3),
        "idle_tick_seconds": round(min(ticks[1:]), 3),
        "idle_tick_cpu_seconds": round(min(of_cpu[1:]), 3),
    }


def _measure_edits(directory: Path, size: Size, count: int, seed: int) -> dict[str, Any]:
    world = build(directory, size, _EDIT_DAYS)
    world.settle()
    chance = random.Random(seed)  # noqa: S311
    over: list[str] = []
    under: list[str] = []
    runs = 0
    kinds: dict[str, int] = {}
    for number in range(count):
        edit = chance.choice(EDITS)
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
        wrong = f"{len(over)} needless and {len(under)} missing so far"
        _say(f"edit {number + 1} of {count}, {kind}: {len(made)} made; {wrong}")
    return {
        "edits": count,
        "edits_by_kind": kinds,
        "runs": runs,
        "over_runs": len(over),
        "under_runs": len(under),
        "wrong": [*over[:10], *under[:10]],
    }


def _cpu_seconds(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--sources", type=int, default=31)
    parser.add_argument("--golden", type=int, default=27)
    parser.add_argument("--detectors", type=int, default=70)
    parser.add_argument("--environments", type=int, default=30)
    parser.add_argument("--days", type=int, default=365, help="of history in an idle look")
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
