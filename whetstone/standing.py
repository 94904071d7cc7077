"""How an asset stands at this moment: fresh, about to run, or kept from running, and why (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from whetstone.ledger import Ledger, Made
from whetstone.lineage import Follow, Graph, Input, Node
from whetstone.planning import Plan
from whetstone.versions import Key, Roots, current_inputs


class State(Enum):
    """What is the case."""

    FRESH = "fresh"
    RUNS = "about to run"
    BEING_MADE = "being made"
    WAITS = "waits"
    HELD = "held"
    NOTHING = "nothing to make it from"


@dataclass(frozen=True)
class InputState:
    """An input: the version that the asset was made from, the one there is, and what of it."""

    asset: str
    made_from: str | None
    now: str | None
    remark: str


@dataclass(frozen=True)
class Standing:
    """How an asset, or a day of it, stands; `because` holds a sentence a reason."""

    asset: str
    day: str | None
    state: State
    because: tuple[str, ...]
    inputs: tuple[InputState, ...]


def standing(
    graph: Graph,
    ledger: Ledger,
    roots: Roots,
    decided: Plan,
    key: Key,
    active: frozenset[Key] = frozenset(),
) -> Standing:
    """How an asset stands.

    Args:
        graph: the asset graph.
        ledger: what has been made.
        roots: the versions of the roots.
        decided: the plan of the same moment.
        key: the asset, and its day if it has days.
        active: what is being made.
    """
    node = graph.nodes[key[0]]
    made = ledger.made(*key)
    now = current_inputs(graph, *key, ledger, roots)
    newest = key[1] is None or key[1] == max(_days(graph, ledger, roots, node), default=key[1])
    inputs = tuple(_input(source, made, now, newest) for source in node.inputs)
    state, because = _state(graph, node, made, decided, key, active)
    return Standing(*key, state, tuple(because or _fresh(inputs)), inputs)


def days_of(graph: Graph, ledger: Ledger, roots: Roots, asset: str) -> list[str]:
    """The days that a daily asset has been made for, or could be, ascending."""
    return _days(graph, ledger, roots, graph.nodes[asset])


def _state(
    graph: Graph,
    node: Node,
    made: Made | None,
    decided: Plan,
    key: Key,
    active: frozenset[Key],
) -> tuple[State, list[str]]:
    text = key[0] if key[1] is None else f"{key[0]}[{key[1]}]"
    if key in active:
        return State.BEING_MADE, ["a run that has not ended makes it"]
    for run in decided.runs:
        if node.asset in run.assets and (key[1] is None or key[1] in run.days):
            return State.RUNS, run.causes[node.asset].split("; ")
    if text in decided.held:
        return State.HELD, [decided.held[text]]
    if text in decided.waiting:
        return State.WAITS, [f"waits for {name}" for name in _awaited(graph, node, decided, active)]
    if made is None:
        missing = [f"{i.asset} does not exist" for i in node.inputs if not i.optional]
        return State.NOTHING, missing or ["nothing exists that it could be made from"]
    return State.FRESH, []


def _awaited(graph: Graph, node: Node, decided: Plan, active: frozenset[Key]) -> Iterator[str]:
    """The inputs that something is about to change."""
    moving = {asset for run in decided.runs for asset in run.assets}
    moving |= {text.partition("[")[0] for text in decided.waiting}
    moving |= {asset for asset, _ in active if asset in graph.nodes}
    yield from (source.asset for source in node.inputs if source.asset in moving)


def _fresh(inputs: tuple[InputState, ...]) -> Iterator[str]:
    yield "every input is what it was made from" if inputs else "it is made from nothing"
    for source in inputs:
        if source.made_from != source.now and source.remark:
            yield f"{source.asset} has changed: {source.remark}"


def _input(source: Input, made: Made | None, now: dict[str, str], newest: bool) -> InputState:
    before = made.inputs.get(source.asset) if made else None
    version = now.get(source.asset)
    return InputState(source.asset, before, version, _remark(source, before, version, made, newest))


def _remark(
    source: Input, before: str | None, now: str | None, made: Made | None, newest: bool
) -> str:
    if source.follow is Follow.AFTER:
        return "read by the way; its changes are no cause"
    if made is None:
        return "there" if now else "optional, not there" if source.optional else "not there"
    if before == now:
        return "unchanged" if now else "not there"
    if source.follow is Follow.LATEST and not newest:
        return "days that have passed keep what was in service then"
    if source.follow is Follow.PRESENCE and before is not None:
        return "only its appearing matters"
    return "changed" if before and now else "appeared" if now else "disappeared"


def _days(graph: Graph, ledger: Ledger, roots: Roots, node: Node) -> list[str]:
    days = set(ledger.days(node.asset))
    for source in node.inputs:
        if source.asset in graph.daily_roots:
            days |= {day for day in roots.versions.get(source.asset, {}) if day is not None}
        elif graph.is_daily(source.asset):
            days |= set(ledger.days(source.asset))
    return sorted(days)
