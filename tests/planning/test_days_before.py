"""What a day is made from may be days before it: they are waited for, and their changes heeded."""

from datetime import UTC, datetime

from planner_world import MemoryLedger

from whetstone.ledger import Attempt, Made, evidence_of
from whetstone.lineage import Graph, Input, Node
from whetstone.planning import Plan, plan
from whetstone.versions import Roots, current_inputs

NOW = datetime(2026, 3, 10, tzinfo=UTC)
DAYS = [f"2026-03-0{n}" for n in range(1, 8)]


class Lab:
    """parsed -> features -> scores, which look two days back."""

    def __init__(self, days: list[str]) -> None:
        nodes = (
            Node("parsed/a", True, "1", (Input("landing/a"),)),
            Node("features/f", True, "1", (Input("parsed/a"),)),
            Node(
                "scores/m",
                True,
                "1",
                (Input("parsed/a"), Input("features/f", optional=True, days_before=2)),
            ),
        )
        self.graph = Graph({node.asset: node for node in nodes}, frozenset({"landing/a"}))
        self.landed: dict[str | None, str] = dict.fromkeys(days, "1")
        self.ledger = MemoryLedger()
        self.settle()

    @property
    def roots(self) -> Roots:
        return Roots({"landing/a": self.landed})

    def look(self, *active: tuple[str, str | None]) -> Plan:
        return plan(self.graph, self.ledger, self.roots, NOW, frozenset(active))

    def make(self, asset: str, day: str, content: str) -> None:
        inputs = current_inputs(self.graph, asset, day, self.ledger, self.roots)
        self.ledger.manifests[asset, day] = Made("1", inputs, content, "")

    def attempt(self, asset: str, day: str) -> Attempt:
        """A try to make it that failed."""
        inputs = current_inputs(self.graph, asset, day, self.ledger, self.roots)
        return Attempt(evidence_of("1", inputs), NOW.isoformat(), error="boom")

    def settle(self) -> set[tuple[str, str]]:
        """Carry out plans until nothing is stale; content is what landed on the day."""
        made: set[tuple[str, str]] = set()
        while not (decided := self.look()).idle:
            assert decided.runs, decided.waiting
            for run in decided.runs:
                for asset in run.assets:
                    for day in run.days:
                        self.make(asset, day, self.landed[day])
                        made.add((asset, day))
        return made


def scored(*days: str) -> set[tuple[str, str]]:
    return {("scores/m", day) for day in days}


def test_a_change_concerns_the_days_that_look_back_to_it():
    lab = Lab(DAYS)
    lab.landed[DAYS[1]] = "2"
    made = lab.settle()
    assert {each for each in made if each[0] == "scores/m"} == scored(*DAYS[1:4])
    assert ("features/f", DAYS[2]) not in made


def test_a_day_that_lands_late_is_heeded_too():
    lab = Lab([day for day in DAYS if day != DAYS[3]])
    lab.landed[DAYS[3]] = "1"
    made = lab.settle()
    assert {each for each in made if each[0] == "scores/m"} == scored(*DAYS[3:6])


def test_days_that_are_missing_keep_nothing_back():
    lab = Lab([DAYS[0], DAYS[6]])
    assert ("scores/m", DAYS[6]) in lab.ledger.manifests


def test_the_day_itself_must_exist_and_be_sound_unless_it_is_optional():
    lab = Lab(DAYS[:3])
    # Of the last day nothing has been scored, of the days before it has.
    del lab.ledger.manifests["scores/m", DAYS[2]]
    lab.ledger.attempts["scores/m", DAYS[2]] = lab.attempt("scores/m", DAYS[2])
    needed = Node("drift/m", True, "1", (Input("parsed/a"), Input("scores/m", days_before=2)))
    lab.graph = Graph({**lab.graph.nodes, "drift/m": needed}, lab.graph.daily_roots)
    decided = lab.look()
    assert [run.days for run in decided.runs] == [tuple(DAYS[:2])]
    assert decided.held[f"drift/m[{DAYS[2]}]"] == "scores/m does not exist"


def test_a_new_day_concerns_no_day_before_it():
    lab = Lab(DAYS[:5])
    lab.landed[DAYS[5]] = "1"
    assert {each for each in lab.settle() if each[0] == "scores/m"} == scored(DAYS[5])


def test_a_day_before_that_is_being_made_is_waited_for():
    lab = Lab(DAYS)
    lab.landed[DAYS[1]] = "2"
    lab.make("parsed/a", DAYS[1], "2")
    decided = lab.look(("features/f", DAYS[1]))
    assert not [run for run in decided.runs if "scores/m" in run.assets]
    assert f"scores/m[{DAYS[3]}]" in decided.waiting
    assert f"scores/m[{DAYS[4]}]" not in decided.waiting


def test_runs_at_the_same_time_need_nothing_of_each_other():
    lab = Lab(DAYS)
    for lost in (("features/f", DAYS[3]), ("features/f", DAYS[4]), ("scores/m", DAYS[4])):
        del lab.ledger.manifests[lost]
    assert len(lab.look().runs) == 2
    for _ in range(9):
        decided = lab.look()
        if decided.idle:
            break
        making = {
            (asset, day): run for run in decided.runs for asset in run.assets for day in run.days
        }
        for (asset, day), run in making.items():
            if asset == "scores/m":
                for before in lab.graph.nodes[asset].inputs[1].days(day):
                    assert making.get(("features/f", before), run) is run, (day, before)
        for asset, day in making:
            lab.make(asset, day, lab.landed[day])
    else:
        raise AssertionError("never settled")
