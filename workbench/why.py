"""Why an asset was made when it was, and why it is not being made now."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from assets.automation import being_made, plan_now
from assets.factory import Factory
from assets.platform import open_factory, stores
from resources.roots import read_roots
from triage import CaseStore
from whetstone import console
from whetstone.consequences import consequences
from whetstone.errors import InputError
from whetstone.lake import Lake, Manifest, Place
from whetstone.ledger import LakeLedger
from whetstone.lineage import Graph
from whetstone.reasons import Change, in_words, why_made
from whetstone.settings import Settings
from whetstone.standing import Standing, State, days_of, standing
from whetstone.versions import Key, Snapshot
from workbench.instance import dagster_instance
from workbench.origins import origins

_DEEP = 8
_SHOWN_DAYS = 3
_SHOWN_TEXT = 300
_SHOWN_VERSION = 16


@dataclass(frozen=True)
class Reason:
    """A line of the answer to "why": how deep it stands below what it explains, and its text."""

    level: int
    text: str


def read_why(settings: Settings, name: str, day: str | None, downstream: bool) -> dict[str, Any]:
    """Why an asset was made and how it stands, as plain values.

    Args:
        settings: of the installation.
        name: `layer/name`, or `name` alone, which means all assets of that name.
        day: of a daily asset; None: its newest.
        downstream: also tell what a change of it would make run again.

    Raises:
        InputError: there is no such asset or day.
    """
    factory = open_factory(settings)
    names = named(factory.graph, name)
    with closing(CaseStore(settings.case_store)) as cases:
        asked = _Asked(factory, cases)
        found = [asked.answer(asset, day, detailed=len(names) == 1) for asset in names]
    if downstream:
        for answer in found:
            reached = consequences(factory.graph, answer["asset"])
            answer["downstream"] = [asdict(each) for each in reached]
    return {"asked": name, "answers": found}


def named(graph: Graph, name: str) -> list[str]:
    """The assets and roots that a name means.

    Raises:
        InputError: none; the message suggests some.
    """
    roots = {i.asset for node in graph.nodes.values() for i in node.inputs} - graph.nodes.keys()
    known = [*sorted(roots), *graph.nodes]
    if name in known:
        return [name]
    if found := [asset for asset in known if asset.partition("/")[2] == name]:
        return found
    short = dict.fromkeys(asset.partition("/")[2] for asset in known)
    close = [*get_close_matches(name, known, 3, 0.7), *get_close_matches(name, short, 3, 0.6)]
    close += [each for each in short if name and name in each and each not in close][:3]
    meant = f"did you mean {', '.join(close)}?" if close else "`whetstone status` lists some"
    raise InputError(f"there is no asset {name!r}; {meant}")


def show_why(found: dict[str, Any]) -> None:
    """Print the answers for people."""
    answers = found["answers"]
    if len(answers) > 1:
        rows = [
            {
                "asset": _title(answer),
                "made": answer["made_at"][:16].replace("T", " "),
                "now": answer["state"],
                "because": _cut("; ".join(answer["because"])),
            }
            for answer in answers
        ]
        console.show_table(f"{found['asked']}: name one for more", rows)
    else:
        _show_answer(answers[0])
    if len(answers) > 1 and "downstream" in answers[0]:
        console.show("name one to see what a change of it makes run again")
    for answer in answers if len(answers) == 1 else ():
        if "downstream" in answer:
            rows = [
                {
                    "asset": each["asset"],
                    "steps": each["steps"],
                    "follows": each["through"],
                    "when": each["when"],
                }
                for each in answer["downstream"]
            ]
            console.show_table(f"runs again if {answer['asset']} changes", rows)


def _show_answer(answer: dict[str, Any]) -> None:
    console.show(_title(answer))
    if answer["made_at"]:
        made = answer["made_at"][:19].replace("T", " ")
        console.show(f"made {made} UTC, version {answer['version']}, because")
        for reason in answer["reasons"]:
            console.show(f"  {'  ' * reason['level']}{_cut(reason['text'])}")
        if answer["cause"]:
            console.show(f"the run was started because: {answer['cause']}")
    elif answer["root"]:
        for reason in answer["reasons"]:
            console.show(f"  {_cut(reason['text'])}")
    else:
        console.show("never made")
    if answer["root"]:
        return
    console.show(f"now: {answer['state']}: {'; '.join(answer['because'])}")
    if answer["days"]:
        counted = ", ".join(f"{count} {state}" for state, count in answer["days"].items())
        console.show(f"of its days: {counted}")
    rows = [
        {
            "asset": each["asset"],
            "made from": (each["made_from"] or "")[:_SHOWN_VERSION],
            "now": (each["now"] or "")[:_SHOWN_VERSION],
            "remark": each["remark"],
        }
        for each in answer["inputs"]
    ]
    console.show_table("inputs", rows)


def _title(answer: dict[str, Any]) -> str:
    return answer["asset"] + (f"[{answer['day']}]" if answer["day"] else "")


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]}…"


class _Asked:
    """An installation at one moment."""

    def __init__(self, factory: Factory, cases: CaseStore):
        self._factory = factory
        self._graph = factory.graph
        self._cases = cases
        self._lake = Lake(factory.settings.lake)
        self._ledger = Snapshot(LakeLedger(self._lake))
        self._roots = read_roots(factory.catalog, factory.settings, cases)
        with dagster_instance(factory.settings.home) as instance:
            self._active = being_made(instance)
        opened = stores(factory.settings)
        self._plan = plan_now(factory, opened.lake, opened.cases, self._active)

    def answer(self, asset: str, day: str | None, *, detailed: bool) -> dict[str, Any]:
        if asset not in self._graph.nodes:
            return self._answer_of_root(asset, day)
        node = self._graph.nodes[asset]
        day, states = self._choose_day(asset, day) if node.daily else (None, {})
        stands = self._standing((asset, day))
        manifest = self._lake.manifest(Place(node.layer, node.name, day))
        told = list(self._reasons(asset, day, manifest, 0)) if manifest and detailed else []
        return {
            "asset": asset,
            "day": day,
            "root": False,
            "made_at": manifest.made_at if manifest else "",
            "version": manifest.version if manifest else None,
            "cause": manifest.cause if manifest else "",
            "reasons": [asdict(reason) for reason in told],
            "state": stands.state.value,
            "because": list(stands.because),
            "inputs": [asdict(each) for each in stands.inputs],
            "days": states,
        }

    def _answer_of_root(self, asset: str, day: str | None) -> dict[str, Any]:
        days = sorted(filter(None, self._roots.versions.get(asset, {})))
        day = day or (days[-1] if days else None)
        lines = self._origins(asset, day, None, datetime.now(UTC))
        return {
            "asset": asset,
            "day": day,
            "root": True,
            "made_at": "",
            "version": self._roots.versions.get(asset, {}).get(day),
            "cause": "",
            "reasons": [asdict(Reason(0, line)) for line in lines or ["nothing has come"]],
            "state": "fed by people and sensors",
            "because": lines[:1],
            "inputs": [],
            "days": {},
        }

    def _choose_day(self, asset: str, day: str | None) -> tuple[str | None, dict[str, int]]:
        days = days_of(self._graph, self._ledger, self._roots, asset)
        if day is not None and day not in days:
            there = f"{days[0]} to {days[-1]}" if days else "none yet"
            raise InputError(f"{asset} has no day {day}; there are: {there}")
        states: dict[str, int] = {}
        for each in days:
            state = self._standing((asset, each)).state.value
            states[state] = states.get(state, 0) + 1
        return day or (days[-1] if days else None), states

    def _standing(self, key: Key) -> Standing:
        graph, ledger, roots = self._graph, self._ledger, self._roots
        stands = standing(graph, ledger, roots, self._plan, key, self._active)
        made = self._ledger.made(*key)
        if stands.state is State.FRESH and made and made.gate == "failed":
            layer, _, name = key[0].partition("/")
            manifest = self._lake.manifest(Place(layer, name, key[1]))
            reasons = manifest.facts.get("reasons", []) if manifest else []
            return Standing(
                *key, stands.state, ("its gate failed", *reasons, *stands.because), stands.inputs
            )
        return stands

    def _reasons(
        self, asset: str, day: str | None, manifest: Manifest, level: int
    ) -> Iterator[Reason]:
        """What had changed, and below each change of an input what had changed that one."""
        changes = why_made(self._lake, asset, manifest)
        for line in in_words(manifest, changes) if not changes else ():
            yield Reason(level, line)
        for change in changes or ():
            yield Reason(level, _cut(str(change)))
            if change.kind == "input" and level < _DEEP:
                yield from self._behind(change, day, manifest, level + 1)

    def _behind(
        self, change: Change, day: str | None, manifest: Manifest, level: int
    ) -> Iterator[Reason]:
        before = (manifest.before or {}).get("made_at")
        since = datetime.fromisoformat(before) if before else None
        until = datetime.fromisoformat(manifest.made_at)
        if change.what not in self._graph.nodes:
            at = day if self._graph.is_daily(change.what) else None
            for line in self._origins(change.what, at, since, until):
                yield Reason(level, line)
            return
        layer, _, name = change.what.partition("/")
        for place in self._places(layer, name, day):
            made = self._lake.manifest(place)
            if made and since and since <= datetime.fromisoformat(made.made_at) <= until:
                if day is None and place.day is not None:
                    yield Reason(level, f"{place} was made anew")
                yield from self._reasons(place.asset, place.day, made, level + (day is None))

    def _places(self, layer: str, name: str, day: str | None) -> Sequence[Place]:
        asset = f"{layer}/{name}"
        if not self._graph.is_daily(asset):
            return [Place(layer, name)]
        if day is not None:
            return [Place(layer, name, day)]
        return [Place(layer, name, each) for each in self._lake.days(layer, name)[-_SHOWN_DAYS:]]

    def _origins(
        self, root: str, day: str | None, since: datetime | None, until: datetime
    ) -> list[str]:
        catalog, settings = self._factory.catalog, self._factory.settings
        return origins(root, day, since, until, catalog, settings, self._cases)
