"""The heart of a scorer: from records to scored units, without inputs, outputs or clocks.

Workflow, of two threads or one:
  * `Engine.parse` turns the records of an input into events, once for each definition of the
    source among the models. It touches nothing that `work` touches.
  * `Engine.work` puts events into units, closes units that are complete and scores: whatever is
    given to it in the same order gives the same scores, however it was cut into batches.
  * `Engine.serve` changes the models between two batches. A model whose definitions changed begins
    with the units that begin after the change; what it replaces sees the units before through.
  * `Engine.saved` and `Engine.restore` are for checkpoints.

When units are complete is told by the events' own clocks: see `whetstone.streaming.clocks`.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import Source
from whetstone.catalog.hashes import source_hash
from whetstone.engine import open_engine
from whetstone.errors import InputError
from whetstone.parsing.run import Protection
from whetstone.scoring.run import BundleScorer
from whetstone.scoring.slow import SlowFeatures
from whetstone.streaming.buckets import Saved
from whetstone.streaming.clocks import Clocks
from whetstone.streaming.flow import Scored
from whetstone.streaming.sources import Events, SourceParser
from whetstone.streaming.units import BEFORE, INPUT, Units
from whetstone.streaming.views import Served, ViewUnits, by_view

_ALL = 1 << 62
# Events of complete units that are looked at between two batches: a window of millions must not
# hold up the alerts of others.
_CLOSED_AT_ONCE = 20_000


@dataclass(frozen=True)
class Bounds:
    """How much a scorer may hold on to.

    Attributes:
        lateness: microseconds of event time for which a unit waits for events out of order.
        most_bytes: of open units' events; beyond it, units that were silent longest are closed.
        most_units: open at once, likewise.
    """

    lateness: int = 60_000_000
    most_bytes: int = 512 << 20
    most_units: int = 2_000_000


@dataclass(frozen=True, eq=False)
class Parsed:
    """The events of some records of one input.

    Attributes:
        input: name of the input.
        source: name of its source.
        events: definition of the source (its hash) -> what became of the records under it.
        arrived: `time.monotonic()` when the last of them arrived.
        latest: event time (µs) beyond which no clock is believed; None: any is.
        models: which models they were parsed for: the number of `serve` calls before.
    """

    input: str
    source: str
    events: Mapping[str, Events]
    arrived: float
    latest: int | None
    models: int


@dataclass(eq=False)
class Counts:
    """What was not as it should be, since the scorer began.

    Attributes:
        late: source -> events that came when their unit was complete.
        evicted: feature view -> units that were closed before their time.
        ahead: source -> events whose clock was not believed.
        unknown_templates: source -> messages without a template that a feature wanted.
    """

    late: Counter[str] = field(default_factory=Counter[str])
    ahead: Counter[str] = field(default_factory=Counter[str])
    evicted: Counter[str] = field(default_factory=Counter[str])
    unknown_templates: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True, eq=False)
class _Models:
    """The models of one `serve` call, and what parsing has to give them."""

    number: int
    served: tuple[Served, ...]
    definitions: Mapping[str, Sequence[tuple[str, Source, frozenset[str]]]]


@dataclass(frozen=True, eq=False)
class _Done:
    """What came of events in one view."""

    scored: Sequence[Scored]
    late: int
    unknown: int


class Engine:
    """Scores what the inputs of one environment give. A context manager.

    Args:
        environment: its name.
        inputs: name -> name of its source.
        bounds: see there.
        time_zone: of clocks that name none.
        protection: what is done to personal data before anything else sees it; None: nothing.
        slow: where slow features are looked up; None: in each bundle's export.
    """

    def __init__(
        self,
        environment: str,
        inputs: Mapping[str, str],
        bounds: Bounds | None = None,
        time_zone: str = "UTC",
        protection: Protection | None = None,
        slow: SlowFeatures | None = None,
    ) -> None:
        self.environment = environment
        self.bounds = bounds or Bounds()
        self.counts = Counts()
        self._inputs = dict(inputs)
        self._names = sorted(inputs)  # numbers of inputs are places in it
        self._time_zone, self._protection, self._slow = time_zone, protection, slow
        self._models = _Models(0, (), {})
        self._active = self._models
        self._parsers: dict[str, SourceParser] = {}
        self._views: dict[str, ViewUnits] = {}
        self._clocks = Clocks(inputs, self.bounds.lateness)
        self._failed: list[tuple[BundleScorer, Exception]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        limit = f"{max(self.bounds.most_bytes, 128 << 20)}B"
        self._parsing, self._scoring, self._beside = (
            self._stack.enter_context(open_engine(threads=1, memory_limit=limit)) for _ in range(3)
        )
        self._thread = self._stack.enter_context(ThreadPoolExecutor(1, "events"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def serve(self, served: Sequence[Served]) -> None:
        """Score with these models from the next batch that is parsed on."""
        wanted: dict[str, dict[str, tuple[Source, set[str]]]] = {}
        for one in served:
            source = one.scorer.source
            _, fields = wanted.setdefault(source.name, {}).setdefault(
                source_hash(source), (source, set())
            )
            fields |= one.reads
        definitions = {
            name: [(key, source, frozenset(fields)) for key, (source, fields) in by_hash.items()]
            for name, by_hash in wanted.items()
        }
        self._models = _Models(self._models.number + 1, tuple(served), definitions)

    @property
    def served(self) -> tuple[Served, ...]:
        """The models that were last asked for."""
        return self._models.served

    def parse(
        self,
        name: str,
        records: pa.RecordBatch,
        day: str,
        arrived: float = 0.0,
        latest: int | None = None,
    ) -> Parsed:
        """The events of records.

        Args:
            name: of the input.
            records: of `RECORD_SCHEMA`.
            day: on which they arrived, ISO.
            arrived: see `Parsed`.
            latest: see `Parsed`: a line from the future, forged or by a clock gone wrong, must not
                make all others late.
        """
        models, source = self._models, self._inputs[name]
        events: dict[str, Events] = {}
        for key, definition, fields in models.definitions.get(source, ()):
            parser = self._parsers.get(key)
            if parser is None or not fields <= parser.fields:
                parser = self._parsers[key] = SourceParser(
                    self._parsing,
                    definition,
                    fields,
                    self.environment,
                    self._time_zone,
                    self._protection,
                )
            events[key] = parser.parse(records, day)
        return Parsed(name, source, events, arrived, latest, models.number)

    def work(self, parsed: Parsed) -> Iterator[Scored]:
        """Scores that follow from events: of units that are complete, and of growing ones."""
        if parsed.models != self._active.number:
            self._activate()
        reached: list[int] = []
        for key, events in parsed.events.items():
            if not events.table.num_rows:
                continue
            table, newest = self._timed(parsed, events.table)
            reached.append(newest)
            views = [view for view in self._views.values() if view.source_key == key]
            # Single events need nothing but themselves: theirs is done beside what is kept open.
            beside = {
                view: self._thread.submit(self._put, view, table, parsed)
                for view in views
                if view.of_events and self._slow is None
            }
            here = {view: self._put(view, table, parsed) for view in views if view not in beside}
            for view in views:
                done = beside[view].result() if view in beside else here[view]
                self.counts.late[parsed.source] += done.late
                self.counts.unknown_templates[parsed.source] += done.unknown
                yield from done.scored
        for newest in reached:  # of each definition of the source
            self._clocks.move(parsed.input, newest)
        came = sum(events.table.num_rows for events in parsed.events.values())
        yield from self._close(parsed.source, parsed.arrived, max(_CLOSED_AT_ONCE, 2 * came))
        yield from self._within_bounds(parsed.arrived)

    def idle(self, name: str, newest: int, arrived: float) -> Iterator[Scored]:
        """The input `name` is silent: take its clock to have come to `newest` (event time, µs)."""
        self._clocks.move(name, newest)
        yield from self.settle(arrived)

    def settle(self, arrived: float) -> Iterator[Scored]:
        """Go on with closing units that are complete; to be called when there is nothing else."""
        for source in sorted(set(self._inputs.values())):
            yield from self._close(source, arrived, _CLOSED_AT_ONCE)

    def finish(self, name: str, arrived: float = 0.0) -> Iterator[Scored]:
        """The input `name` has ended: nothing is waited for."""
        self._clocks.end(name)
        yield from self._close(self._inputs[name], arrived, _ALL)

    def watermark(self, source: str) -> int:
        """Event time (µs) up to which a source is complete."""
        return self._clocks.watermark(source)

    def failures(self) -> list[tuple[BundleScorer, Exception]]:
        """Models that could not score, and why, since this was last asked."""
        failed, self._failed = self._failed, []
        return failed

    def newest(self, name: str) -> int | None:
        """Time (µs) of the newest event of an input; None if it gave none."""
        return self._clocks.newest(name)

    @property
    def views(self) -> Mapping[str, ViewUnits]:
        """The units of each view, by what they are kept for."""
        return self._views

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the open units, as JSON takes it."""
        return {
            "inputs": self._names,
            "newest": self._clocks.state(),
            "late": dict(self.counts.late),
            "ahead": dict(self.counts.ahead),
            "evicted": dict(self.counts.evicted),
            "begins": {key: view.begins for key, view in self._views.items()},
        }

    def restore(self, state: Mapping[str, Any], saved: Mapping[str, Sequence[Saved]]) -> list[str]:
        """Be again what a checkpoint kept.

        Args:
            state: what `state` gave.
            saved: the parts of the open units of each view, in order.

        Returns:
            Those of `saved` that no model in service can go on with; they are lost.
        """
        # Rows know inputs by number: those of before keep theirs.
        before = state["inputs"]
        self._names = [*before, *(name for name in self._names if name not in before)]
        self._activate()
        self._clocks.restore(state["newest"])
        self.counts.late.update(state["late"])
        self.counts.ahead.update(state["ahead"])
        self.counts.evicted.update(state["evicted"])
        for key, view in self._views.items():
            if parts := saved.get(key):
                view.restore(parts, state["begins"][key])
        return [key for key in saved if key not in self._views]

    def _activate(self) -> None:
        """Take the models that were asked for into service."""
        first = not self._active.number
        self._active = self._models
        wanted = by_view(self._active.served)
        new = {key: served for key, served in wanted.items() if key not in self._views}
        succeeded = {
            one.detector: key
            for key, served in new.items()
            for one in served
            if one.role == "champion"
        }
        begins: dict[str, int] = {}
        for key, view in list(self._views.items()):
            boundary = view.boundary(self._clocks.newest_of(view.source))
            successors = {succeeded[name] for name in view.detectors() if name in succeeded}
            for successor in successors:
                begins[successor] = max(boundary, begins.get(successor, boundary))
            if successors:
                view.hand_over(boundary)
            if key in wanted:
                view.serve(wanted[key])
                continue
            view.retire(boundary)
            if not successors or view.over:
                del self._views[key]
        for key, served in new.items():
            since = None if first else begins.get(key)
            of_events = served[0].scorer.view.WhichOneof("unit") == "event"
            connection = self._beside if of_events else self._scoring
            self._views[key] = ViewUnits(connection, served, self.environment, self._names, since)

    def _timed(self, parsed: Parsed, table: pa.Table) -> tuple[pa.Table, int]:
        """Events with their input and the watermark before each; and the newest event's time."""
        name = parsed.input
        times = table["event_time"].to_numpy().astype(np.int64)
        # Canaries, whose lines have negative numbers, tell the wall clock's time, not the log's.
        believed = table["raw_line"].to_numpy() >= 0
        if parsed.latest is not None:
            ahead = times > parsed.latest
            self.counts.ahead[parsed.source] += int(ahead.sum())
            believed &= ~ahead
        before, newest = self._clocks.read(name, times, believed)
        numbers = pa.array(np.full(table.num_rows, self._names.index(name), np.int16))
        timed = table.append_column(INPUT, numbers).append_column(BEFORE, pa.array(before))
        return timed, newest

    def _close(self, source: str, arrived: float, most: int) -> Iterator[Scored]:
        for key, view in list(self._views.items()):
            if view.source != source:
                continue
            for units in view.close(self.watermark(source), most):
                yield from self._scored(view, units, arrived)
            if view.over:
                del self._views[key]

    def _within_bounds(self, arrived: float) -> Iterator[Scored]:
        while self.nbytes > self.bounds.most_bytes or self.units > self.bounds.most_units:
            view = max(self._views.values(), key=lambda view: view.nbytes)
            before = view.units
            for units in view.evict():
                yield from self._scored(view, units, arrived)
            if view.units == before:
                return
            self.counts.evicted[view.name] += before - view.units

    def _put(self, view: ViewUnits, events: pa.Table, parsed: Parsed) -> "_Done":
        """Put events into the units of a view, and score those that are complete or wanted."""
        found, late, unknown = view.add(events)
        scored = [one for units in found for one in self._scored(view, units, parsed.arrived)]
        return _Done(scored, late, unknown)

    def _scored(self, view: ViewUnits, units: Units, arrived: float) -> Iterator[Scored]:
        watermark = self.watermark(view.source)
        for served in view.served:
            try:
                yield from view.score(served, units, arrived, watermark, self._slow)
            except InputError as error:
                self._failed.append((served.scorer, error))

    @property
    def nbytes(self) -> int:
        """Memory that the events of open units take."""
        return sum(view.nbytes for view in self._views.values())

    @property
    def units(self) -> int:
        """How many units are open."""
        return sum(view.units for view in self._views.values())
