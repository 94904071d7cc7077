"""What a change of an asset reaches: what would run again, and on which condition (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass

from whetstone.lineage import Follow, Graph, Input, Node

_WORDS = {
    Follow.CONTENT: "if its content comes out different",
    Follow.LATEST: "its newest day only",
    Follow.PRESENCE: "only when it appears",
}


@dataclass(frozen=True)
class Consequence:
    """An asset that may run again: after which input, how many steps away, and when."""

    asset: str
    through: str
    steps: int
    when: str


def consequences(graph: Graph, asset: str) -> list[Consequence]:
    """What follows a change of an asset or root, parents first.

    Everything stops where content comes out equal; what only follows the appearing of an input
    that exists is not among it.
    """
    found: dict[str, Consequence] = {}
    for node in graph.nodes.values():
        reached = [
            (found[i.asset].steps if i.asset in found else 0, i)
            for i in _followed(node)
            if i.asset == asset or i.asset in found
        ]
        if reached and node.asset != asset:
            steps, source = min(reached, key=lambda pair: pair[0])
            found[node.asset] = Consequence(node.asset, source.asset, steps + 1, _when(source))
    return list(found.values())


def _followed(node: Node) -> Iterator[Input]:
    yield from (i for i in node.inputs if i.follow in (Follow.CONTENT, Follow.LATEST))


def _when(source: Input) -> str:
    gate = "after its gate has passed, " if source.gated else ""
    return f"{gate}{_WORDS[source.follow]}"
