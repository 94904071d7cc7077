"""`whetstone demo`: the whole loop on generated logs, with tables of what came out."""

import fcntl
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from assets.factory import Factory
from assets.platform import open_factory
from demo.generate import generate
from demo.truth import GroundTruth
from triage import Alert, CaseStore, VerdictValue
from whetstone import console
from whetstone.contributions import contribute
from whetstone.errors import InputError
from whetstone.lake import Lake, Place
from whetstone.landing import land
from whetstone.settings import Settings
from workbench.instance import dagster_instance
from workbench.interruptible import Check, interruptible
from workbench.loop import Finished, Loop
from workbench.status import detectors_table, sources_table

_SEED = 7
_DAYS = 14
_ANALYST = "demo-analyst"
_VERDICTS_A_DETECTOR = 12
_MARK = "demo.json"


def prepare_demo(
    settings: Settings, days: int = _DAYS, seed: int = _SEED, check: Check = lambda: None
) -> GroundTruth:
    """Generate the demo's logs, land them and contribute the labelled ones; once a home.

    Killed in the middle, or ended by what `check` raises, it goes on where it was.
    """
    until = _until(settings)
    console.say(f"demo: {days} days of logs up to {until} of three environments")
    generated = settings.home / "demo"
    truth = generate(generated, seed=seed, days=days, until=until)
    for file in sorted((generated / "production").glob("*/*/*/*")):
        check()
        environment, source, day = file.parts[-4:-1]
        land(settings.landing, file, environment, source, date.fromisoformat(day))
    for description in sorted((generated / "contributions").glob("*/*/contribution.json")):
        check()
        _contribute(settings, description)
    return truth


def run_demo(settings: Settings, days: int, seed: int) -> dict[str, Any]:
    """Run the loop from raw logs to what a batch of verdicts changed; see DESIGN's interfaces.

    Raises:
        InputError: another process runs a demo here, or something else is where it would go.
        KeyboardInterrupt: Ctrl-C; what was made until then stays, until the next demo.
    """
    home = settings.home / "demo-run"
    with _alone(home):
        fresh = settings.model_copy(update={"home": _fresh(home), "case_store_url": ""})
        return interruptible(lambda check: _run_demo(fresh, days, seed, check))


def _run_demo(settings: Settings, days: int, seed: int, check: Check) -> dict[str, Any]:
    began = time.monotonic()
    truth = prepare_demo(settings, days, seed, check)
    factory = open_factory(settings)
    lake = Lake(settings.lake)

    def say(text: str) -> None:
        check()
        console.say(f"[{time.monotonic() - began:5.1f} s] {text}")

    with dagster_instance(settings.home) as instance:
        loop = Loop(factory, instance, say)
        first = loop.settle()
        before = detectors_table(factory, lake)
        given = _give_verdicts(factory, truth)
        say(f"{len(given)} verdicts by {_ANALYST}")
        second = loop.settle()
    after = detectors_table(factory, lake)
    return {
        "home": str(settings.home),
        "sources": sources_table(factory, lake),
        "detectors": [_detector(lake, row) for row in after],
        "alerts": _alerts(factory, [row["name"] for row in after]),
        "verdicts": given,
        "changed": _changes(before, after),
        "reruns": [
            {"asset": asset, "cause": cause, "failed": asset in finished.failed}
            for finished in second
            for asset, cause in finished.run.causes.items()
        ],
        "failed": [asset for finished in (*first, *second) for asset in finished.failed],
        "reports": _reports(settings),
        "seconds": round(time.monotonic() - began, 1),
        "steps": [_step(finished) for finished in (*first, *second)],
    }


def show_demo(result: dict[str, Any]) -> None:
    """Print a demo's result for people."""
    console.show_table("sources", result["sources"])
    console.show_table(
        "detectors on held-out examples, each above its model-free baselines",
        [
            {
                "scorer": name if name == detector["name"] else f"  {name}",
                **{m: metrics.get(m) for m in ("average_precision", "precision", "recall", "f1")},
            }
            for detector in result["detectors"]
            for name, metrics in {
                detector["name"]: detector["metrics"],
                **detector["baselines"],
            }.items()
        ],
    )
    console.show_table("alerts by environment", result["alerts"])
    values = [v["value"] for v in result["verdicts"]]
    given = ", ".join(f"{values.count(value)} {value}" for value in sorted(set(values)))
    console.show(f"one batch of {len(values)} verdicts: {given}")
    console.show_table("what the verdicts changed", result["changed"])
    console.show_table(
        "runs that the verdicts caused",
        [{"asset": run["asset"], "cause": run["cause"]} for run in result["reruns"]],
    )
    console.show_table("newest reports", result["reports"])
    for asset in result["failed"]:
        console.show(f"FAILED: {asset}")
    console.show(f"{result['seconds']} seconds; everything is in {result['home']}")


def _until(settings: Settings) -> date:
    """The last day of the demo's logs: yesterday, as seen at its first start."""
    mark = settings.home / _MARK
    if mark.exists():
        return date.fromisoformat(json.loads(mark.read_text(encoding="utf-8"))["until"])
    until = datetime.now(UTC).date() - timedelta(days=1)
    settings.home.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps({"until": until.isoformat()}), encoding="utf-8")
    return until


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the lock beside a demo's directory; it ends with the process."""
    home.parent.mkdir(parents=True, exist_ok=True)
    lock = home.with_name(f".{home.name}.lock")
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another demo is running in {home}; wait for it, or set WHETSTONE_HOME"
            ) from error
        yield


def _fresh(home: Path) -> Path:
    old = home.with_name(f".{home.name}.old")
    if home.exists():
        if any(home.iterdir()) and not (home / _MARK).exists():
            raise InputError(f"{home} is not a demo's directory; move it away and start again")
        # First out of the way: killed in the middle, half a demo must not stay in its place.
        shutil.rmtree(old, ignore_errors=True)
        home.rename(old)
    shutil.rmtree(old, ignore_errors=True)
    return home


def _contribute(settings: Settings, description: Path) -> None:
    about = json.loads(description.read_text(encoding="utf-8"))
    directory = description.parent
    (raw,) = (p for p in directory.iterdir() if p.name not in (description.name, "labels.csv"))
    contribute(
        settings.contributions,
        about["dataset"],
        about["source"],
        raw,
        directory / "labels.csv",
        contributor=about["contributor"],
        day=date.fromisoformat(about["day"]),
        note=about["note"],
    )


def _give_verdicts(factory: Factory, truth: GroundTruth) -> list[dict[str, Any]]:
    """What an analyst says of the newest alerts of each detector: half right, half wrong ones."""
    given: list[dict[str, Any]] = []
    with closing(CaseStore(factory.settings.case_store)) as cases:
        for detector in factory.catalog.detectors:
            judged = [
                (alert, _truth(truth, alert)) for alert in cases.alerts(None, detector, "open")
            ]
            right = [pair for pair in judged if pair[1] == "true_positive"]
            wrong = [pair for pair in judged if pair[1] != "true_positive"]
            half = _VERDICTS_A_DETECTOR // 2
            for alert, value in (*wrong[:half], *right[:half]):
                cases.give_verdict(alert.alert_id, VerdictValue(value), _ANALYST)
                given.append({"alert": alert.alert_id, "detector": detector, "value": value})
    return given


def _truth(truth: GroundTruth, alert: Alert) -> str:
    unit = str(list(alert.entity.values())[-1])
    return truth.verdict(
        alert.environment, alert.source, unit, alert.unit_start, alert.event_timestamp
    )


def _detector(lake: Lake, row: dict[str, Any]) -> dict[str, Any]:
    made = lake.manifest(Place("evaluation", row["name"]))
    facts = made.facts if made else {"metrics": {"test": {}}, "baselines": {}}
    return {
        "name": row["name"],
        "champion": row["champion"],
        "gate": row["gate"],
        "metrics": facts["metrics"]["test"],
        "baselines": facts["baselines"],
    }


def _alerts(factory: Factory, detectors: Sequence[str]) -> list[dict[str, Any]]:
    with closing(CaseStore(factory.settings.case_store)) as cases:
        return [
            {
                "environment": name,
                **{
                    detector: (count := cases.counts(name, detector)).open + count.judged
                    for detector in detectors
                },
            }
            for name in factory.catalog.environments
        ]


def _changes(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "detector": new["name"],
            "examples": f"{old['examples']} → {new['examples']}",
            "champion": f"{old['champion'][:7]} → {new['champion'][:7]}",
            "test_ap": f"{old['average_precision']:.3f} → {new['average_precision']:.3f}",
            "gate": new["gate"],
        }
        for old, new in zip(before, after, strict=True)
        if old["champion"]
    ]


def _reports(settings: Settings) -> list[dict[str, Any]]:
    newest = {
        (page.parent.name, kind): page
        for kind in ("drift", "quality")
        for page in sorted(settings.reports.glob(f"*/*_{kind}_*.html"))
    }
    return [
        {"detector": name, "kind": kind, "path": str(page)} for (name, kind), page in newest.items()
    ]


def _step(finished: Finished) -> dict[str, Any]:
    return {
        "assets": len(finished.run.assets),
        "days": len(finished.run.days),
        "seconds": round(finished.seconds, 1),
    }
