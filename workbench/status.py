"""What is in force, and what changed lately and why."""

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.automation import CAUSE_TAG
from assets.factory import Factory
from assets.platform import open_factory, plan_of
from triage import CaseStore
from whetstone import console
from whetstone.lake import Lake, Place
from whetstone.releases import Repository
from whetstone.settings import Settings
from workbench.instance import dagster_instance
from workbench.retraining import read_retraining, show_retraining
from workbench.scorers import read_scorers, show_scorers

_SHOWN_RUNS = 10


def read_status(settings: Settings) -> dict[str, Any]:
    """The state of an installation, as plain values."""
    factory = open_factory(settings)
    lake = Lake(settings.lake)
    planned = plan_of(factory)
    with dagster_instance(settings.home) as instance:
        runs = _runs(instance)
    with closing(CaseStore(settings.case_store)) as cases:
        counts = cases.counts()
        judged = {d: _judged(cases, d) for d in factory.catalog.detectors}
        live = read_scorers(cases)
        retraining = read_retraining(factory, lake, cases)
    detectors = detectors_table(factory, lake)
    learned = {row["name"] for row in detectors}
    return {
        "settings": {key: str(value) for key, value in settings.model_dump().items()},
        "sources": sources_table(factory, lake),
        "detectors": [{**row, "verdicts": judged[row["name"]]} for row in detectors],
        "waiting": [name for name in factory.catalog.detectors if name not in learned],
        "alerts": {"open": counts.open, "judged": counts.judged, "withdrawn": counts.withdrawn},
        **live,
        "retraining": retraining,
        "stale": [
            {"asset": asset, "cause": cause}
            for run in planned.runs
            for asset, cause in run.causes.items()
        ],
        "held": dict(planned.held),
        "runs": runs,
    }


def show_status(found: dict[str, Any]) -> None:
    """Print a status for people."""
    console.show_values("settings", found["settings"])
    console.show_table("sources", found["sources"])
    console.show_table("detectors", found["detectors"])
    if found["waiting"]:
        console.show(
            f"{len(found['waiting'])} detectors wait for contributions (whetstone contribute, make"
            f" golden): {', '.join(found['waiting'])}"
        )
    console.show(f"alerts: {found['alerts']['open']} open, {found['alerts']['judged']} judged")
    show_scorers(found)
    show_retraining(found["retraining"])
    console.show_table("runs, newest first", found["runs"])
    if found["stale"]:
        console.show_table("about to run", found["stale"])
    roots = {asset: reason for asset, reason in found["held"].items() if not _follows(reason)}
    for asset, reason in roots.items():
        console.show(f"held: {asset}: {reason}")
    if more := len(found["held"]) - len(roots):
        console.show(f"held: {more} assets more, which wait for assets that are not made yet")


def _follows(reason: str) -> bool:
    """Whether an asset waits for another asset only, which has a reason of its own."""
    return reason.endswith(" does not exist") and not reason.startswith("contributions/")


def sources_table(factory: Factory, lake: Lake) -> list[dict[str, Any]]:
    """Days, lines and rejects of each source that something has been parsed of."""
    rows: list[dict[str, Any]] = []
    for name in factory.catalog.sources:
        days = lake.days("parsed", name)
        if not days:
            continue
        made = [m for day in days if (m := lake.manifest(Place("parsed", name, day)))]
        rows.append(
            {
                "name": name,
                "days": len(days),
                "lines": sum(m.facts["lines"] for m in made),
                "events": sum(m.rows for m in made),
                "rejects": sum(sum(m.facts["rejects"].values()) for m in made),
                "newest": days[-1],
            }
        )
    return rows


def detectors_table(factory: Factory, lake: Lake) -> list[dict[str, Any]]:
    """Champion, what it was judged, and what the newest evaluation decided.

    Of each detector that has examples to learn from.
    """
    releases = Repository(factory.settings.releases)
    releases.init()
    rows: list[dict[str, Any]] = []
    for name, detector in factory.catalog.detectors.items():
        evaluation = lake.manifest(Place("evaluation", name))
        golden = lake.manifest(Place("golden", detector.golden_dataset))
        if golden is None or not golden.rows:
            continue
        facts = evaluation.facts if evaluation else {}
        test = facts.get("metrics", {}).get("test", {})
        history = releases.history(name)
        rows.append(
            {
                "name": name,
                "champion": releases.champion(name),
                "releases": len(history),
                "examples": golden.rows,
                "gate": facts.get("gate"),
                "average_precision": test.get("average_precision"),
                "precision": test.get("precision"),
                "recall": test.get("recall"),
                "why": _why(facts) if facts.get("gate") == "failed" else "",
            }
        )
    return rows


def _why(facts: Mapping[str, Any]) -> str:
    """The reason that decided: its own quality where there is no champion to compare with."""
    return facts["reasons"][-1 if facts["champion"] else 0]


def _judged(cases: CaseStore, detector: str) -> str:
    counts = cases.counts(detector=detector).verdicts
    return ", ".join(f"{count} {value}" for value, count in counts.items() if count) or "none"


def _runs(instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    return [
        {
            "time_utc": datetime.fromtimestamp(record.create_timestamp.timestamp(), UTC).strftime(
                "%Y-%m-%d %H:%M"
            ),
            "state": record.dagster_run.status.value.lower(),
            "assets": len(record.dagster_run.asset_selection or ()),
            "cause": record.dagster_run.tags.get(CAUSE_TAG, "by hand"),
        }
        for record in instance.get_run_records(limit=_SHOWN_RUNS)
    ]
