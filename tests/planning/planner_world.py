"""A small world to plan in: assets are numbers made from numbers, and time stands still.

Content is a pure function of the contents of the inputs and often comes out equal. What is made
from nothing (`scratch`) is computed without a look at the planner.
"""

import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from whetstone.ledger import Attempt, Made, evidence_of
from whetstone.lineage import Follow, Graph, Input, Node
from whetstone.planning import Plan, Run, plan
from whetstone.versions import Key, Roots, current_inputs

DAYS = [f"2026-01-0{n}" for n in range(1, 7)]
_DAILY_ROOTS = ("landing/a", "landing/b")
_ONCE_ROOT = "verdicts/v"


class MemoryLedger:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.manifests: dict[Key, Made] = {}
        self.attempts: dict[Key, Attempt] = {}

    def made(self, asset: str, day: str | None) -> Made | None:
        return self.manifests.get((asset, day))

    def days(self, asset: str) -> dict[str, Made]:
        found = {d: made for (name, d), made in self.manifests.items() if name == asset and d}
        return {day: found[day] for day in sorted(found)}

    def attempt(self, asset: str, day: str | None) -> Attempt | None:
        return self.attempts.get((asset, day))


@dataclass
class World:
    """Definitions, roots and what was made of them."""

    nodes: Sequence[Node]
    code: dict[str, int] = field(default_factory=dict)
    roots: dict[str, dict[str | None, int]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    now: datetime = datetime(2026, 2, 1, 12, tzinfo=UTC)
    running: list[tuple[Run, Iterator[None]]] = field(default_factory=list)
    made: list[tuple[Key, Made | None, Made]] = field(default_factory=list)
    failed: list[tuple[Key, str]] = field(default_factory=list)

    @property
    def graph(self) -> Graph:
        """The graph with the code as it is now; an odd number means the same as the even below."""
        nodes = {
            n.asset: Node(n.asset, n.daily, f"code {self.code.get(n.asset, 0)}", n.inputs)
            for n in self.nodes
        }
        return Graph(nodes, frozenset(_DAILY_ROOTS))

    @property
    def root_versions(self) -> Roots:
        """The roots as they are now."""
        return Roots({r: {d: f"r{v}" for d, v in days.items()} for r, days in self.roots.items()})

    def look(self) -> Plan:
        """The plan at this moment."""
        active = frozenset(
            (asset, day)
            for run, _ in self.running
            for asset in run.assets
            for day in (None, *run.days)
        )
        return plan(self.graph, self.ledger, self.root_versions, self.now, active)

    def start(self, decided: Plan) -> None:
        """Start all runs of a plan."""
        self.running += [(run, self._steps(run)) for run in decided.runs]

    def step(self, number: int) -> None:
        """One step of one of the running runs."""
        run, steps = self.running[number % len(self.running)]
        if next(steps, "ended") == "ended":
            self.running.remove((run, steps))

    def kill(self, number: int) -> None:
        """The process of a run dies, right after it began to make something."""
        self.running.pop(number % len(self.running))

    def settle(self) -> int:
        """Plan and carry out until nothing runs or waits; returns the number of looks."""
        for looks in range(1, 4 * len(self.nodes) + 10):
            while self.running:
                self.step(0)
            decided = self.look()
            if decided.idle:
                return looks
            assert decided.runs, f"waits for nothing: {decided.waiting}"
            self.start(decided)
        raise AssertionError(f"still not settled: {self.look()}")

    def pass_time(self) -> None:
        """Two hours: what failed may be tried again."""
        self.now += timedelta(hours=2)

    def _steps(self, run: Run) -> Iterator[None]:
        """Carries out a run as Dagster does: what follows a failure in the run is left out."""
        skipped: set[str] = set()
        graph = self.graph  # A run has the definitions that were in force when it started.
        for asset in run.assets:
            node = graph.nodes[asset]
            if any(source.asset in skipped for source in node.inputs):
                skipped.add(asset)
                continue
            for day in run.days if node.daily else (None,):
                if not self._begin(graph, node, day):
                    skipped.add(asset)
                yield
                if (asset, day) in self.ledger.attempts and asset not in skipped:
                    self._finish(graph, node, day)
                made = self.ledger.made(asset, day)
                if made is not None and made.gate == "failed":
                    skipped.add(asset)

    def _begin(self, graph: Graph, node: Node, day: str | None) -> bool:
        key = (node.asset, day)
        inputs = current_inputs(graph, *key, self.ledger, self.root_versions)
        evidence = evidence_of(node.code_version, inputs)
        before = self.ledger.attempt(*key)
        died = before is not None and before.evidence == evidence and not before.error
        times = before.times + 1 if before and died else 1
        error = "no space" if node.asset in self.failing else ""
        self.ledger.attempts[key] = Attempt(evidence, self.now.isoformat(), times, error)
        if error:
            self.failed.append((key, evidence))
        return not error

    def _finish(self, graph: Graph, node: Node, day: str | None) -> None:
        key = (node.asset, day)
        inputs = current_inputs(graph, *key, self.ledger, self.root_versions)
        number = self._content(node, day, self._contents())
        gate = "failed" if self._gates(node.asset) and number == 0 else ""
        made_at = f"{len(self.made):06}"
        result = Made(node.code_version, inputs, f"v{number}", made_at, gate)
        self.made.append((key, self.ledger.made(*key), result))
        self.ledger.manifests[key] = result
        del self.ledger.attempts[key]

    def _gates(self, asset: str) -> bool:
        return any(i.asset == asset and i.gated for n in self.nodes for i in n.inputs)

    def _contents(self) -> dict[Key, int]:
        made = {key: int(m.version[1:]) for key, m in self.ledger.manifests.items()}
        return {**made, **self._root_contents()}

    def _root_contents(self) -> dict[Key, int]:
        return {(r, day): v for r, days in self.roots.items() for day, v in days.items()}

    def _content(self, node: Node, day: str | None, contents: Mapping[Key, int]) -> int:
        code = int(node.code_version.split()[1]) // 2
        parts = [
            (source.asset, at, value)
            for source in node.inputs
            for (name, at), value in sorted(contents.items(), key=str)
            if name == source.asset and (at is None or day is None or at == day)
        ]
        return zlib.crc32(f"{node.asset} {code} {parts}".encode()) % 3

    def scratch(self) -> dict[Key, int]:
        """What everything is when it is made from nothing: required inputs must be there."""
        contents = self._root_contents()
        for node in self.graph.nodes.values():
            for day in self._days(node, contents):
                there = {
                    source.asset: any(
                        name == source.asset and (at is None or day is None or at == day)
                        for name, at in contents
                    )
                    for source in node.inputs
                }
                required = all(there[i.asset] for i in node.inputs if not i.optional)
                if required and any(there.values()):
                    contents[node.asset, day] = self._content(node, day, contents)
        return {key: v for key, v in contents.items() if key[0] in self.graph.nodes}

    def contents(self) -> dict[Key, int]:
        """What everything is."""
        return {k: v for k, v in self._contents().items() if k[0] in self.graph.nodes}

    def _days(self, node: Node, contents: Mapping[Key, int]) -> list[str | None]:
        if not node.daily:
            return [None]
        inputs = {source.asset for source in node.inputs}
        return sorted({day for name, day in contents if name in inputs and day is not None})


_ROOT_EDITS = st.one_of(
    st.tuples(
        st.just("root"), st.sampled_from(_DAILY_ROOTS), st.sampled_from(DAYS), st.integers(0, 2)
    ),
    st.tuples(st.just("root"), st.just(_ONCE_ROOT), st.none(), st.integers(0, 2)),
)
EDITS = st.one_of(
    _ROOT_EDITS,
    st.tuples(st.just("code"), st.integers(0, 9), st.integers(0, 5)),
    st.tuples(st.just("fails"), st.integers(0, 9)),
    st.tuples(st.just("works"), st.integers(0, 9)),
)


def edit(world: World, change: tuple) -> None:
    """What people do between two looks."""
    match change:
        case ("root", root, day, value):
            world.roots.setdefault(root, {})[day] = value
        case ("code", number, value):
            world.code[world.nodes[number % len(world.nodes)].asset] = value
        case ("fails", number):
            world.failing.add(world.nodes[number % len(world.nodes)].asset)
        case ("works", number):
            world.failing.discard(world.nodes[number % len(world.nodes)].asset)


@st.composite
def worlds(draw: st.DrawFn, *, content_only: bool) -> World:
    """A graph of up to ten assets over two daily roots and one without days, with first roots."""
    size = draw(st.integers(2, 10))
    # Drawn by a seed: a graph has too many choices to draw them one by one.
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311
    nodes: list[Node] = []
    for number in range(size):
        once = {n.asset for n in nodes if not n.daily}
        known = [*_DAILY_ROOTS, _ONCE_ROOT, *(n.asset for n in nodes)]
        chosen = chance.sample(known, chance.randint(1, min(4, len(known))))
        # What takes raw files by day is made by day; a daily asset needs an input with days.
        has_days = set(chosen) - once - {_ONCE_ROOT}
        daily = bool(has_days) and (chance.random() < 0.5 or bool(has_days & set(_DAILY_ROOTS)))
        inputs = tuple(_input(chance, name, name in once, content_only) for name in chosen)
        nodes.append(Node(f"layer/n{number}", daily, "", inputs))
    world = World(nodes)
    for change in draw(st.lists(_ROOT_EDITS, min_size=1, max_size=8)):
        edit(world, change)
    return world


def _input(chance: random.Random, asset: str, can_gate: bool, content_only: bool) -> Input:
    optional = chance.random() < 0.5
    if content_only:
        return Input(asset, optional=optional)
    # As in the real graph, what is followed by its presence can be left out.
    follow = chance.choice([Follow.CONTENT, Follow.CONTENT, *Follow])
    by_the_way = follow in (Follow.PRESENCE, Follow.AFTER)
    gated = can_gate and not by_the_way and chance.random() < 0.5
    return Input(asset, follow, gated, optional or by_the_way)
