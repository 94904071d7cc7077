"""`whetstone idea`: what proposed features would bring, on an installation's own data."""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

from detectors.lift import lift
from monitoring.ideas.drift import drift_of
from monitoring.ideas.page import write_idea
from monitoring.ideas.values import described, labels_told
from whetstone import console
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.catalog.loading import read_catalog
from whetstone.checking.samples import parse_samples
from whetstone.dictionaries import templating_of
from whetstone.engine import open_engine
from whetstone.errors import NotReadyError, TrainingError
from whetstone.ideas import (
    CheckedIdea,
    cost_of,
    leak_checks,
    read_idea,
    take_events,
    unit_values,
)
from whetstone.ideas.examples import Learned, newest_event, training_examples
from whetstone.ideas.verdict import verdict_of
from whetstone.lake import Lake, Place
from whetstone.parsing.templates import with_templates
from whetstone.settings import Settings
from whetstone.sql import literal

_DAYS = 14


def try_idea(settings: Settings, file: Path, only: Sequence[str], seeds: int) -> dict[str, Any]:
    """Try an idea and write its page; nothing of the catalog or the lake is changed.

    Args:
        settings: of the installation.
        file: an `Idea` in text format.
        only: detectors to try it with; empty: those that it names, or all of its view.
        seeds: trainings of each fold.

    Raises:
        CatalogError: the idea is not valid; the message names file, line and field.
    """
    console.say(f"checking {file}")
    idea = read_idea(file, read_catalog(settings.catalog), settings.engine, only)
    with open_engine(settings.lake) as connection:
        found = _Tried(settings, idea, connection).report(seeds)
    found["page"] = str(write_idea(found, settings.reports))
    return found


def show_idea(found: dict[str, Any]) -> None:
    """Print what came of an idea."""
    for feature in found["features"]:
        console.show(f"{feature['name']}  {feature['data_type']}  {feature['definition']}")
    rows = [
        {
            "detector": each["detector"],
            "measure": measure.replace("_", " "),
            "without": gain["without"],
            "with": gain["with_features"],
            "lift, 95 %": f"{gain['difference']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]",
            "verdict": each["verdict"],
        }
        for each in found["lift"]
        for measure, gain in each["gains"].items()
    ]
    console.show_table("lift, by cross-validation on training examples", rows)
    for missing in found["missing"]:
        console.show(f"not known: {missing}")
    rows = [
        {
            "feature": each["feature"],
            "leak": each["name"],
            "units": each["units"],
            "changed": each["changed"],
            "result": {True: "passed", False: "LEAKS", None: "no units"}[each["passed"]],
            "detail": each["detail"],
        }
        for each in found["leaks"]
    ]
    console.show_table("leaks", rows)
    console.show_table("values", found["values"])
    console.show_table("drift", [_shown_drift(each) for each in found["drift"]])
    if cost := found["cost"]:
        console.show(
            f"cost: {cost['per_event']:.2f} us an event, {cost['per_unit']:.2f} us a unit; the view"
            f" takes {cost['before']:.2f} us an event without (on {cost['events']:,} events)"
        )
    for hint in found["hints"]:
        console.show(f"hint: {hint}")
    console.show(f"verdict: {found['verdict']}: {found['because']}")
    console.show(f"page: {found['page']}")
    if found["verdict"] == "worth it":
        console.show("to merge it, put this into the view and the names into its detectors:")
        console.show(found["snippet"])


def _shown_drift(drift: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in drift.items() if name not in ("days", "significant")}


@dataclass(frozen=True)
class _Tried:
    """An idea on the data of an installation."""

    settings: Settings
    idea: CheckedIdea
    connection: duckdb.DuckDBPyConnection

    def report(self, seeds: int) -> dict[str, Any]:
        """All findings, as plain values."""
        missing: list[str] = []
        events, where = self._events(missing)
        console.say(f"trying for leaks, and the time it takes, on {where}")
        take_events(self.connection, self.idea.view, events, "idea_events")
        arguments = (self.idea.view, "idea_events", self.idea.names)
        leaks = leak_checks(self.connection, self.idea.source, *arguments)
        cost = cost_of(self.connection, *arguments)
        learned = list(self._learned(missing))
        lifts: list[dict[str, Any]] = []
        for before, after, one in learned:
            try:
                found = lift(before, after, one.table, one.groups, seeds, console.say)
                lifts.append({**found.to_dict(), "holdout": one.held_by})
            except TrainingError as error:
                missing.append(str(error))
        values = described(self.idea, learned[0][2].table) if learned else []
        leaks += labels_told(self.idea, learned[0][2].table) if learned else []
        drift = self._drift(learned[0][2].table if learned else None, missing)
        newest = newest_event(self.connection, "idea_events")
        last = max([newest, *(each["newest_day"] for each in drift)])
        verdict, because = verdict_of(leaks, lifts)
        return {
            "idea": self.idea.idea.name,
            "description": self.idea.idea.description,
            "by": self.idea.idea.by,
            "feature_view": self.idea.idea.feature_view,
            "features": [
                {"name": f.name, "data_type": f.data_type, "definition": f.definition}
                for f in self.idea.idea.features
            ],
            "tried_on": where,
            "newest": newest if newest.startswith(last) else last,
            "lift": lifts,
            "leaks": [asdict(check) for check in leaks],
            "cost": {**asdict(cost), "share": cost.share} if cost else None,
            "values": values,
            "drift": drift,
            "missing": missing + [f"{n}: {why}" for n, why in self.idea.unfit.items()],
            "hints": list(self.idea.hints),
            "verdict": verdict,
            "because": because,
            "snippet": _snippet(self.idea),
        }

    def _events(self, missing: list[str]) -> tuple[str, str]:
        """Events to try it on: of golden datasets, else of production, else of samples."""
        lake = Lake(self.settings.lake)
        for before, _ in self.idea.detectors.values():
            file = lake.directory(Place("golden", before.golden_dataset)) / "events.parquet"
            if file.exists():
                relation = f"read_parquet({literal(str(file))})"
                return self._templated(lake, relation), f"golden/{before.golden_dataset}"
        if production := self._production(lake):
            return self._templated(lake, production), f"production of {self.idea.source.name}"
        missing.append(
            "there are no golden examples and no production days of"
            f" {self.idea.source.name} here: contribute or land some; tried on the source's samples"
        )
        with TemporaryDirectory(prefix="whetstone-samples-") as directory:
            parse_samples(self.connection, self.idea.source, Path(directory))
        self.connection.execute("CREATE OR REPLACE TEMP TABLE sampled AS SELECT * FROM events")
        return "sampled", f"the samples of {self.idea.source.name}"

    def _production(self, lake: Lake) -> str:
        days = lake.days_with_rows("parsed", self.idea.source.name)[-_DAYS:]
        files = [lake.part(Place("parsed", self.idea.source.name, day)) for day in days]
        listed = ", ".join(literal(str(file)) for file in files)
        union = "union_by_name = true, hive_partitioning = false"
        return f"read_parquet([{listed}], {union})" if files else ""

    def _templated(self, lake: Lake, relation: str) -> str:
        """The events with their templates, where the view reads them."""
        templating = templating_of(lake, self.idea.source, self.idea.view)
        if templating is None:
            return relation
        return with_templates(self.connection, relation, templating).relation

    def _learned(self, missing: list[str]) -> Iterator[tuple[Detector, Detector, Learned]]:
        lake = Lake(self.settings.lake)
        catalog = read_catalog(self.settings.catalog).catalog
        for name, (before, after) in self.idea.detectors.items():
            dataset = catalog.golden_datasets[before.golden_dataset]
            events = lake.directory(Place("golden", dataset.name)) / "events.parquet"
            try:
                part = lake.part(Place("training_set", name))
            except NotReadyError as error:
                missing.append(f"{name}: {error}; `whetstone up` makes it from contributions")
                continue
            relation = self._templated(lake, f"read_parquet({literal(str(events))})")
            values = unit_values(self.connection, self.idea.view, relation, self.idea.names)
            found = training_examples(self.connection, part, values, dataset, self.idea.names)
            yield before, after, found

    def _drift(self, examples: pa.Table | None, missing: list[str]) -> list[dict[str, Any]]:
        lake = Lake(self.settings.lake)
        if not (production := self._production(lake)):
            missing.append(
                f"drift: no production days of {self.idea.source.name} have been parsed yet"
            )
            return []
        console.say("comparing the last days")
        relation = self._templated(lake, production)
        view, names = self.idea.view, self.idea.names
        return drift_of(unit_values(self.connection, view, relation, names), names, examples)


def _snippet(idea: CheckedIdea) -> str:
    blocks = [
        f'features {{\n  name: "{f.name}"\n  display_name: "{f.display_name or f.name}"\n'
        f'  data_type: "{f.data_type}"\n  definition: {_quoted(f.definition)}\n}}'
        for f in idea.idea.features
    ]
    used = "\n".join(f'features: "{name}"' for name in idea.names)
    return "\n".join(
        [
            f"# catalog/features/{idea.view.name}.textproto",
            *blocks,
            "# catalog/detectors/<detector>.textproto",
            used,
        ]
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
