"""What people hold back: pauses, change freezes, budgets."""

from collections.abc import Mapping
from datetime import UTC, datetime

from planner_world import MemoryLedger

from whetstone.ledger import Made
from whetstone.lineage import Follow, Graph, Input, Node
from whetstone.planning import Plan, plan
from whetstone.versions import Roots, current_inputs

NOW = datetime(2026, 3, 10, tzinfo=UTC)


class Lab:
    """Two detectors of one golden dataset, both made."""

    def __init__(self) -> None:
        nodes = [
            Node("parsed/a", True, "1", (Input("landing/a"),)),
            Node("golden/g", False, "1", (Input("contributions/g"),)),
        ]
        for name in ("m", "n"):
            nodes += [
                Node(f"model/{name}", False, "1", (Input("golden/g"),)),
                Node(f"evaluation/{name}", False, "1", (Input(f"model/{name}"),)),
                Node(f"release/{name}", False, "1", (Input(f"evaluation/{name}", gated=True),)),
                Node(
                    f"scores/{name}",
                    True,
                    "1",
                    (Input("parsed/a"), Input(f"release/{name}", Follow.LATEST)),
                ),
            ]
        self.graph = Graph({node.asset: node for node in nodes}, frozenset({"landing/a"}))
        self.landed: dict[str | None, str] = {"2026-03-01": "1"}
        self.contributed = "1"
        self.ledger = MemoryLedger()

    def look(self, holds: Mapping[str, str] | None = None, retrainings: int | None = None) -> Plan:
        return plan(self.graph, self.ledger, self._roots, NOW, frozenset(), holds, retrainings)

    def settle(
        self, holds: Mapping[str, str] | None = None, retrainings: int | None = None
    ) -> set[str]:
        made: set[str] = set()
        while runs := self.look(holds, retrainings).runs:
            for run in runs:
                for asset in run.assets:
                    for day in run.days if self.graph.nodes[asset].daily else (None,):
                        inputs = current_inputs(self.graph, asset, day, self.ledger, self._roots)
                        content = self.contributed
                        self.ledger.manifests[asset, day] = Made("1", inputs, content, "")
                    made.add(asset)
                    if retrainings and asset.startswith("model/"):
                        retrainings -= 1
        return made

    @property
    def _roots(self) -> Roots:
        return Roots({"landing/a": self.landed, "contributions/g": {None: self.contributed}})


def test_a_hold_keeps_nothing_from_being_made_the_first_time():
    lab = Lab()
    assert "model/m" in lab.settle({"model/m": "paused by ada"}, retrainings=0)


def test_what_is_held_stays_and_what_is_made_from_it_goes_on_with_that():
    lab = Lab()
    lab.settle()
    lab.contributed, lab.landed["2026-03-02"] = "2", "1"
    holds = {"model/m": "paused by ada: on holiday"}
    assert lab.settle(holds) == {
        *("golden/g", "model/n", "evaluation/n", "release/n"),
        *("parsed/a", "scores/m", "scores/n"),
    }
    decided = lab.look(holds)
    assert decided.idle
    assert decided.held == holds
    assert lab.settle() == {"model/m", "evaluation/m", "release/m", "scores/m"}, "made up for later"


def test_a_held_release_leaves_the_challenger_unreleased():
    lab = Lab()
    lab.settle()
    lab.contributed = "2"
    assert "release/m" not in (made := lab.settle({"release/m": "scores drift"}))
    assert {"evaluation/m", "release/n"} <= made


def test_a_budget_is_shared_by_all_detectors_and_no_day_loses_a_retraining():
    lab = Lab()
    lab.settle()
    lab.contributed = "2"
    first = lab.settle(retrainings=1)
    assert len(first & {"model/m", "model/n"}) == 1
    (held,) = lab.look(retrainings=0).held.items()
    assert held[1] == "today's budget of retrainings is used up"
    assert first | lab.settle(retrainings=1) >= {"model/m", "model/n"}
    assert not lab.look(retrainings=0).held
