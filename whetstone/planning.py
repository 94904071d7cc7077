"""What re-runs and why: decided from the lake's manifests alone (pure).

An asset is stale when it was never made, when its definitions changed, or when the content of an
input is not the one it was made from. Like a build system with early cut-off: what is
stale runs, together with stale assets that it feeds; what is not stale itself waits until its
inputs have settled, and does not run when their content came out equal. The decision reads
levels, not edges, so a change that arrives at any moment (during a run, while the platform is
down) is found at the next look.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from whetstone.lake import Manifest, version_of
from whetstone.lineage import Follow, Graph, Input, Node

Key = tuple[str, str | None]
ReadManifest = Callable[[str, str | None], Manifest | None]


@dataclass(frozen=True)
class Roots:
    """Versions of what people and sensors feed, by root and day (None: no days)."""

    versions: Mapping[str, Mapping[str | None, str]]


@dataclass(frozen=True)
class Run:
    """Assets to make in one run: the daily ones for all of `days`, the others once.

    `causes` says for each asset why, in words.
    """

    assets: tuple[str, ...]
    days: tuple[str, ...]
    causes: Mapping[str, str]
    fingerprint: str


@dataclass(frozen=True)
class Plan:
    """The runs to start now, what they hold up, and what cannot run with the reason."""

    runs: tuple[Run, ...]
    waiting: tuple[str, ...]
    held: Mapping[str, str]

    @property
    def idle(self) -> bool:
        """Nothing to start and nothing that waits."""
        return not self.runs and not self.waiting


class _State(Enum):
    FRESH = "fresh"
    RUN = "run"
    MAYBE = "maybe"
    HELD = "held"


def plan(
    graph: Graph,
    manifest: ReadManifest,
    roots: Roots,
    active: frozenset[Key] = frozenset(),
) -> Plan:
    """Decide what to run.

    Args:
        graph: the asset graph.
        manifest: reads the manifest of an asset('s day); None when it was never made.
        roots: the versions of the roots.
        active: what is being made at this moment; it is waited for.
    """
    return _Planner(graph, manifest, roots, active).plan()


class _Planner:
    def __init__(self, graph: Graph, manifest: ReadManifest, roots: Roots, active: frozenset[Key]):
        self._graph = graph
        self._roots = roots
        self._active = active
        self._days: dict[str, list[str | None]] = {}
        self._manifests: dict[Key, Manifest | None] = {}
        self._read = manifest
        self._states: dict[Key, _State] = {}
        self._causes: dict[Key, list[str]] = {}
        self._held: dict[str, str] = {}

    def plan(self) -> Plan:
        for node in self._graph.nodes.values():
            self._days[node.asset] = self._days_of(node)
            for day in self._days[node.asset]:
                self._states[node.asset, day] = self._judge(node, day)
        wanted = [
            key
            for key, state in self._states.items()
            if state is _State.RUN and key not in self._active
        ]
        waiting = [
            _text(key)
            for key, state in self._states.items()
            if state is _State.MAYBE or key in self._active
        ]
        return Plan(tuple(self._runs(wanted)), tuple(waiting), self._held)

    def _days_of(self, node: Node) -> list[str | None]:
        if not node.daily:
            return [None]
        days: set[str | None] = set()
        for source in node.inputs:
            if self._graph.is_daily(source.asset):
                days.update(self._input_days(source.asset))
        return sorted(days, key=str)

    def _input_days(self, asset: str) -> Iterable[str | None]:
        if asset in self._days:
            # A day that cannot be made must not ask for what would be made from it.
            return [d for d in self._days[asset] if self._states[asset, d] is not _State.HELD]
        return self._roots.versions.get(asset, {})

    def _judge(self, node: Node, day: str | None) -> _State:
        key = (node.asset, day)
        if key in self._active:
            return _State.RUN
        made = self._manifest(key)
        newest = day == (self._days[node.asset] or [None])[-1]
        causes: list[str] = []
        settled = True
        upstream_runs = False
        for source in node.inputs:
            state = self._state_of(source, day)
            if state is _State.HELD:
                if self._optional(node, source):
                    continue
                self._held[_text(key)] = self._reason(source)
                return _State.HELD
            if self._ignored(source, made, newest):
                continue
            settled &= state is not _State.MAYBE
            upstream_runs |= state is _State.RUN
            causes += self._changes(source, day, made)
        if made is None:
            causes = ["never made"]
        elif made.code_version != node.code_version:
            causes.insert(0, "its definitions changed")
        if not settled:
            return _State.MAYBE
        if causes:
            self._causes[key] = causes
            return _State.RUN
        return _State.MAYBE if upstream_runs else _State.FRESH

    def _ignored(self, source: Input, made: Manifest | None, newest: bool) -> bool:
        """Whether an input's changes do not matter to what has already been made."""
        if made is None:
            return False
        if source.follow is Follow.PRESENCE:
            return source.asset in made.inputs
        return source.follow is Follow.LATEST and not newest

    def _optional(self, node: Node, source: Input) -> bool:
        """Assets that gather many inputs take those that are there."""
        gathers = len(node.inputs) > 1 and all(
            i.asset.partition("/")[0] == "scores" for i in node.inputs
        )
        return source.follow is Follow.PRESENCE or gathers

    def _state_of(self, source: Input, day: str | None) -> _State:
        keys = self._keys(source.asset, day)
        if source.asset not in self._graph.nodes:
            known = self._roots.versions.get(source.asset, {})
            return _State.FRESH if any(k[1] in known for k in keys) else _State.HELD
        states = {self._states.get(key, _State.HELD) for key in keys}
        if _State.RUN in states:
            return _State.RUN
        if _State.MAYBE in states:
            return _State.MAYBE
        if _State.FRESH not in states:
            return _State.HELD
        if source.gated and self._gate_failed(source.asset):
            return _State.HELD
        return _State.FRESH

    def _gate_failed(self, asset: str) -> bool:
        made = self._manifest((asset, None))
        return made is not None and made.facts.get("gate") == "failed"

    def _reason(self, source: Input) -> str:
        if source.gated and self._gate_failed(source.asset):
            return f"the gate of {source.asset} failed"
        return f"{source.asset} does not exist"

    def _keys(self, asset: str, day: str | None) -> list[Key]:
        if not self._graph.is_daily(asset):
            return [(asset, None)]
        if day is not None:
            return [(asset, day)]
        return [(asset, d) for d in self._input_days(asset)]

    def _changes(self, source: Input, day: str | None, made: Manifest | None) -> list[str]:
        if made is None:
            return []
        before = made.inputs.get(source.asset)
        now = self._version(source, day)
        if before is None:
            return [f"{source.asset} appeared"]
        return [f"{source.asset} changed"] if now != before else []

    def _version(self, source: Input, day: str | None) -> str:
        keys = self._keys(source.asset, day)
        if source.asset not in self._graph.nodes:
            return input_version([self._roots.versions[source.asset][key[1]] for key in keys])
        return input_version([m.version for key in keys if (m := self._manifest(key))])

    def _manifest(self, key: Key) -> Manifest | None:
        if key not in self._manifests:
            self._manifests[key] = self._read(*key)
        return self._manifests[key]

    def _runs(self, wanted: Sequence[Key]) -> Iterable[Run]:
        days_of: dict[str, list[str]] = {}
        once = [asset for asset, day in wanted if day is None]
        for asset, day in wanted:
            if day is not None:
                days_of.setdefault(day, []).append(asset)
        ranges = list(_ranges(days_of))
        if len(ranges) <= 1:
            days, assets = ranges[0] if ranges else ((), ())
            if wanted:
                yield self._run((*once, *assets), days)
            return
        # Several runs: each takes what needs nothing that another one makes.
        if closed := self._closed(once, ()):
            yield self._run(closed, ())
        for days, assets in ranges:
            if closed := self._closed(assets, days):
                yield self._run(closed, days)

    def _closed(self, assets: Sequence[str], days: tuple[str, ...]) -> tuple[str, ...]:
        kept = set(assets)
        for asset in (name for name in self._graph.nodes if name in kept):
            for source in self._graph.nodes[asset].inputs:
                keys = [k for d in days or (None,) for k in self._keys(source.asset, d)]
                runs_elsewhere = source.asset not in kept and any(
                    self._states.get(key) is _State.RUN for key in keys
                )
                if runs_elsewhere:
                    kept.discard(asset)
        return tuple(name for name in self._graph.nodes if name in kept)

    def _run(self, assets: Sequence[str], days: tuple[str, ...]) -> Run:
        ordered = tuple(name for name in self._graph.nodes if name in set(assets))
        causes: dict[str, str] = {}
        evidence: list[str] = []
        for asset in ordered:
            keys = self._run_keys(asset, days)
            causes[asset] = "; ".join(dict.fromkeys(c for k in keys for c in self._causes[k]))
            evidence += [self._evidence(key) for key in keys]
        return Run(ordered, days, causes, version_of(*evidence))

    def _run_keys(self, asset: str, days: tuple[str, ...]) -> list[Key]:
        daily = self._graph.nodes[asset].daily
        return [(asset, d) for d in (days if daily else (None,)) if (asset, d) in self._causes]

    def _evidence(self, key: Key) -> str:
        """What a run of this would be made from: a run is not repeated on the same evidence."""
        node = self._graph.nodes[key[0]]
        inputs = [self._version(source, key[1]) for source in node.inputs]
        made = self._manifest(key)
        return version_of(*key, node.code_version, *inputs, made.made_at if made else "")


def current_inputs(
    graph: Graph, asset: str, day: str | None, manifest: ReadManifest, roots: Roots
) -> dict[str, str]:
    """The versions of an asset's inputs as they are now: what its next manifest records."""
    found: dict[str, str] = {}
    for source in graph.nodes[asset].inputs:
        known = roots.versions.get(source.asset)
        if source.asset in graph.nodes:
            days: list[str | None] = [day if graph.is_daily(source.asset) else None]
            if graph.is_daily(source.asset) and day is None:
                days = [*graph_days(graph, source.asset, roots)]
            versions = [m.version for d in days if (m := manifest(source.asset, d))]
        else:
            versions = [known[day if day in known else None]] if known else []
        if versions:
            found[source.asset] = input_version(versions)
    return found


def graph_days(graph: Graph, asset: str, roots: Roots) -> list[str]:
    """The days that a daily asset can have: those of the roots that it is made from."""
    if asset not in graph.nodes:
        return sorted(day for day in roots.versions.get(asset, {}) if day is not None)
    days: set[str] = set()
    for source in graph.nodes[asset].inputs:
        if graph.is_daily(source.asset):
            days.update(graph_days(graph, source.asset, roots))
    return sorted(days)


def input_version(versions: Sequence[str]) -> str:
    """The version of an input: its own, or one of all its days."""
    return versions[0] if len(versions) == 1 else version_of(*versions)


def _ranges(days_of: Mapping[str, list[str]]) -> Iterable[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Runs of adjacent days for which the same assets are wanted."""
    start: list[str] = []
    for day in sorted(days_of):
        follows = start and date.fromisoformat(start[-1]) + timedelta(1) == date.fromisoformat(day)
        if start and not (follows and days_of[day] == days_of[start[0]]):
            yield tuple(start), tuple(days_of[start[0]])
            start = []
        start.append(day)
    if start:
        yield tuple(start), tuple(days_of[start[0]])


def _text(key: Key) -> str:
    return key[0] if key[1] is None else f"{key[0]}[{key[1]}]"
