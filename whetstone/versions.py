"""What an asset would be made from now: the versions of its inputs (pure).

The plan compares them with what a manifest recorded; the making of an asset records them. Both
come through here, so that they cannot differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from whetstone.lake import version_of
from whetstone.ledger import Attempt, Ledger, Made
from whetstone.lineage import Follow, Graph, Input, Node

Key = tuple[str, str | None]


@dataclass(frozen=True)
class Roots:
    """Versions of what people and sensors feed, by root and day (None: no days)."""

    versions: Mapping[str, Mapping[str | None, str]]


def current_inputs(
    graph: Graph, asset: str, day: str | None, ledger: Ledger, roots: Roots
) -> dict[str, str]:
    """The versions of an asset's inputs as they are now: what its next manifest records."""
    return Versions(graph, ledger, roots).inputs(graph.nodes[asset], day)


class Snapshot:
    """A ledger that is read once: what is decided in one look is decided on one state."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger
        self._made: dict[str, Made | None] = {}
        self._days: dict[str, Mapping[str, Made]] = {}

    def made(self, asset: str, day: str | None) -> Made | None:
        """As in `Ledger`."""
        if day is not None:
            return self.days(asset).get(day)
        if asset not in self._made:
            self._made[asset] = self._ledger.made(asset, day)
        return self._made[asset]

    def days(self, asset: str) -> Mapping[str, Made]:
        """As in `Ledger`."""
        found = self._days.get(asset)
        if found is None:
            found = self._days[asset] = self._ledger.days(asset)
        return found

    def attempt(self, asset: str, day: str | None) -> Attempt | None:
        """As in `Ledger`."""
        return self._ledger.attempt(asset, day)


class Versions:
    """The versions of inputs, as manifests record them."""

    def __init__(self, graph: Graph, ledger: Ledger, roots: Roots):
        self._graph = graph
        self._ledger = ledger
        self._roots = roots
        self._of_all_days: dict[str, str | None] = {}
        # Many assets look back to the same days of an input.
        self._of_windows: dict[tuple[str, str, int], str | None] = {}

    def inputs(self, node: Node, day: str | None) -> dict[str, str]:
        """Of all inputs that exist and are recorded, by name."""
        found = ((source.asset, self.of(source, day)) for source in node.inputs)
        return {asset: version for asset, version in found if version is not None}

    def of(self, source: Input, day: str | None) -> str | None:
        """Of one input; None: it does not exist, or is not recorded."""
        asset = source.asset
        if source.follow is Follow.AFTER:
            return None
        if asset not in self._graph.nodes:
            known = self._roots.versions.get(asset, {})
            return known.get(day if self._graph.is_daily(asset) else None)
        if day is None and self._graph.is_daily(asset):
            if source.follow is Follow.PRESENCE:
                return "present" if self._ledger.days(asset) else None
            return self._all_days(asset)
        if day is not None and source.days_before and self._graph.is_daily(asset):
            window = (asset, day, source.days_before)
            if window not in self._of_windows:
                self._of_windows[window] = self._of_days(asset, source.days(day))
            return self._of_windows[window]
        made = self._ledger.made(asset, day if self._graph.is_daily(asset) else None)
        if made is not None and source.follow is Follow.PRESENCE:
            return "present"
        return made.version if made else None

    def _all_days(self, asset: str) -> str | None:
        if asset not in self._of_all_days:
            self._of_all_days[asset] = self._of_days(asset, self._ledger.days(asset))
        return self._of_all_days[asset]

    def _of_days(self, asset: str, days: Iterable[str]) -> str | None:
        made = ((day, self._ledger.made(asset, day)) for day in days)
        versions = [f"{day}={each.version}" for day, each in made if each is not None]
        return version_of(*versions) if versions else None
