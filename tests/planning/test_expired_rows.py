"""Rows that have expired are history: nothing is made again from them, and nothing for them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from planner_world import MemoryLedger

from whetstone.ledger import Made
from whetstone.lineage import Follow, Graph, Input, Node
from whetstone.planning import Plan, plan
from whetstone.versions import Roots, current_inputs

NOW = datetime(2026, 3, 10, tzinfo=UTC)
DAYS = [f"2026-03-0{n}" for n in range(1, 6)]
OLD = DAYS[:3]


class Lab:
    """Two sources, a view, two detectors, alerts of both, their quality; all made."""

    def __init__(self) -> None:
        self.code: dict[str, str] = {}
        self.names = ["m", "n"]
        self.landed: dict[str, dict[str | None, str]] = {
            source: dict.fromkeys(DAYS, "1") for source in ("landing/a", "landing/b")
        }
        self.ledger = MemoryLedger()
        self.settle()

    @property
    def graph(self) -> Graph:
        nodes = [
            Node("parsed/a", True, "", (Input("landing/a"),)),
            Node("parsed/b", True, "", (Input("landing/b"),)),
            Node("features/f", True, "", (Input("parsed/a"),)),
        ]
        for name in self.names:
            nodes += [
                Node(f"model/{name}", False, "", (Input("features/f", Follow.PRESENCE),)),
                Node(
                    f"scores/{name}",
                    True,
                    "",
                    (
                        Input("parsed/b" if name == "n" else "parsed/a"),
                        Input("features/f", optional=True, days_before=1),
                        Input(f"model/{name}", Follow.LATEST),
                    ),
                ),
            ]
        scores = [Input(f"scores/{name}", optional=True) for name in self.names]
        nodes += [
            Node("alerts/daily", True, "", tuple(scores)),
            Node("quality/all", False, "", tuple(scores)),
        ]
        known = {n.asset: replace(n, code_version=self.code.get(n.asset, "1")) for n in nodes}
        return Graph(known, frozenset(self.landed))

    @property
    def roots(self) -> Roots:
        return Roots(self.landed)

    def look(self) -> Plan:
        return plan(self.graph, self.ledger, self.roots, NOW)

    def settle(self) -> set[str]:
        """Carry out plans until nothing is stale; all content is new."""
        made: set[str] = set()
        while not (decided := self.look()).idle:
            assert decided.runs, decided.waiting
            for run in decided.runs:
                for asset in run.assets:
                    for day in run.days if self.graph.nodes[asset].daily else (None,):
                        self.make(asset, day)
                        made.add(asset if day is None else f"{asset}[{day}]")
        return made

    def make(self, asset: str, day: str | None) -> None:
        graph = self.graph
        for source in graph.nodes[asset].inputs:
            if source.asset in graph.nodes and graph.is_daily(source.asset) and day:
                made = self.ledger.made(source.asset, day)
                assert source.optional or (made and not made.expired), f"{asset} reads what is gone"
        inputs = current_inputs(graph, asset, day, self.ledger, self.roots)
        code = graph.nodes[asset].code_version
        version = f"{asset} {code} {sorted(inputs.items())}"
        self.ledger.manifests[asset, day] = Made(code, inputs, version, NOW.isoformat())

    def expire(self, *assets: str, days: list[str] = OLD) -> None:
        for asset in assets:
            for day in days:
                made = self.ledger.manifests[asset, day]
                self.ledger.manifests[asset, day] = replace(made, expired=True)


def of(made: set[str], day: str) -> set[str]:
    return {each.partition("[")[0] for each in made if each.endswith(f"[{day}]")}


def idle(lab: Lab) -> Mapping[str, str]:
    decided = lab.look()
    assert decided.idle
    return decided.held


def test_after_rows_have_expired_there_is_nothing_to_do():
    lab = Lab()
    lab.expire("parsed/a", "parsed/b", "features/f", "scores/m", "scores/n", "alerts/daily")
    assert idle(lab) == {}


def test_an_edit_concerns_only_days_whose_rows_are_there():
    lab = Lab()
    lab.expire("parsed/a", "features/f")
    lab.code["parsed/a"] = lab.code["features/f"] = lab.code["scores/m"] = "2"
    made = lab.settle()
    assert not any(of(made, day) for day in OLD[:2])
    assert of(made, DAYS[3]) >= {"parsed/a", "features/f", "scores/m", "alerts/daily"}
    assert idle(lab) == {}


def test_what_is_made_from_rows_that_are_gone_stays_as_it_is():
    lab = Lab()
    lab.expire("parsed/a")
    before = lab.ledger.manifests["features/f", DAYS[0]]
    lab.code["features/f"] = "2"
    assert "features/f" not in of(lab.settle(), DAYS[0])
    assert lab.ledger.manifests["features/f", DAYS[0]] == before


def test_a_new_detector_begins_where_rows_are_there_and_holds_nothing():
    lab = Lab()
    lab.expire("parsed/a")
    lab.names.append("new")
    made = lab.settle()
    assert {each for each in made if each.startswith("scores/new")} == {
        f"scores/new[{day}]" for day in DAYS[3:]
    }
    assert idle(lab) == {}


def test_alerts_of_a_day_follow_the_detectors_whose_scores_are_there():
    lab = Lab()
    lab.expire("scores/m")
    lab.landed["landing/b"][DAYS[0]] = "2"
    assert {"parsed/b", "scores/n", "alerts/daily"} <= of(lab.settle(), DAYS[0])


def test_raw_files_that_change_bring_a_day_back_with_all_that_follows_from_it():
    lab = Lab()
    lab.expire("parsed/a", "features/f", "scores/m", "alerts/daily")
    lab.landed["landing/a"][DAYS[0]] = "without her"
    made = lab.settle()
    assert of(made, DAYS[0]) == {"parsed/a", "features/f", "scores/m", "scores/n", "alerts/daily"}
    assert "quality/all" in made
    assert idle(lab) == {}


def test_raw_files_that_are_gone_as_well_change_nothing():
    lab = Lab()
    lab.expire("parsed/a", "features/f")
    for day in OLD:
        del lab.landed["landing/a"][day]
    lab.code["parsed/a"] = "2"
    assert not any(of(lab.settle(), day) & {"parsed/a", "features/f"} for day in OLD)
    assert idle(lab) == {}
