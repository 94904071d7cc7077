"""What re-runs and why: decided from the ledger and the roots alone (pure).

An asset is stale when it was never made, when its definitions changed, or when the content of an
input is not the one it was made from. Like a build system with early cut-off: what is
stale runs, together with stale assets that it feeds; what is not stale itself waits until its
inputs have settled, and does not run when their content came out equal. The decision reads
levels, not edges, so a change that arrives at any moment (during a run, while the platform is
down) is found at the next look.

What cannot be made is held, with the reason. Where a gate failed, that is the end of it: the
champion stays and goes on. Where an input is missing or the last try failed, it is out of date, and
nothing is made from its content: a model must not be trained on features of other definitions than
it is released with. What needs it by the way only (`optional`, or to follow the latest) goes on.

Rows that have expired are history. What was made from them stays as it is, whatever becomes of its
definitions; only raw files that change bring a day back, and then all that follows from it.

What people hold (a pause, a change freeze, a budget that is used up) stays as it was made, and all
that is made from it goes on with that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from whetstone.causes import causes_of, is_heeded
from whetstone.lake import version_of
from whetstone.ledger import Ledger, Made, evidence_of
from whetstone.lineage import Follow, Graph, Input, Node
from whetstone.versions import Key, Roots, Snapshot, Versions


@dataclass(frozen=True)
class Run:
    """Assets to make in one run: the daily ones for all of `days`, the others once.

    `causes` says for each asset why, in words. Two runs with one fingerprint within an hour are
    the same: the second would do what the first has tried.
    """

    assets: tuple[str, ...]
    days: tuple[str, ...]
    causes: Mapping[str, str]
    fingerprint: str


@dataclass(frozen=True)
class Plan:
    """The runs to start now, what waits for runs, and what cannot be made with the reason."""

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
    # It is being made, or is not stale but made from what will be.
    WAITS = "waits"
    # It was made, but is out of date or made from what is, and cannot be made anew.
    STUCK = "stuck"
    MISSING = "missing"
    BLOCKED = "blocked"


def plan(
    graph: Graph,
    ledger: Ledger,
    roots: Roots,
    now: datetime,
    active: frozenset[Key] = frozenset(),
    holds: Mapping[str, str] | None = None,
    retrainings: int | None = None,
) -> Plan:
    """Decide what to run.

    Args:
        graph: the asset graph.
        ledger: what has been made, and tried.
        roots: the versions of the roots.
        now: the time, with its zone.
        active: what is being made at this moment; it is waited for.
        holds: assets that are not made anew for now, with the reason; a first time they are.
        retrainings: how many models may be trained anew for now; None: any number. First trainings
            do not count.
    """
    return _Planner(graph, ledger, roots, now, active, holds or {}, retrainings).plan()


class _Planner:
    def __init__(
        self,
        graph: Graph,
        ledger: Ledger,
        roots: Roots,
        now: datetime,
        active: frozenset[Key],
        holds: Mapping[str, str],
        retrainings: int | None,
    ):
        self._graph = graph
        self._holds = holds
        self._retrainings = retrainings
        self._ledger = Snapshot(ledger)
        self._roots = roots
        self._now = now
        self._active = active
        self._versions = Versions(graph, self._ledger, roots)
        self._days: dict[str, list[str | None]] = {}
        self._states: dict[Key, _State] = {}
        self._causes: dict[Key, list[str]] = {}
        self._held: dict[str, str] = {}
        self._evidence: dict[Key, str] = {}
        # Of a daily asset as a whole, for what has no days: it is asked for once.
        self._wholes: dict[str, _State] = {}
        self._existing: dict[str, set[str | None]] = {}
        # Daily assets of which no day is but fresh, and which need no look at each.
        self._calm: set[str] = set()

    def plan(self) -> Plan:
        for node in self._graph.nodes.values():
            self._days[node.asset] = self._days_of(node)
            for day in self._days[node.asset]:
                self._states[node.asset, day] = self._judge(node, day)
            if all(self._states[node.asset, day] is _State.FRESH for day in self._days[node.asset]):
                self._calm.add(node.asset)
        wanted = [key for key, state in self._states.items() if state is _State.RUN]
        waiting = [_text(key) for key, state in self._states.items() if state is _State.WAITS]
        return Plan(tuple(self._runs(wanted)), tuple(waiting), self._held)

    def _days_of(self, node: Node) -> list[str | None]:
        if not node.daily:
            return [None]
        days: set[str | None] = set()
        for source in node.inputs:
            if source.asset in self._graph.daily_roots:
                days.update(self._roots.versions.get(source.asset, {}))
            elif self._graph.is_daily(source.asset):
                days.update(self._existing_days(source.asset))
        return sorted(days, key=str)

    def _existing_days(self, asset: str) -> set[str | None]:
        """The days that have been made or can be: the raw files of a day may be gone by now."""
        if asset not in self._existing:
            can_be = (d for d in self._days[asset] if self._states[asset, d] is not _State.MISSING)
            self._existing[asset] = {*self._ledger.days(asset), *can_be}
        return self._existing[asset]

    def _judge(self, node: Node, day: str | None) -> _State:
        key = (node.asset, day)
        if key in self._active:
            return _State.WAITS
        made = self._ledger.made(*key)
        if made is not None and self._is_untouched(node, day, made):
            return _State.FRESH
        if day is not None and self._is_history(node, day):
            return _State.MISSING if made is None else _State.FRESH
        states = [(source, self._state_of(source, day)) for source in node.inputs]
        if gate := next((s.asset for s, state in states if state is _State.BLOCKED), None):
            self._held[_text(key)] = f"the gate of {gate} failed"
            return _State.MISSING if made is None else _State.FRESH
        if made is None and _nothing_yet(states):
            return _State.MISSING
        if reason := _missing(states):
            return self._hold(key, made, reason)
        inputs = self._versions.inputs(node, day)
        newest = day == self._days[node.asset][-1]
        heeded = [(source, state) for source, state in states if is_heeded(source, made, newest)]
        # An input that is about to be made anew may come out as it was.
        settled = [source.asset for source, state in heeded if state is not _State.RUN]
        causes = causes_of(node, made, inputs, settled)
        stuck = [s.asset for s, state in states if state is _State.STUCK and _binds(s)]
        if not causes:
            if {_State.RUN, _State.WAITS}.intersection(state for _, state in heeded):
                return _State.WAITS
            return _State.STUCK if stuck else _State.FRESH
        of_inputs = {state for _, state in states}
        if _State.WAITS in of_inputs:
            return _State.WAITS
        if stuck:
            return self._hold(key, made, f"{stuck[0]} is out of date and cannot be made")
        self._evidence[key] = evidence_of(node.code_version, inputs)
        attempt = self._ledger.attempt(*key)
        if attempt is not None and attempt.forbids(self._evidence[key], self._now):
            if _State.RUN in of_inputs:
                return _State.WAITS
            return self._hold(key, made, attempt.story)
        if made is not None and (reason := self._held_by_people(node)):
            self._held[_text(key)] = reason
            return _State.FRESH
        self._causes[key] = causes
        return _State.RUN

    def _is_untouched(self, node: Node, day: str | None, made: Made) -> bool:
        """Whether all inputs are as they were: what is true of nearly all, told quickly."""
        if made.code_version != node.code_version:
            return False
        newest = day == self._days[node.asset][-1]
        recorded = 0
        for source in node.inputs:
            if self._state_of(source, day) is not _State.FRESH:
                return False
            before = made.inputs.get(source.asset)
            recorded += before is not None
            if is_heeded(source, made, newest) and self._versions.of(source, day) != before:
                return False
        return recorded == len(made.inputs)

    def _is_history(self, node: Node, day: str) -> bool:
        """Whether rows that a day would be made from have expired, and do not come back."""
        needed = (s.asset for s in node.inputs if _binds(s) and s.asset in self._graph.nodes)
        return any(
            (made := self._ledger.made(asset, day)) is not None
            and made.expired
            and self._state_of_day(asset, day) is _State.FRESH
            for asset in needed
        )

    def _held_by_people(self, node: Node) -> str:
        """Why an asset that is stale stays as it is; empty: nothing holds it."""
        if reason := self._holds.get(node.asset):
            return reason
        if node.layer != "model" or self._retrainings is None:
            return ""
        if not self._retrainings:
            return "today's budget of retrainings is used up"
        self._retrainings -= 1
        return ""

    def _hold(self, key: Key, made: Made | None, reason: str) -> _State:
        self._held[_text(key)] = reason
        return _State.MISSING if made is None else _State.STUCK

    def _state_of(self, source: Input, day: str | None) -> _State:
        asset = source.asset
        if asset not in self._graph.nodes:
            known = self._roots.versions.get(asset, {})
            at = day if self._graph.is_daily(asset) else None
            return _State.FRESH if at in known else _State.MISSING
        if not self._graph.is_daily(asset):
            state = self._states[asset, None]
        elif day is not None:
            own = self._state_of_day(asset, day)
            if own is _State.FRESH and asset in self._calm:
                return own
            # The days before may be wanting, the day itself may not.
            if not source.optional and own in (_State.MISSING, _State.STUCK):
                return own
            state = _together({self._state_of_day(asset, each) for each in source.days(day)})
        else:
            state = self._state_of_whole(asset)
        if source.gated and state is _State.FRESH:
            made = self._ledger.made(asset, None)
            return _State.BLOCKED if made and made.gate == "failed" else state
        return state

    def _state_of_day(self, asset: str, day: str | None) -> _State:
        state = self._states.get((asset, day))
        if state is None:
            return _State.MISSING if self._ledger.made(asset, day) is None else _State.FRESH
        return state

    def _state_of_whole(self, asset: str) -> _State:
        if asset not in self._wholes:
            days = self._existing_days(asset)
            self._wholes[asset] = _together({self._state_of_day(asset, day) for day in days})
        return self._wholes[asset]

    def _runs(self, wanted: Sequence[Key]) -> Iterable[Run]:
        assets_of: dict[str, list[str]] = {}
        for asset, day in wanted:
            if day is not None:
                assets_of.setdefault(day, []).append(asset)
        once = [asset for asset, day in wanted if day is None]
        ranges = list(_ranges(assets_of))
        if len(ranges) <= 1:
            days, assets = ranges[0] if ranges else ((), ())
            if wanted:
                yield self._run((*once, *assets), days)
            return
        # Several runs: each takes what needs nothing that another one makes.
        days_of: dict[str, set[str | None]] = {}
        for asset, day in wanted:
            days_of.setdefault(asset, set()).add(day)
        for days, assets in (((), once), *ranges):
            if closed := self._closed(assets, days, days_of):
                yield self._run(closed, days)

    def _closed(
        self, assets: Sequence[str], days: tuple[str, ...], wanted: Mapping[str, set[str | None]]
    ) -> list[str]:
        kept: set[str] = set()
        for asset in self._ordered(assets):
            daily = self._graph.nodes[asset].daily
            for source in self._graph.nodes[asset].inputs:
                elsewhere = wanted.get(source.asset, set())
                same_days = daily and self._graph.is_daily(source.asset)
                read = {each for day in days for each in source.days(day)} if same_days else None
                needed = elsewhere if read is None else elsewhere & read
                if needed and (source.asset not in kept or not needed <= {None, *days}):
                    break
            else:
                kept.add(asset)
        return self._ordered(kept)

    def _run(self, assets: Iterable[str], days: tuple[str, ...]) -> Run:
        ordered = self._ordered(assets)
        causes: dict[str, str] = {}
        evidence: list[str] = [f"{self._now:%Y-%m-%dT%H}"]
        for asset in ordered:
            keys: list[Key] = [(asset, d) for d in days]
            keys = keys if self._graph.nodes[asset].daily else [(asset, None)]
            causes[asset] = "; ".join(dict.fromkeys(c for k in keys for c in self._causes[k]))
            for key in keys:
                made, tried = self._ledger.made(*key), self._ledger.attempt(*key)
                before = (made.made_at if made else "", tried.at if tried else "")
                evidence.append(version_of(*key, self._evidence[key], *before))
        return Run(tuple(ordered), days, causes, version_of(*evidence))

    def _ordered(self, assets: Iterable[str]) -> list[str]:
        chosen = set(assets)
        return [asset for asset in self._graph.nodes if asset in chosen]


def _together(states: set[_State]) -> _State:
    """The state of several days of an input.

    A day that is stuck for ever keeps nothing back that all days together make.
    """
    by_weight = (_State.WAITS, _State.RUN, _State.FRESH, _State.STUCK)
    return next((state for state in by_weight if state in states), _State.MISSING)


def _missing(states: Sequence[tuple[Input, _State]]) -> str:
    """Which input is missing, in words; empty: none."""
    for source, state in states:
        if state is _State.MISSING and not source.optional:
            return f"{source.asset} does not exist"
    if all(state is _State.MISSING for _, state in states):
        return "nothing exists that it could be made from"
    return ""


def _nothing_yet(states: Sequence[tuple[Input, _State]]) -> bool:
    """Whether what is made from whatever there is has nothing to be made from; no cause to hold."""
    return all(source.optional and state is _State.MISSING for source, state in states)


def _binds(source: Input) -> bool:
    """Whether something cannot be right while the input is out of date."""
    return source.follow is Follow.CONTENT and not source.optional


def _ranges(assets_of: Mapping[str, list[str]]) -> Iterable[tuple[tuple[str, ...], list[str]]]:
    """Runs of adjacent days for which the same assets are wanted."""
    start: list[str] = []
    for day in sorted(assets_of):
        follows = start and date.fromisoformat(start[-1]) + timedelta(1) == date.fromisoformat(day)
        if start and not (follows and assets_of[day] == assets_of[start[0]]):
            yield tuple(start), assets_of[start[0]]
            start = []
        start.append(day)
    if start:
        yield tuple(start), assets_of[start[0]]


def _text(key: Key) -> str:
    return key[0] if key[1] is None else f"{key[0]}[{key[1]}]"
